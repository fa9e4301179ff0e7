// One expert's matrix times one token, both fp8 with a scale for each block of 128: a warp per output row.
// Exercises: 16-byte read-only loads, fp8x4 to float conversions, 64-bit address arithmetic.
#include <cuda_fp8.h>

constexpr int kBlock = 128, kWarps = 8, kBytes = 16;

__device__ float dot_of_four(unsigned a, unsigned b) {
  __nv_fp8x4_e4m3 left, right;
  left.__x = a;
  right.__x = b;
  const float4 x = float4(left), y = float4(right);
  return x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w;
}

extern "C" __global__ void __launch_bounds__(256)
    moe_gemv(const __nv_fp8_e4m3* x, const float* x_scales, const __nv_fp8_e4m3* weights,
             const float* weight_scales, const int* expert_of_pair, const int* token_of_pair, float* out,
             int n, int k) {
  const int pair = blockIdx.y, row = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32;
  const int expert = expert_of_pair[pair], token = token_of_pair[pair], blocks = k / kBlock;
  const uint4* weight_row = reinterpret_cast<const uint4*>(weights + (size_t(expert) * n + row) * k);
  const uint4* token_row = reinterpret_cast<const uint4*>(x + size_t(token) * k);
  const float* row_scales = weight_scales + (size_t(expert) * (n / kBlock) + row / kBlock) * blocks;
  float sum = 0.0f;
  for (int i = lane; i < k / kBytes; i += 32) {
    const uint4 w = weight_row[i], t = token_row[i];
    const int block = i / (kBlock / kBytes);
    const float product =
        dot_of_four(w.x, t.x) + dot_of_four(w.y, t.y) + dot_of_four(w.z, t.z) + dot_of_four(w.w, t.w);
    sum += product * (x_scales[token * blocks + block] * row_scales[block]);
  }
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  if (lane == 0) out[size_t(pair) * n + row] = sum;
}
