// Gated delta rule, one decode step, written to be read: one block per sequence and value head, one thread per
// row of the state. It is the baseline that a run's speed-ups are measured against.
/*@plan
gdn_decode<<<dim3(num_v_heads, batch_size), head_size>>>(
    q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);
*/
#include <cuda_bf16.h>

constexpr int D = axis::head_size;

__global__ void gdn_decode(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v, const float* state,
                           const float* A_log, const __nv_bfloat16* a, const float* dt_bias, const __nv_bfloat16* b,
                           float scale, __nv_bfloat16* output, float* new_state) {
  const int head = blockIdx.x;                                              // value head
  const int qk_head = head / (axis::num_v_heads / axis::num_q_heads);       // the query/key head it shares
  const long long sequence = blockIdx.y;
  const int row = threadIdx.x;                                              // index in the value dimension
  const long long gate_index = sequence * axis::num_v_heads + head;

  __shared__ float key[D], query[D];
  key[row] = __bfloat162float(k[(sequence * axis::num_q_heads + qk_head) * D + row]);
  query[row] = __bfloat162float(q[(sequence * axis::num_q_heads + qk_head) * D + row]);
  __syncthreads();

  const float x = __bfloat162float(a[gate_index]) + dt_bias[head];
  const float softplus = x > 20.0f ? x : log1pf(expf(x));
  const float decay = expf(-expf(A_log[head]) * softplus);
  const float beta = 1.0f / (1.0f + expf(-__bfloat162float(b[gate_index])));

  const long long state_row = (gate_index * D + row) * D;
  float old_value = 0.0f;
  for (int i = 0; i < D; ++i) {
    const float s = state == nullptr ? 0.0f : state[state_row + i];
    old_value += decay * s * key[i];
  }
  const float delta = beta * (__bfloat162float(v[gate_index * D + row]) - old_value);

  float sum = 0.0f;
  for (int i = 0; i < D; ++i) {
    const float s = state == nullptr ? 0.0f : state[state_row + i];
    const float updated = decay * s + key[i] * delta;
    new_state[state_row + i] = updated;
    sum += updated * query[i];
  }
  if (scale == 0.0f) scale = rsqrtf(float(D));
  output[gate_index * D + row] = __float2bfloat16(scale * sum);
}
