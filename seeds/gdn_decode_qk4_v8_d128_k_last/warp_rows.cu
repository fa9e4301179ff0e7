// Gated delta rule, one decode step: a warp owns ROWS rows of the state and keeps them in registers, so that the state
// is read once and written once. Each lane holds four neighbouring columns of every row (one float4): loads and stores
// of a warp cover whole rows.
/*@plan
tune ROWS = 4 in {1, 2, 4, 8, 16};    // rows of the state per warp
tune WARPS = 4 in {1, 2, 4, 8};       // warps per block
require head_size % (ROWS * WARPS) == 0 else "ROWS * WARPS must divide head_size";

gdn_decode<<<dim3(head_size / (ROWS * WARPS), num_v_heads, batch_size), 32 * WARPS>>>(
    q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);
*/
#include <cuda_bf16.h>

constexpr int D = axis::head_size;
constexpr int ROWS = knob::ROWS;
static_assert(D == 128, "a lane holds four of 128 columns");

__device__ float4 load_bf16x4(const __nv_bfloat16* p) {
  const __nv_bfloat162* pair = reinterpret_cast<const __nv_bfloat162*>(p);
  const float2 low = __bfloat1622float2(pair[0]), high = __bfloat1622float2(pair[1]);
  return make_float4(low.x, low.y, high.x, high.y);
}

__device__ float dot(float4 x, float4 y) { return x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w; }

__device__ float warp_sum(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

__global__ void __launch_bounds__(32 * knob::WARPS)
gdn_decode(const __nv_bfloat16* __restrict__ q, const __nv_bfloat16* __restrict__ k,
           const __nv_bfloat16* __restrict__ v, const float* __restrict__ state, const float* __restrict__ A_log,
           const __nv_bfloat16* __restrict__ a, const float* __restrict__ dt_bias,
           const __nv_bfloat16* __restrict__ b, float scale, __nv_bfloat16* __restrict__ output,
           float* __restrict__ new_state) {
  const int lane = threadIdx.x % 32;
  const int first_row = (blockIdx.x * knob::WARPS + threadIdx.x / 32) * ROWS;
  const int head = blockIdx.y;
  const int qk_head = head / (axis::num_v_heads / axis::num_q_heads);
  const long long sequence = blockIdx.z;
  const long long gate_index = sequence * axis::num_v_heads + head;
  const long long base = (gate_index * D + first_row) * D + lane * 4;

  float4 s[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; ++r)
    s[r] = state == nullptr ? make_float4(0, 0, 0, 0) : *reinterpret_cast<const float4*>(state + base + r * D);

  const long long qk_offset = (sequence * axis::num_q_heads + qk_head) * D + lane * 4;
  const float4 key = load_bf16x4(k + qk_offset), query = load_bf16x4(q + qk_offset);
  const float x = __bfloat162float(a[gate_index]) + dt_bias[head];
  const float softplus = x > 20.0f ? x : log1pf(__expf(x));
  const float decay = __expf(-__expf(A_log[head]) * softplus);
  const float beta = 1.0f / (1.0f + __expf(-__bfloat162float(b[gate_index])));
  const float key_query = warp_sum(dot(key, query));
  if (scale == 0.0f) scale = rsqrtf(float(D));

#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
    // Both dot products are of the old state, so that neither waits for the update:
    // q.(g s + k delta) = g (q.s) + delta (q.k)
    const float key_state = warp_sum(dot(s[r], key)), query_state = warp_sum(dot(s[r], query));
    const float value = __bfloat162float(v[gate_index * D + first_row + r]);
    const float delta = beta * (value - decay * key_state);
    float4 updated;
    updated.x = decay * s[r].x + key.x * delta;
    updated.y = decay * s[r].y + key.y * delta;
    updated.z = decay * s[r].z + key.z * delta;
    updated.w = decay * s[r].w + key.w * delta;
    *reinterpret_cast<float4*>(new_state + base + r * D) = updated;
    if (lane == 0)
      output[gate_index * D + first_row + r] = __float2bfloat16(scale * (decay * query_state + delta * key_query));
  }
}
