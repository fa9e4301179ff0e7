// Kernels for the engine's tests; kernels.ptx is made of it by `tools/harness-kernels.sh`.
using u64 = unsigned long long;

extern "C" __global__ void scale(const float* x, float* y, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = 2 * x[i];
}
// Through a workspace, in two launches.
extern "C" __global__ void split(const float* x, float* part, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) part[i] = x[i] + x[i];
}
extern "C" __global__ void merge(const float* part, float* y, int n) {
  asm volatile("griddepcontrol.wait;" ::: "memory");
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = part[i];
}
// One byte, anywhere.
extern "C" __global__ void poke(char* base, long long offset, int value) {
  base[offset] = static_cast<char>(value);
}
// Adds one to a counter that outlives the call.
extern "C" __global__ void count(int* counter) {
  atomicAdd(counter, 1);
}
// A counter of its own module.
__device__ int calls;
extern "C" __global__ void count_in_module(int* y) {
  *y = ++calls;
}
extern "C" __global__ void use_shared(float* y) {
  extern __shared__ float shared[];
  shared[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  y[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}
// The first bytes of a parameter of 128 bytes, which a tensor map is.
struct alignas(64) Opaque {
  u64 words[16];
};
extern "C" __global__ void first_word(const __grid_constant__ Opaque map, u64* y) {
  *y = map.words[0];
}
