// For the export test: two units whose names and macros clash, and a cooperative launch sized by occupancy.
/*@plan
tune THREADS = 128 in {64, 128};
first::kernel<<<dim3(batch_size, num_v_heads), THREADS>>>(q, output);
[[cooperative]] second::kernel<THREADS><<<min(batch_size * num_v_heads, resident_blocks(second::kernel<THREADS>, THREADS, 0)), THREADS>>>(
    state, new_state, scale);
*/
#include <cuda_bf16.h>
//@unit first
#define SCALE 2.0f
__device__ float gamma(float x) { return x * SCALE; }
__global__ void kernel(const __nv_bfloat16* q, __nv_bfloat16* output) {
  output[threadIdx.x] = __float2bfloat16(gamma(__bfloat162float(q[threadIdx.x])));
}
//@unit second
#include <cooperative_groups.h>
#define SCALE 3.0f
template <int Threads>
__global__ void __launch_bounds__(Threads) kernel(const float* state, float* new_state, float scale) {
  cooperative_groups::this_grid().sync();
  new_state[threadIdx.x] = state[threadIdx.x] * scale * SCALE;
}
