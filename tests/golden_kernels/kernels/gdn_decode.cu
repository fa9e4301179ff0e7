// Gated delta rule, one decode step: a warp per row of the state, four columns a lane.
// Exercises: float4 global accesses, bf16 conversions, exp/log1p in full precision, butterfly shuffles.
#include <cuda_bf16.h>

constexpr int kHeads = 8, kKeyHeads = 4, kDim = 128, kWarps = 4;

__device__ float sum_of_warp(float x) {
  for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
  return x;
}

__device__ float4 four_columns(const __nv_bfloat16* vector) {
  const float2 low = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162*>(vector)[0]);
  const float2 high = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162*>(vector)[1]);
  return make_float4(low.x, low.y, high.x, high.y);
}

__device__ float dot(float4 a, float4 b) {
  return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

extern "C" __global__ void gdn_decode(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v,
                                      const float* state, const float* A_log, const __nv_bfloat16* a,
                                      const float* dt_bias, const __nv_bfloat16* b, float scale,
                                      __nv_bfloat16* out, float* new_state) {
  const int head = blockIdx.x, sequence = blockIdx.y;
  const int row = blockIdx.z * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32;
  const int pair = sequence * kHeads + head;
  const int key_head = sequence * kKeyHeads + head / (kHeads / kKeyHeads);

  const float x = __bfloat162float(a[pair]) + dt_bias[head];
  const float softplus = x > 20.0f ? x : log1pf(expf(x));
  const float decay = expf(-expf(A_log[head]) * softplus);
  const float beta = 1.0f / (1.0f + expf(-__bfloat162float(b[pair])));

  const size_t row_start = (size_t(pair) * kDim + row) * kDim;
  const float4 key = four_columns(k + key_head * kDim + 4 * lane);
  const float4 query = four_columns(q + key_head * kDim + 4 * lane);
  float4 s = reinterpret_cast<const float4*>(state + row_start)[lane];
  s = make_float4(s.x * decay, s.y * decay, s.z * decay, s.w * decay);

  const float old_value = sum_of_warp(dot(s, key));
  const float delta = beta * (__bfloat162float(v[pair * kDim + row]) - old_value);
  s = make_float4(s.x + key.x * delta, s.y + key.y * delta, s.z + key.z * delta, s.w + key.w * delta);
  reinterpret_cast<float4*>(new_state + row_start)[lane] = s;

  const float value = sum_of_warp(dot(s, query));
  if (lane == 0) out[pair * kDim + row] = __float2bfloat16(scale * value);
}
