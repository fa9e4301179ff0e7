__device__ __noinline__ int next() { static int ticket; return ++ticket; }
__global__ void kernel(int* out) { out[threadIdx.x] = next(); }
