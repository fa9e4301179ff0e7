// One decode step of a gated delta rule with 128 x 128 states: a warp per state row, q and k shared by two v heads.
#include <cuda_bf16.h>

constexpr int kHeads = 8, kKeyHeads = 4, kDim = 128, kWarps = 4;

extern "C" __global__ void gdn_decode(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v,
                                      const float* state, const float* a_log, const __nv_bfloat16* a,
                                      const float* dt_bias, const __nv_bfloat16* b, float scale,
                                      __nv_bfloat16* output, float* new_state) {
  const int head = blockIdx.x, sequence = blockIdx.y;
  const int row = blockIdx.z * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32;
  const int pair = sequence * kHeads + head;

  const float x = __bfloat162float(a[pair]) + dt_bias[head];
  const float softplus = x > 20.f ? x : log1pf(expf(x));
  const float decay = expf(-expf(a_log[head]) * softplus);
  const float beta = 1.f / (1.f + expf(-__bfloat162float(b[pair])));

  const size_t at = ((size_t)pair * kDim + row) * kDim;
  float4 s = reinterpret_cast<const float4*>(state + at)[lane];
  float key[4], query[4];
  const int from = (sequence * kKeyHeads + head / 2) * kDim + lane * 4;
  for (int i = 0; i < 4; ++i) {
    key[i] = __bfloat162float(k[from + i]);
    query[i] = __bfloat162float(q[from + i]);
  }
  s.x *= decay, s.y *= decay, s.z *= decay, s.w *= decay;
  float old = s.x * key[0] + s.y * key[1] + s.z * key[2] + s.w * key[3];
  for (int o = 16; o > 0; o /= 2) old += __shfl_xor_sync(~0u, old, o);
  const float delta = beta * (__bfloat162float(v[pair * kDim + row]) - old);
  s.x += key[0] * delta, s.y += key[1] * delta, s.z += key[2] * delta, s.w += key[3] * delta;
  float sum = s.x * query[0] + s.y * query[1] + s.z * query[2] + s.w * query[3];
  for (int o = 16; o > 0; o /= 2) sum += __shfl_xor_sync(~0u, sum, o);
  reinterpret_cast<float4*>(new_state + at)[lane] = s;
  if (lane == 0) output[pair * kDim + row] = __float2bfloat16(scale * sum);
}
