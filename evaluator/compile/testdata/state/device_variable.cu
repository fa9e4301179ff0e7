__device__ int calls_so_far;
__global__ void kernel(float* out) { out[threadIdx.x] = atomicAdd(&calls_so_far, 1); }
__global__ void clean(float* out) { out[threadIdx.x] = 1; }
