// Sparse attention over a paged cache of compressed keys, written to be read: one block per token and head. First one
// thread per index computes its logit, then one thread per column sums the values. It is the baseline that a run's
// speed-ups are measured against.
/*@plan
const int threads = 256;
require head_dim_ckv % threads == 0 else "a thread owns the same number of columns as every other";
attention<threads><<<dim3(num_qo_heads, num_tokens), threads>>>(
    q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, output, lse);
*/
#include <cuda_bf16.h>
#include <math_constants.h>

constexpr int CKV = axis::head_dim_ckv;  // the part of a key that is also the value
constexpr int KPE = axis::head_dim_kpe;  // the part with the position encoding
constexpr int TOPK = axis::topk;

// The sum (or with Max the maximum) of x over the block, in every thread.
template <int Threads, bool Max>
__device__ float reduce(float x, float* scratch) {
  scratch[threadIdx.x] = x;
  __syncthreads();
  for (int n = Threads / 2; n > 0; n /= 2) {
    if (threadIdx.x < n) {
      const float other = scratch[threadIdx.x + n];
      scratch[threadIdx.x] = Max ? fmaxf(scratch[threadIdx.x], other) : scratch[threadIdx.x] + other;
    }
    __syncthreads();
  }
  const float result = scratch[0];
  __syncthreads();
  return result;
}

template <int Threads>
__global__ void attention(const __nv_bfloat16* q_nope, const __nv_bfloat16* q_pe, const __nv_bfloat16* ckv_cache,
                          const __nv_bfloat16* kpe_cache, const int* sparse_indices, float sm_scale,
                          __nv_bfloat16* output, float* lse) {
  const int thread = threadIdx.x;
  const long long row = blockIdx.y * axis::num_qo_heads + blockIdx.x;  // token and head
  const int* indices = sparse_indices + static_cast<long long>(blockIdx.y) * TOPK;

  __shared__ float query[CKV + KPE], weight[TOPK], scratch[Threads];
  __shared__ int end;  // one past the last slot in use; slots before it may be padding (-1) too
  for (int i = thread; i < CKV + KPE; i += Threads)
    query[i] = __bfloat162float(i < CKV ? q_nope[row * CKV + i] : q_pe[row * KPE + i - CKV]);
  if (thread == 0) end = 0;
  __syncthreads();

  float maximum = -CUDART_INF_F;
  for (int slot = thread; slot < TOPK; slot += Threads) {
    const long long index = indices[slot];  // page * page_size + offset: a row of the cache
    float logit = -CUDART_INF_F;
    if (index >= 0) {
      float sum = 0.0f;
      for (int i = 0; i < CKV; ++i) sum += query[i] * __bfloat162float(ckv_cache[index * CKV + i]);
      for (int i = 0; i < KPE; ++i) sum += query[CKV + i] * __bfloat162float(kpe_cache[index * KPE + i]);
      logit = sum * sm_scale;
      atomicMax(&end, slot + 1);
    }
    weight[slot] = logit;
    maximum = fmaxf(maximum, logit);
  }
  maximum = reduce<Threads, true>(maximum, scratch);

  float total = 0.0f;  // stays zero where all is padding: then nothing below divides by it
  for (int slot = thread; slot < end; slot += Threads) {
    weight[slot] = expf(weight[slot] - maximum);
    total += weight[slot];
  }
  total = reduce<Threads, false>(total, scratch);

  constexpr int kColumns = CKV / Threads;
  float sum[kColumns] = {};
  for (int slot = 0; slot < end; ++slot) {
    if (weight[slot] == 0.0f) continue;
    const __nv_bfloat16* value = ckv_cache + static_cast<long long>(indices[slot]) * CKV;
    for (int c = 0; c < kColumns; ++c) sum[c] += weight[slot] * __bfloat162float(value[c * Threads + thread]);
  }
  for (int c = 0; c < kColumns; ++c)
    output[row * CKV + c * Threads + thread] = __float2bfloat16(end > 0 ? sum[c] / total : 0.0f);
  if (thread == 0) lse[row] = end > 0 ? (maximum + logf(total)) / logf(2.0f) : -CUDART_INF_F;
}
