// Index scores over a paged fp8 cache: sum over heads of relu(q . k * scale) * weight; a warp per key.
// Exercises: fp8x4 conversions, float4 shared memory read by every warp, early return of whole blocks, break.
#include <cuda_fp8.h>

constexpr int kHeads = 64, kWidth = 128, kPageKeys = 64, kPageBytes = kPageKeys * (kWidth + 4), kWarps = 8,
              kGroup = 4;

extern "C" __global__ void __launch_bounds__(256)
    dsa_index(const __nv_fp8_e4m3* q, const unsigned char* k_cache, const float* weights, const int* seq_lens,
              const int* block_table, float* scores, int max_pages) {
  __shared__ float4 query[kHeads * kWidth / 4];
  __shared__ float weight[kHeads];
  const int sequence = blockIdx.y, page = blockIdx.x, length = seq_lens[sequence];
  if (page * kPageKeys >= length) return;
  const auto* packed_query = reinterpret_cast<const __nv_fp8x4_e4m3*>(q + size_t(sequence) * kHeads * kWidth);
  for (int i = threadIdx.x; i < kHeads * kWidth / 4; i += blockDim.x) query[i] = float4(packed_query[i]);
  if (threadIdx.x < kHeads) weight[threadIdx.x] = weights[sequence * kHeads + threadIdx.x];
  __syncthreads();

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const unsigned char* keys = k_cache + size_t(block_table[sequence * max_pages + page]) * kPageBytes;
  const float* scales = reinterpret_cast<const float*>(keys + kPageKeys * kWidth);
  for (int t = warp; t < kPageKeys; t += kWarps) {
    if (page * kPageKeys + t >= length) break;
    const float4 key = float4(reinterpret_cast<const __nv_fp8x4_e4m3*>(keys + t * kWidth)[lane]);
    const float scale = scales[t];
    float total = 0.0f;
    for (int h = 0; h < kHeads; h += kGroup) {
      float product[kGroup];
#pragma unroll
      for (int i = 0; i < kGroup; ++i) {
        const float4 x = query[(h + i) * 32 + lane];
        product[i] = x.x * key.x + x.y * key.y + x.z * key.z + x.w * key.w;
      }
#pragma unroll
      for (int distance = 16; distance > 0; distance /= 2) {
#pragma unroll
        for (int i = 0; i < kGroup; ++i) product[i] += __shfl_xor_sync(0xffffffffu, product[i], distance);
      }
#pragma unroll
      for (int i = 0; i < kGroup; ++i) total += fmaxf(product[i] * scale, 0.0f) * weight[h + i];
    }
    if (lane == 0) scores[(size_t(sequence) * max_pages + page) * kPageKeys + t] = total;
  }
}
