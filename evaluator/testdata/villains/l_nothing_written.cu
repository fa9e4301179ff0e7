// Writes nothing at all and hopes for what is there.
// beats: outputs that still hold the reference
// cheat: l
// applies: both
// expect: INCORRECT_NUMERICAL
// message: never written
/*@plan
gdn_decode<<<dim3(num_v_heads, batch_size), head_size>>>(
    q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);
*/
#include <cuda_bf16.h>

constexpr int D = axis::head_size;
using bf16 = __nv_bfloat16;

__global__ void gdn_decode(const bf16* q, const bf16* k, const bf16* v, const float* state, const float* A_log,
                           const bf16* a, const float* dt_bias, const bf16* b, float scale, bf16* output,
                           float* new_state) {
  const int head = blockIdx.x, qk_head = head / (axis::num_v_heads / axis::num_q_heads), row = threadIdx.x;
  const long long sequence = blockIdx.y, gate_index = sequence * axis::num_v_heads + head;
  const long long state_row = (gate_index * D + row) * D;
  if (scale < 0.0f) output[gate_index * D + row] = __float2bfloat16(new_state[state_row] = scale);
}
