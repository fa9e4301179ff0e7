// Bytes through DRAM: a grid-stride copy, 16 bytes an access.
/*@plan
copy<<<sm_count * 8, 512>>>(x, y, i64(elements / 4));
*/
__global__ void __launch_bounds__(512) copy(const float4* __restrict__ x, float4* __restrict__ y, long long count) {
  const long long step = static_cast<long long>(gridDim.x) * 512;
  for (long long i = blockIdx.x * 512ll + threadIdx.x; i < count; i += step) y[i] = x[i];
}
