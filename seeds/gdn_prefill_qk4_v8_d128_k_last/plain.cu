// Gated delta rule over whole sequences, written to be read: one block per sequence and value head, one thread per row of
// the state, the tokens one after the other. It is the baseline that a run's speed-ups are measured against.
/*@plan
gdn_prefill<<<dim3(num_v_heads, num_seqs), head_size>>>(
    q, k, v, state, A_log, a, dt_bias, b, cu_seqlens, scale, output, new_state);
*/
#include <cuda_bf16.h>

constexpr int D = axis::head_size;

__global__ void gdn_prefill(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v, const float* state,
                            const float* A_log, const __nv_bfloat16* a, const float* dt_bias, const __nv_bfloat16* b,
                            const int64_t* cu_seqlens, float scale, __nv_bfloat16* output, float* new_state) {
  const int head = blockIdx.x;                                         // value head
  const int qk_head = head / (axis::num_v_heads / axis::num_q_heads);  // the query/key head it shares
  const long long sequence = blockIdx.y;
  const int row = threadIdx.x;                                         // index in the value dimension
  const long long begin = cu_seqlens[sequence], end = cu_seqlens[sequence + 1];
  const long long state_row = ((sequence * axis::num_v_heads + head) * D + row) * D;
  if (scale == 0.0f) scale = rsqrtf(float(D));

  // A sequence without tokens leaves zeros, not its state.
  const bool has_state = state != nullptr && begin < end;
  float s[D];
#pragma unroll
  for (int i = 0; i < D; ++i) s[i] = has_state ? state[state_row + i] : 0.0f;

  __shared__ float key[D], query[D];
  for (long long token = begin; token < end; ++token) {
    __syncthreads();  // all have read the token before
    key[row] = __bfloat162float(k[(token * axis::num_k_heads + qk_head) * D + row]);
    query[row] = __bfloat162float(q[(token * axis::num_q_heads + qk_head) * D + row]);
    __syncthreads();

    const long long gate_index = token * axis::num_v_heads + head;
    const float x = __bfloat162float(a[gate_index]) + dt_bias[head];
    const float softplus = x > 20.0f ? x : log1pf(expf(x));
    const float decay = expf(-expf(A_log[head]) * softplus);
    const float beta = 1.0f / (1.0f + expf(-__bfloat162float(b[gate_index])));

    float old_value = 0.0f;
#pragma unroll
    for (int i = 0; i < D; ++i) {
      s[i] *= decay;
      old_value += s[i] * key[i];
    }
    const float delta = beta * (__bfloat162float(v[gate_index * D + row]) - old_value);
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < D; ++i) {
      s[i] += key[i] * delta;
      sum += s[i] * query[i];
    }
    output[gate_index * D + row] = __float2bfloat16(scale * sum);
  }
#pragma unroll
  for (int i = 0; i < D; ++i) new_state[state_row + i] = s[i];
}
