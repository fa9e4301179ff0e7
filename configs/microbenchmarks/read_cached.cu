// Bytes out of the L2: every pass reads the array once, each block from another place on, past the L1 (ld.global.cg).
/*@plan
read_cached<<<sm_count * 2, 512>>>(x, y, i32(elements / 4), i32(repeats));
*/
__global__ void __launch_bounds__(512) read_cached(const float4* x, float* y, int count, int repeats) {
  float4 sum = make_float4(0, 0, 0, 0);
  const int step = gridDim.x * 512;
  for (int pass = 0; pass < repeats; ++pass) {
    const int offset = pass * 512 % count;
#pragma unroll 8
    for (int i = blockIdx.x * 512 + threadIdx.x; i < count; i += step) {
      const int at = i + offset;
      const float4 v = __ldcg(x + (at < count ? at : at - count));
      sum.x += v.x;
      sum.y += v.y;
      sum.z += v.z;
      sum.w += v.w;
    }
  }
  if (sum.x + sum.y + sum.z + sum.w == 12345.678f) y[0] = sum.x;
}
