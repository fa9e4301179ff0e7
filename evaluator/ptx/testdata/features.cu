// nvcc -arch=sm_100a -ptx -lineinfo features.cu: a little of everything the parser must read.
#include <cuda_bf16.h>
#include <cuda_fp8.h>
__constant__ float table[4] = {1.0f, 2.0f, -3.5f, 0.25f};
struct Pair { char tag; double value; const float* link; };
__constant__ Pair pairs[2] = {{'a', 1.5, table}, {'b', -2.0, table + 2}};
__managed__ int managed_cell = 7;
struct Big { float x[10]; };

__device__ __noinline__ float sum_table(const float* p, int n) {
  float sum = 0;
#pragma unroll 1
  for (int i = 0; i < n; i++) sum += p[i] * table[i & 3];
  return sum;
}
__device__ __noinline__ Big bump(Big b, int k) { b.x[k & 7] += 1; return b; }

__global__ void __launch_bounds__(256, 2) calls(const float* in, float* out, Big b, int n) {
  Big r = bump(b, n);
  out[threadIdx.x] = sum_table(in, n) + r.x[threadIdx.x % 10];
}

extern __shared__ float dynamic[];
__global__ void shuffles(const __nv_bfloat16* a, const __nv_fp8_e4m3* w, float* out) {
  __shared__ float tile[32][33];
  float x = __bfloat162float(a[threadIdx.x]) * float(w[threadIdx.x]);
  for (int d = 16; d; d >>= 1) x += __shfl_xor_sync(~0u, x, d);
  tile[threadIdx.y][threadIdx.x] = x;
  dynamic[threadIdx.x] = x;
  __syncthreads();
  unsigned first, second;
  asm volatile("{ .reg .pred p; .reg .b32 t; mov.u32 t, %%laneid; setp.lt.u32 p, t, %1; @p bra DONE;\n"
               " add.u32 t, t, 1; DONE: mov.u32 %0, t; }" : "=r"(first) : "r"(3));
  asm volatile("{ .reg .pred p; .reg .b32 t; mov.u32 t, %%laneid; setp.ge.u32 p, t, %1; @!p bra DONE;\n"
               " add.u32 t, t, 2; DONE: mov.u32 %0, t; }" : "=r"(second) : "r"(3));
  out[threadIdx.x] = tile[threadIdx.x][threadIdx.y] + dynamic[31 - threadIdx.x] + first + second;
}

__global__ void indirect(int* p, int k, int (*f)(int)) {
  switch (k) {
    case 0: p[0] = 3; break;
    case 1: p[1] += f(k); break;
    case 2: p[2] = atomicAdd(p + 3, 1); break;
    default: managed_cell = k + (int)pairs[k & 1].value; break;
  }
}
