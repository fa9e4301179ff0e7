// For the export test: template arguments that change with the batch, a self-cleaning workspace, copies, facts of
// the device, an optional tensor that may be absent.
/*@plan
const int warps = batch_size < 8 ? 8 : batch_size < 48 ? 4 : 2;
const bool large = batch_size >= 32;
workspace int arrivals[batch_size * num_v_heads] = self_clean;
workspace __nv_bfloat16 staged[batch_size * head_size];
copy(staged, q, batch_size * head_size * 2);
if (!has(state)) {
  memset(new_state, 0, batch_size * num_v_heads * head_size * head_size * 4);
} else {
  copy(new_state, state, batch_size * num_v_heads * head_size * head_size * 4);
}
step<warps, large, __nv_bfloat16><<<dim3(min(batch_size * num_v_heads, sm_count * 2)), warps * 32>>>(
    staged, k, new_state, arrivals, scale, ceil_div(batch_size, 3), arch, (batch_size % 5) << 2);
if (large || !has(state)) {
  const int persistent = min(batch_size, sm_count);
  [[pdl]] finish<<<persistent, 64>>>(arrivals, output, i64(batch_size * 1.5 + 0.25), batch_size > 40 ? 2 : persistent);
}
*/
#include <cuda_bf16.h>

template <int Warps, bool Large, class T>
__global__ void __launch_bounds__(Warps * 32)
step(const T* staged, const __nv_bfloat16* k, float* state, int* arrivals, float scale, int thirds, int arch, int tail) {
  state[threadIdx.x] += __bfloat162float(staged[threadIdx.x] * k[threadIdx.x]) * scale + thirds + arch + tail + Large;
  if (threadIdx.x == 0) atomicAdd(arrivals, 1);
}

__global__ void finish(int* arrivals, __nv_bfloat16* output, long long scaled, int persistent) {
  output[threadIdx.x] = __float2bfloat16(static_cast<float>(scaled + persistent));
  arrivals[threadIdx.x] = 0;
}
