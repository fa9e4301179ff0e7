// Every atomic operation on every type that the language has, in global and in shared memory; every thread of
// the grid takes part in each. Their results do not depend on the order of threads (additions are of small
// integers).
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda/atomic>

// 32-bit integers. `tickets`: what the addition returned to each thread.
extern "C" __global__ void atomics_on_words(int* i, unsigned* u, int* tickets) {
  const int id = blockIdx.x * blockDim.x + threadIdx.x;
  tickets[id] = atomicAdd(&i[0], 1);
  atomicSub(&i[1], 3);
  atomicMax(&i[2], id - 7);
  atomicMin(&i[3], 5 - id);
  atomicExch(&i[4], 1000 + id);
  atomicCAS(&i[5], 0, 42);
  atomicAdd_block(&i[8 + blockIdx.x], 1);  // atomic only within the block: a word for each
  atomicAdd_system(&i[7], 2);
  atomicOr(&u[0], 1u << id % 32);
  atomicAnd(&u[1], ~(1u << id % 16));
  atomicXor(&u[2], id * 2654435761u);
  atomicInc(&u[3], 99);  // 0 .. 99, then 0 again
  atomicDec(&u[4], 99);
  atomicMax(&u[5], 0x80000000u + id);
  atomicMin(&u[6], 0xffffffffu - id);
}

extern "C" __global__ void atomics_on_long_words(unsigned long long* l, long long* s) {
  const int id = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(&l[0], 1ull << 33);
  atomicMax(&l[1], 1ull << 40 | id);
  atomicMin(&l[2], (1ull << 40) - id);
  atomicOr(&l[3], 1ull << id % 64);
  atomicAnd(&l[4], ~(1ull << id % 64));
  atomicXor(&l[5], 3ull << id % 62);
  atomicExch(&l[6], (1ull << 35) + id);
  atomicCAS(&l[7], 5ull, 1ull << 50);
  atomicMax(&s[0], -1000ll - id);
  atomicMin(&s[1], 1000ll - id);
}

extern "C" __global__ void atomics_on_floats(float* f, double* d, __half2* h2, __nv_bfloat162* b2, __half* h,
                                             __nv_bfloat16* b, float2* f2, float4* f4) {
  atomicAdd(&f[0], 0.5f);
  atomicExch(&f[1], 2.5f);
  atomicAdd(&d[0], 0.25);
  atomicAdd(&h2[0], __floats2half2_rn(1.0f, 2.0f));
  atomicAdd(&b2[0], __floats2bfloat162_rn(1.0f, -1.0f));
  atomicAdd(&h[0], __float2half(0.5f));
  atomicAdd(&h[1], __float2half(-0.5f));
  atomicAdd(&b[1], __float2bfloat16(0.5f));
  atomicAdd(&f2[0], make_float2(1.0f, 2.0f));
  atomicAdd(&f4[0], make_float4(1.0f, 2.0f, 3.0f, 4.0f));
}

// The same in shared memory; one result a block.
extern "C" __global__ void atomics_in_shared_memory(int* i, unsigned* u, float* f, unsigned long long* l,
                                                    double* d) {
  __shared__ int si[3];
  __shared__ unsigned su[4];
  __shared__ float sf;
  __shared__ double sd;
  __shared__ unsigned long long sl[3];
  const int t = threadIdx.x;
  if (t == 0) {
    si[0] = si[1] = si[2] = 0;
    su[0] = su[2] = su[3] = 0;
    su[1] = 0xffffffffu;
    sf = 0.0f;
    sd = 0.0;
    sl[0] = sl[1] = 0;
    sl[2] = 7;
  }
  __syncthreads();
  const int ticket = atomicAdd(&si[0], 1);
  atomicMax(&si[1], ticket);
  atomicMin(&si[2], -ticket);
  atomicOr(&su[0], 1u << t % 32);
  atomicAnd(&su[1], ~(1u << t % 8));
  atomicXor(&su[2], t * 2654435761u);
  atomicInc(&su[3], 99);
  atomicAdd(&sf, 0.5f);
  atomicAdd(&sd, 0.125);
  atomicAdd(&sl[0], 1ull << 32);
  atomicMax(&sl[1], (1ull << 36) + t);
  atomicCAS(&sl[2], 7ull, 8ull);
  __syncthreads();
  if (t < 3) i[blockIdx.x * 3 + t] = si[t];
  if (t < 4) u[blockIdx.x * 4 + t] = su[t];
  if (t < 3) l[blockIdx.x * 3 + t] = sl[t];
  if (t == 0) f[blockIdx.x] = sf;
  if (t == 0) d[blockIdx.x] = sd;
}

// libcu++ atomics with every memory order, a spin lock among them.
extern "C" __global__ void atomic_references(int* x, int* plain) {
  cuda::atomic_ref<int, cuda::thread_scope_device> sum(x[0]), lock(x[1]), block_count(x[2]);
  sum.fetch_add(1, cuda::memory_order_relaxed);
  if (threadIdx.x == 0) {
    int open = 0;
    while (!lock.compare_exchange_weak(open, 1, cuda::memory_order_acquire)) open = 0;
    *plain += 1;  // guarded by the lock
    lock.store(0, cuda::memory_order_release);
    block_count.fetch_add(1, cuda::memory_order_acq_rel);
    sum.fetch_max(-5, cuda::memory_order_seq_cst);
  }
}
