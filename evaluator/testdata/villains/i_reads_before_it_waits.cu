// The second kernel waits only after it has read what the first one writes.
// beats: a scan for a wait anywhere
// cheat: i
// applies: both
// expect: REJECTED pdl-without-wait
// message: part
/*@plan
workspace float part[batch_size * num_v_heads * head_size];
gdn_part<<<dim3(num_v_heads, batch_size), head_size>>>(q, k, v, state, A_log, a, dt_bias, b, scale, part, new_state);
[[pdl]] gdn_finish<<<dim3(num_v_heads, batch_size), head_size>>>(part, output);
*/
#include <cuda_bf16.h>

constexpr int D = axis::head_size;
using bf16 = __nv_bfloat16;

__global__ void gdn_part(const bf16* q, const bf16* k, const bf16* v, const float* state, const float* A_log,
                         const bf16* a, const float* dt_bias, const bf16* b, float scale, float* part,
                         float* new_state) {
  const int head = blockIdx.x, qk_head = head / (axis::num_v_heads / axis::num_q_heads), row = threadIdx.x;
  const long long sequence = blockIdx.y, gate_index = sequence * axis::num_v_heads + head;
  const long long state_row = (gate_index * D + row) * D;
  asm volatile("griddepcontrol.launch_dependents;");
  __shared__ float key[D], query[D];
  key[row] = __bfloat162float(k[(sequence * axis::num_q_heads + qk_head) * D + row]);
  query[row] = __bfloat162float(q[(sequence * axis::num_q_heads + qk_head) * D + row]);
  __syncthreads();
  const float x = __bfloat162float(a[gate_index]) + dt_bias[head];
  const float softplus = x > 20.0f ? x : log1pf(expf(x));
  const float decay = expf(-expf(A_log[head]) * softplus);
  const float beta = 1.0f / (1.0f + expf(-__bfloat162float(b[gate_index])));
  float old_value = 0.0f, sum = 0.0f;
  for (int i = 0; i < D; ++i) old_value += decay * (state == nullptr ? 0.0f : state[state_row + i]) * key[i];
  const float delta = beta * (__bfloat162float(v[gate_index * D + row]) - old_value);
  for (int i = 0; i < D; ++i) {
    const float updated = decay * (state == nullptr ? 0.0f : state[state_row + i]) + key[i] * delta;
    new_state[state_row + i] = updated;
    sum += updated * query[i];
  }
  part[gate_index * D + row] = scale * sum;
}

__global__ void gdn_finish(const float* part, bf16* output) {
  const long long element = (blockIdx.y * axis::num_v_heads + blockIdx.x) * D + threadIdx.x;
  const float early = *reinterpret_cast<const volatile float*>(part + element);
  asm volatile("griddepcontrol.wait;" ::: "memory");
  output[element] = __float2bfloat16(early);
}
