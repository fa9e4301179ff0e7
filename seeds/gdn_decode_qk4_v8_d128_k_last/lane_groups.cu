// Gated delta rule, one decode step: LANES lanes share one row of the state, so that a warp works on 32 / LANES rows at
// once and its reductions take log2(LANES) steps instead of five. Small batches get their own launch, with fewer rows
// per group and small blocks, so that even one sequence spreads over the whole device.
/*@plan
tune LANES = 8 in {4, 8, 16, 32};        // lanes that share a row
tune ROWS = 2 in {1, 2, 4};              // rows per group of lanes, large batches
tune WARPS = 4 in {1, 2, 4, 8};          // warps per block, large batches
tune SMALL_LANES = 16 in {8, 16, 32};    // the same for small batches, with one row per group
tune SMALL_WARPS = 2 in {1, 2, 4};
tune SMALL_BATCH = 4 in {0, 1, 4, 8, 16};
require head_size % (32 / LANES * ROWS * WARPS) == 0 else "a block's rows must divide head_size";

if (batch_size <= SMALL_BATCH) {
  const int rows = 32 / SMALL_LANES * SMALL_WARPS;   // per block
  gdn_decode<SMALL_LANES, 1, SMALL_WARPS><<<dim3(head_size / rows, num_v_heads, batch_size), 32 * SMALL_WARPS>>>(
      q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);
} else {
  const int rows = 32 / LANES * ROWS * WARPS;
  gdn_decode<LANES, ROWS, WARPS><<<dim3(head_size / rows, num_v_heads, batch_size), 32 * WARPS>>>(
      q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);
}
*/
#include <cuda_bf16.h>

constexpr int D = axis::head_size;

template <int Lanes>
__device__ float group_sum(float x) {
#pragma unroll
  for (int offset = Lanes / 2; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

__device__ float4 load_bf16x4(const __nv_bfloat16* p) {
  const uint2 raw = *reinterpret_cast<const uint2*>(p);
  const float2 low = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162&>(raw.x));
  const float2 high = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162&>(raw.y));
  return make_float4(low.x, low.y, high.x, high.y);
}

__device__ float dot(float4 x, float4 y) { return x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w; }

template <int Lanes, int Rows, int Warps>
__global__ void __launch_bounds__(32 * Warps)
gdn_decode(const __nv_bfloat16* __restrict__ q, const __nv_bfloat16* __restrict__ k,
           const __nv_bfloat16* __restrict__ v, const float* __restrict__ state, const float* __restrict__ A_log,
           const __nv_bfloat16* __restrict__ a, const float* __restrict__ dt_bias,
           const __nv_bfloat16* __restrict__ b, float scale, __nv_bfloat16* __restrict__ output,
           float* __restrict__ new_state) {
  constexpr int kGroups = 32 / Lanes;            // groups per warp
  constexpr int kVectors = D / (4 * Lanes);      // float4 per lane and row
  const int lane = threadIdx.x % Lanes;
  const int group = (blockIdx.x * Warps + threadIdx.x / 32) * kGroups + threadIdx.x % 32 / Lanes;
  const int first_row = group * Rows;
  const int head = blockIdx.y;
  const int qk_head = head / (axis::num_v_heads / axis::num_q_heads);
  const long long sequence = blockIdx.z;
  const long long gate_index = sequence * axis::num_v_heads + head;
  const long long base = (gate_index * D + first_row) * D + lane * 4;
  const long long qk_offset = (sequence * axis::num_q_heads + qk_head) * D + lane * 4;

  // All loads of the state first: they are the kernel's time.
  float4 s[Rows][kVectors], key[kVectors], query[kVectors];
#pragma unroll
  for (int r = 0; r < Rows; ++r)
#pragma unroll
    for (int i = 0; i < kVectors; ++i)
      s[r][i] = state == nullptr
                    ? make_float4(0, 0, 0, 0)
                    : *reinterpret_cast<const float4*>(state + base + r * D + i * 4 * Lanes);
  float key_query = 0.0f;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    key[i] = load_bf16x4(k + qk_offset + i * 4 * Lanes);
    query[i] = load_bf16x4(q + qk_offset + i * 4 * Lanes);
    key_query += dot(key[i], query[i]);
  }
  key_query = group_sum<Lanes>(key_query);

  const float x = __bfloat162float(a[gate_index]) + dt_bias[head];
  const float softplus = x > 20.0f ? x : log1pf(__expf(x));
  const float decay = __expf(-__expf(A_log[head]) * softplus);
  const float beta = 1.0f / (1.0f + __expf(-__bfloat162float(b[gate_index])));
  if (scale == 0.0f) scale = rsqrtf(float(D));

#pragma unroll
  for (int r = 0; r < Rows; ++r) {
    float key_state = 0.0f, query_state = 0.0f;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      key_state += dot(s[r][i], key[i]);
      query_state += dot(s[r][i], query[i]);
    }
    key_state = group_sum<Lanes>(key_state);
    query_state = group_sum<Lanes>(query_state);
    const float value = __bfloat162float(v[gate_index * D + first_row + r]);
    const float delta = beta * (value - decay * key_state);
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      float4 updated;
      updated.x = decay * s[r][i].x + key[i].x * delta;
      updated.y = decay * s[r][i].y + key[i].y * delta;
      updated.z = decay * s[r][i].z + key[i].z * delta;
      updated.w = decay * s[r][i].w + key[i].w * delta;
      *reinterpret_cast<float4*>(new_state + base + r * D + i * 4 * Lanes) = updated;
    }
    if (lane == 0)
      output[gate_index * D + first_row + r] = __float2bfloat16(scale * (decay * query_state + delta * key_query));
  }
}
