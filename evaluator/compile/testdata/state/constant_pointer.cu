// The body names only a __constant__ symbol; its initialiser points to writable memory.
__device__ float hidden_cache[64];
__constant__ float* cache_pointer = hidden_cache;
__global__ void kernel(float* out) {
  out[threadIdx.x] = cache_pointer[threadIdx.x];
  cache_pointer[threadIdx.x] = 1;
}
