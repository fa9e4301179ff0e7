// FP32 peak: eight independent chains a thread, 128 FMAs a repeat.
/*@plan
fma_chains<<<sm_count * 4, 256>>>(y, i32(repeats));
*/
__global__ void __launch_bounds__(256) fma_chains(float* y, int repeats) {
  float chain[8];
#pragma unroll
  for (int c = 0; c < 8; ++c) chain[c] = static_cast<float>(threadIdx.x + c);
  for (int r = 0; r < repeats; ++r) {
#pragma unroll
    for (int k = 0; k < 16; ++k) {
#pragma unroll
      for (int c = 0; c < 8; ++c) chain[c] = fmaf(chain[c], 0.999f, 0.5f);
    }
  }
  float sum = 0;
#pragma unroll
  for (int c = 0; c < 8; ++c) sum += chain[c];
  if (sum == 12345.678f) y[0] = sum;
}
