// Gated delta rule over whole sequences, token after token: the state stays in registers, four rows a warp.
// Exercises: a long loop with a data-dependent trip count, register arrays, packed bf16 loads, shuffles.
#include <cuda_bf16.h>

constexpr int kHeads = 8, kKeyHeads = 4, kDim = 128, kRows = 4, kRowsOfBlock = 16;

__device__ float4 four_columns(const __nv_bfloat16* vector) {
  const float2 low = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162*>(vector)[0]);
  const float2 high = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162*>(vector)[1]);
  return make_float4(low.x, low.y, high.x, high.y);
}

__device__ float dot(float4 a, float4 b) {
  return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

__device__ void sum_of_warp(float (&values)[kRows]) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) values[i] += __shfl_xor_sync(0xffffffffu, values[i], distance);
  }
}

extern "C" __global__ void __launch_bounds__(128)
    gdn_prefill(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v, const float* gate,
                const float* beta, const float* state, float scale, __nv_bfloat16* out, float* new_state,
                const int* cu_seqlens) {
  const int head = blockIdx.x, sequence = blockIdx.y, lane = threadIdx.x % 32;
  const int first_row = blockIdx.z * kRowsOfBlock + threadIdx.x / 32 * kRows;
  const size_t state_start = ((size_t(sequence) * kHeads + head) * kDim + first_row) * kDim + 4 * lane;
  float4 s[kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) s[i] = *reinterpret_cast<const float4*>(state + state_start + i * kDim);

  for (int token = cu_seqlens[sequence]; token < cu_seqlens[sequence + 1]; ++token) {
    const size_t key_start = (size_t(token) * kKeyHeads + head / (kHeads / kKeyHeads)) * kDim + 4 * lane;
    const size_t row_start = (size_t(token) * kHeads + head) * kDim + first_row;
    const float4 key = four_columns(k + key_start), query = four_columns(q + key_start);
    const float decay = expf(gate[token * kHeads + head]), rate = beta[token * kHeads + head];
    float old_value[kRows], value[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      s[i] = make_float4(s[i].x * decay, s[i].y * decay, s[i].z * decay, s[i].w * decay);
      old_value[i] = dot(s[i], key);
    }
    sum_of_warp(old_value);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const float delta = rate * (__bfloat162float(v[row_start + i]) - old_value[i]);
      s[i].x += key.x * delta;
      s[i].y += key.y * delta;
      s[i].z += key.z * delta;
      s[i].w += key.w * delta;
      value[i] = dot(s[i], query);
    }
    sum_of_warp(value);
    if (lane < kRows) {
      const float mine = lane == 0 ? value[0] : lane == 1 ? value[1] : lane == 2 ? value[2] : value[3];
      out[row_start + lane] = __float2bfloat16(scale * mine);
    }
  }
#pragma unroll
  for (int i = 0; i < kRows; ++i) *reinterpret_cast<float4*>(new_state + state_start + i * kDim) = s[i];
}
