// Sparse latent attention: a block per token and head; its eight warps share the chosen keys, each with its
// own online softmax, and meet in shared memory at the end. Exercises: gathered bf16x2 loads, ex2/lg2, -inf,
// `continue` in a warp-uniform loop, one barrier, 17 KB of shared memory.
#include <cuda_bf16.h>
#include <math_constants.h>

constexpr int kHeads = 16, kLatent = 512, kRotary = 64, kKeys = 2048, kWarps = 8, kPairs = kLatent / 64;

extern "C" __global__ void __launch_bounds__(256)
    dsa_attn(const __nv_bfloat16* q_nope, const __nv_bfloat16* q_pe, const __nv_bfloat16* ckv,
             const __nv_bfloat16* kpe, const int* indices, float scale, __nv_bfloat16* out, float* lse) {
  __shared__ float partial_out[kWarps][kLatent];
  __shared__ float partial_max[kWarps], partial_sum[kWarps];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const size_t row = size_t(blockIdx.x) * kHeads + blockIdx.y;
  const float to_base_two = scale * 1.44269504f;

  float2 query[kPairs], query_rotary;
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    query[i] =
        __bfloat1622float2(reinterpret_cast<const __nv_bfloat162*>(q_nope + row * kLatent)[i * 32 + lane]);
    query[i] = make_float2(query[i].x * to_base_two, query[i].y * to_base_two);
  }
  query_rotary = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162*>(q_pe + row * kRotary)[lane]);
  query_rotary = make_float2(query_rotary.x * to_base_two, query_rotary.y * to_base_two);

  float largest = -CUDART_INF_F, sum = 0.0f;
  float2 acc[kPairs] = {};
  for (int i = warp; i < kKeys; i += kWarps) {
    const int key = indices[blockIdx.x * kKeys + i];
    if (key < 0) continue;
    float2 latent[kPairs];
    float score = 0.0f;
#pragma unroll
    for (int j = 0; j < kPairs; ++j) {
      latent[j] = __bfloat1622float2(
          reinterpret_cast<const __nv_bfloat162*>(ckv + size_t(key) * kLatent)[j * 32 + lane]);
      score += latent[j].x * query[j].x + latent[j].y * query[j].y;
    }
    const float2 rotary =
        __bfloat1622float2(reinterpret_cast<const __nv_bfloat162*>(kpe + size_t(key) * kRotary)[lane]);
    score += rotary.x * query_rotary.x + rotary.y * query_rotary.y;
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
      score += __shfl_xor_sync(0xffffffffu, score, distance);
    const float new_largest = fmaxf(largest, score);
    const float shrink = exp2f(largest - new_largest), weight = exp2f(score - new_largest);
    sum = sum * shrink + weight;
    largest = new_largest;
#pragma unroll
    for (int j = 0; j < kPairs; ++j) {
      acc[j].x = acc[j].x * shrink + weight * latent[j].x;
      acc[j].y = acc[j].y * shrink + weight * latent[j].y;
    }
  }
  if (lane == 0) {
    partial_max[warp] = largest;
    partial_sum[warp] = sum;
  }
#pragma unroll
  for (int j = 0; j < kPairs; ++j) *reinterpret_cast<float2*>(&partial_out[warp][j * 64 + 2 * lane]) = acc[j];
  __syncthreads();

  float block_max = -CUDART_INF_F, block_sum = 0.0f;
  for (int i = 0; i < kWarps; ++i) block_max = fmaxf(block_max, partial_max[i]);
  for (int i = 0; i < kWarps; ++i) block_sum += partial_sum[i] * exp2f(partial_max[i] - block_max);
  for (int d = threadIdx.x; d < kLatent; d += blockDim.x) {
    float value = 0.0f;
    for (int i = 0; i < kWarps; ++i) value += partial_out[i][d] * exp2f(partial_max[i] - block_max);
    out[row * kLatent + d] = __float2bfloat16(block_sum > 0.0f ? value / block_sum : 0.0f);
  }
  if (threadIdx.x == 0) lse[row] = block_max + log2f(block_sum);
}
