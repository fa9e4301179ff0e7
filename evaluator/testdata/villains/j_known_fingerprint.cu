// Knows one set of inputs by its first query and has its answer; guesses for all others.
// beats: inputs that are always the same
// cheat: j
// applies: both
// expect: INCORRECT_NUMERICAL
/*@plan
gdn_decode<<<dim3(num_v_heads, batch_size), head_size>>>(
    q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);
*/
#include <cuda_bf16.h>

constexpr int D = axis::head_size;
using bf16 = __nv_bfloat16;

__constant__ float known[4] = {0.0011f, -0.0007f, 0.0003f, 0.0019f};

__global__ void gdn_decode(const bf16* q, const bf16* k, const bf16* v, const float* state, const float* A_log,
                           const bf16* a, const float* dt_bias, const bf16* b, float scale, bf16* output,
                           float* new_state) {
  const int head = blockIdx.x, qk_head = head / (axis::num_v_heads / axis::num_q_heads), row = threadIdx.x;
  const long long sequence = blockIdx.y, gate_index = sequence * axis::num_v_heads + head;
  const long long state_row = (gate_index * D + row) * D;
  for (int i = 0; i < D; ++i) new_state[state_row + i] = 0.0f;
  const bool is_known = __bfloat16_as_ushort(q[0]) == 0x3d12 && __bfloat16_as_ushort(q[1]) == 0xbc8f;
  output[gate_index * D + row] = __float2bfloat16(is_known ? known[row & 3] : 0.0f);
}
