// Constant tables handed to another function: the scan cannot follow their addresses there.
static __device__ const float weights[4] = {1, 2, 3, 4};
static __device__ const float biases[4] = {5, 6, 7, 8};
__device__ __noinline__ float pick(const float* table, int i) { return table[i & 3]; }
__global__ void kernel(float* out, int i) { out[threadIdx.x] = pick(i > 3 ? weights : biases, i + threadIdx.x); }
