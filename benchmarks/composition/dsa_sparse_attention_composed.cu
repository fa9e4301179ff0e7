/*@plan
tune P0_BLOCK = 64 in {16, 32, 64, 128};   // indices per tile
tune P0_SPLITS = 32 in {8, 16, 32, 64};    // blocks per token
tune P0_FUSED_TOKENS = 0 in {0, 1, 2, 8};  // up to so many tokens: one kernel
tune P0_MERGE_WARPS = 1 in {1, 2, 4};      // of a block that merges; each thread has four columns
tune P1_BLOCK = 128 in {16, 32, 64, 128};   // indices per tile
tune P1_SPLITS = 16 in {8, 16, 32, 64};    // blocks per token
tune P1_FUSED_TOKENS = 0 in {0, 1, 2, 8};  // up to so many tokens: one kernel
tune P1_MERGE_WARPS = 1 in {1, 2, 4};      // of a block that merges; each thread has four columns

if (num_tokens <= 2) {  // P0: c0009 (few)
  require num_qo_heads == 16 else "the heads are the 16 rows of a matrix instruction";
  require head_dim_ckv % 256 == 0 && head_dim_kpe % 16 == 0 else "a warp copies 256 columns at a time and multiplies 16";
  require head_dim_ckv % (128 * P0_MERGE_WARPS) == 0 else "a merging block has 128 columns per warp";
  require topk % (P0_SPLITS * P0_BLOCK) == 0 else "every block has the same number of tiles";

  const int threads = 256;
  const int per_split = topk / P0_SPLITS;
  const int stages = per_split > P0_BLOCK ? 2 : 1;
  const int key_bytes = (head_dim_ckv + head_dim_kpe + 8) * 2;
  const int shared_bytes = (16 + stages * P0_BLOCK) * key_bytes                  // queries, keys
                         + max(1, 128 / P0_BLOCK) * 16 * (P0_BLOCK + 4) * 4          // products
                         + 16 * (P0_BLOCK + 8) * 2 + 3 * 16 * 4 + per_split * 4;  // weights, per head, indices
  require shared_bytes <= 232448 else "two stages of keys have no room in shared memory";
  workspace float part[num_tokens * P0_SPLITS * num_qo_heads * head_dim_ckv];
  workspace float2 part_scale[num_tokens * P0_SPLITS * num_qo_heads];            // maximum (base 2) and sum
  workspace uint32_t barrier[2 * num_tokens] = self_clean;

  if (num_tokens <= P0_FUSED_TOKENS && P0_SPLITS * num_tokens <= resident_blocks(P0::attention<true>, threads, shared_bytes)) {
    [[cooperative]] P0::attention<true><<<dim3(P0_SPLITS, num_tokens), threads, shared_bytes>>>(
        q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, part, part_scale, barrier, output, lse);
  } else {
    P0::attention<false><<<dim3(P0_SPLITS, num_tokens), threads, shared_bytes>>>(
        q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, part, part_scale, barrier, output, lse);
    [[pdl]] P0::merge<<<dim3(head_dim_ckv / (128 * P0_MERGE_WARPS), num_qo_heads, num_tokens), 32 * P0_MERGE_WARPS>>>(
        part, part_scale, output, lse);
  }
} else {  // P1: c0007 (many)
  require num_qo_heads == 16 else "the heads are the 16 rows of a matrix instruction";
  require head_dim_ckv % 256 == 0 && head_dim_kpe % 16 == 0 else "a warp copies 256 columns at a time and multiplies 16";
  require head_dim_ckv % (128 * P1_MERGE_WARPS) == 0 else "a merging block has 128 columns per warp";
  require topk % (P1_SPLITS * P1_BLOCK) == 0 else "every block has the same number of tiles";

  const int threads = 256;
  const int per_split = topk / P1_SPLITS;
  const int stages = per_split > P1_BLOCK ? 2 : 1;
  const int key_bytes = (head_dim_ckv + head_dim_kpe + 8) * 2;
  const int shared_bytes = (16 + stages * P1_BLOCK) * key_bytes                  // queries, keys
                         + max(1, 128 / P1_BLOCK) * 16 * (P1_BLOCK + 4) * 4          // products
                         + 16 * (P1_BLOCK + 8) * 2 + 3 * 16 * 4 + per_split * 4;  // weights, per head, indices
  require shared_bytes <= 232448 else "two stages of keys have no room in shared memory";
  workspace float part[num_tokens * P1_SPLITS * num_qo_heads * head_dim_ckv];
  workspace float2 part_scale[num_tokens * P1_SPLITS * num_qo_heads];            // maximum (base 2) and sum
  workspace uint32_t barrier[2 * num_tokens] = self_clean;

  if (num_tokens <= P1_FUSED_TOKENS && P1_SPLITS * num_tokens <= resident_blocks(P1::attention<true>, threads, shared_bytes)) {
    [[cooperative]] P1::attention<true><<<dim3(P1_SPLITS, num_tokens), threads, shared_bytes>>>(
        q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, part, part_scale, barrier, output, lse);
  } else {
    P1::attention<false><<<dim3(P1_SPLITS, num_tokens), threads, shared_bytes>>>(
        q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, part, part_scale, barrier, output, lse);
    [[pdl]] P1::merge<<<dim3(head_dim_ckv / (128 * P1_MERGE_WARPS), num_qo_heads, num_tokens), 32 * P1_MERGE_WARPS>>>(
        part, part_scale, output, lse);
  }
}
*/

//@unit P0
namespace knob {
[[maybe_unused]] constexpr auto BLOCK = ::knob::P0_BLOCK;
[[maybe_unused]] constexpr auto SPLITS = ::knob::P0_SPLITS;
[[maybe_unused]] constexpr auto FUSED_TOKENS = ::knob::P0_FUSED_TOKENS;
[[maybe_unused]] constexpr auto MERGE_WARPS = ::knob::P0_MERGE_WARPS;
}
// Sparse attention over a paged cache of compressed keys, on tensor cores. A token's indices are dealt in tiles to SPLITS
// blocks, which gather the keys' rows into shared memory and each keep a softmax of their own; a second kernel merges
// the partial sums. All 16 heads share the keys and are the 16 rows of a matrix instruction. Where tokens are few, one kernel
// does it all: the blocks of a token that have anything to do meet at a barrier, then merge a share of the columns each.
// Padding may stand anywhere: sixteen indices without a valid one are neither fetched nor multiplied.

#include <cuda_bf16.h>
#include <math_constants.h>

using bf16 = __nv_bfloat16;
constexpr int HEADS = axis::num_qo_heads, CKV = axis::head_dim_ckv, KPE = axis::head_dim_kpe, TOPK = axis::topk;
constexpr int BLOCK = knob::BLOCK, SPLITS = knob::SPLITS;
constexpr int THREADS = 256, WARPS = THREADS / 32;
constexpr int TILES = TOPK / (SPLITS * BLOCK);  // per block
constexpr int STAGES = TILES > 1 ? 2 : 1;
constexpr int GRANULE = 16, GRANULES = BLOCK / GRANULE;      // indices that are skipped or not, per tile
constexpr int STEPS = (CKV + KPE) / 16;                      // of a query-key product
constexpr int STEP_GROUPS = WARPS / GRANULES;                // warps that share a granule's steps
constexpr int COLUMNS = CKV / WARPS;                         // of the output, per warp
// Rows of shared tiles have 8 elements more than they need: then eight rows of an 8x8 matrix lie in different banks.
constexpr int kKeyStride = CKV + KPE + 8, kWeightStride = BLOCK + 8, kProductStride = BLOCK + 4;

struct Shared {
  bf16 query[HEADS * kKeyStride];
  bf16 key[STAGES][BLOCK * kKeyStride];
  float product[STEP_GROUPS][HEADS * kProductStride];
  bf16 weight[HEADS * kWeightStride];
  float maximum[HEADS], sum[HEADS], rescale[HEADS];
  int index[TILES * BLOCK];
};

// ---------------------------------------------------------------------------------------------- instructions

__device__ uint32_t shared_address(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

__device__ void copy_16_bytes(bf16* to, const bf16* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"  // what is not valid becomes zeros
               :: "r"(shared_address(to)), "l"(from), "r"(valid ? 16 : 0) : "memory");
}
__device__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Pending>
__device__ void wait_for_copies() { asm volatile("cp.async.wait_group %0;" :: "n"(Pending) : "memory"); }

// Four 8x8 matrices; lane l gives the row l % 8 of matrix l / 8.
__device__ void load_matrices(uint32_t (&m)[4], const bf16* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(shared_address(row)) : "memory");
}
__device__ void load_transposed(uint32_t (&m)[4], const bf16* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(shared_address(row)) : "memory");
}

// c (16x8) += a (16x16) * b (16x8).
__device__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ float warp_max(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, offset));
  return x;
}
__device__ float warp_sum(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

// ---------------------------------------------------------------------------------------------- one tile

// One bit per granule of the tile that has a valid index; equal in all warps.
__device__ uint32_t granules_in_use(const int* index, int lane) {
  uint32_t used = 0;
#pragma unroll
  for (int i = 0; i < BLOCK; i += 32) {
    const uint32_t valid = __ballot_sync(0xffffffffu, i + lane < BLOCK && index[min(i + lane, BLOCK - 1)] >= 0);
    used |= ((valid & 0xffffu) != 0 ? 1u : 0u) << i / GRANULE | ((valid >> 16) != 0 ? 2u : 0u) << i / GRANULE;
  }
  return used;
}

// Starts the copy of a row, by one warp; what is not valid becomes zeros.
__device__ void copy_row(bf16* to, const bf16* ckv, const bf16* kpe, bool valid, int lane) {
#pragma unroll
  for (int i = 0; i < CKV; i += 256) copy_16_bytes(to + i + lane * 8, ckv + i + lane * 8, valid);
#pragma unroll
  for (int i = lane * 8; i < KPE; i += 256) copy_16_bytes(to + CKV + i, kpe + i, valid);
}

// Starts the copies of a tile's keys. Padding inside a granule becomes zeros, so that its weight of zero meets no NaN.
__device__ void gather(bf16* key, const bf16* ckv_cache, const bf16* kpe_cache, const int* index, uint32_t used, int warp,
                       int lane) {
#pragma unroll 4
  for (int row = warp; row < BLOCK; row += WARPS) {
    if ((used >> row / GRANULE & 1) == 0) continue;
    const long long from = max(index[row], 0);
    copy_row(key + row * kKeyStride, ckv_cache + from * CKV, kpe_cache + from * KPE, index[row] >= 0, lane);
  }
}

// The warp's share of queries * keys': one granule, and of its steps every STEP_GROUPS-th.
__device__ void multiply_keys(Shared& shared, const bf16* key, uint32_t used, int warp, int lane) {
  const int granule = warp % GRANULES, group = warp / GRANULES;
  if ((used >> granule & 1) == 0) return;
  float sum[2][2][4] = {};  // even and odd steps apart: shorter chains
#pragma unroll
  for (int i = 0; i < (STEPS + STEP_GROUPS - 1) / STEP_GROUPS; ++i) {
    const int step = i * STEP_GROUPS + group;
    if (STEPS % STEP_GROUPS != 0 && step >= STEPS) break;
    uint32_t a[4], b[4];
    load_matrices(a, shared.query + (lane / 8 % 2 * 8 + lane % 8) * kKeyStride + step * 16 + lane / 16 * 8);
    load_matrices(b, key + (granule * GRANULE + lane / 16 * 8 + lane % 8) * kKeyStride + step * 16 + lane / 8 % 2 * 8);
    mma(sum[i % 2][0], a, b[0], b[1]);
    mma(sum[i % 2][1], a, b[2], b[3]);
  }
  float* product = shared.product[group] + granule * GRANULE + lane % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; ++half)
#pragma unroll
    for (int i = 0; i < 4; i += 2)
      *reinterpret_cast<float2*>(product + (lane / 4 + i / 2 * 8) * kProductStride + half * 8) =
          make_float2(sum[0][half][i] + sum[1][half][i], sum[0][half][i + 1] + sum[1][half][i + 1]);
}

// Logits to weights, in base 2; the warp's heads are warp and warp + 8. The tile has a valid index: the maximum is finite.
__device__ void weigh(Shared& shared, const int* index, float scale, bool first, int warp, int lane) {
#pragma unroll
  for (int head = warp; head < HEADS; head += WARPS) {
    constexpr int kPerLane = (BLOCK + 31) / 32;
    float logit[kPerLane], maximum = -CUDART_INF_F, sum = 0.0f;
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      const int column = i * 32 + lane;
      logit[i] = -CUDART_INF_F;
      if (column < BLOCK && index[column] >= 0) {
        logit[i] = 0.0f;
#pragma unroll
        for (int group = 0; group < STEP_GROUPS; ++group)
          logit[i] += shared.product[group][head * kProductStride + column];
        logit[i] *= scale;
      }
      maximum = fmaxf(maximum, logit[i]);
    }
    const float before = first ? -CUDART_INF_F : shared.maximum[head];
    maximum = fmaxf(warp_max(maximum), before);
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      const float weight = exp2f(logit[i] - maximum);
      if (i * 32 + lane < BLOCK) shared.weight[head * kWeightStride + i * 32 + lane] = __float2bfloat16(weight);
      sum += weight;
    }
    sum = warp_sum(sum);
    const float rescale = first ? 0.0f : exp2f(before - maximum);
    __syncwarp();  // all lanes have read the old maximum
    if (lane == 0) {
      shared.maximum[head] = maximum;
      shared.sum[head] = (first ? 0.0f : shared.sum[head] * rescale) + sum;
      shared.rescale[head] = rescale;
    }
  }
}

// out += weights * values, for the warp's columns.
__device__ void multiply_values(float (&out)[COLUMNS / 8][4], const Shared& shared, const bf16* key, uint32_t used,
                                int warp, int lane) {
  const float low = shared.rescale[lane / 4], high = shared.rescale[lane / 4 + 8];
#pragma unroll
  for (int n = 0; n < COLUMNS / 8; ++n)
#pragma unroll
    for (int i = 0; i < 4; ++i) out[n][i] *= i < 2 ? low : high;
#pragma unroll
  for (int granule = 0; granule < GRANULES; ++granule) {
    if ((used >> granule & 1) == 0) continue;
    const int row = lane / 8 % 2 * 8 + lane % 8, column = lane / 16 * 8;
    uint32_t a[4];
    load_matrices(a, shared.weight + row * kWeightStride + granule * GRANULE + column);
#pragma unroll
    for (int n = 0; n < COLUMNS; n += 16) {
      uint32_t b[4];
      load_transposed(b, key + (granule * GRANULE + row) * kKeyStride + warp * COLUMNS + n + column);
      mma(out[n / 8], a, b[0], b[1]);
      mma(out[n / 8 + 1], a, b[2], b[3]);
    }
  }
}

// ---------------------------------------------------------------------------------------------- results

// Four columns of one head from the partial results of the token's splits in `busy`. A warp's lanes share the head.
__device__ void merge_columns(const float* part, const float2* part_scale, bf16* output, float* lse, long long token,
                              int head, int column, unsigned long long busy) {
  constexpr int kPerLane = (SPLITS + 31) / 32;  // a lane weighs splits lane and lane + 32
  constexpr int kBatch = 8;                     // loads under way at once
  struct Entry {
    int split;
    float weight;
  };
  __shared__ Entry entries[WARPS][SPLITS + kBatch];
  const long long first = token * SPLITS;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

  float2 scale[kPerLane];
  float maximum = -CUDART_INF_F, total = 0.0f;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int split = i * 32 + lane;
    scale[i] = make_float2(-CUDART_INF_F, 0.0f);
    if (split < SPLITS && (busy >> split & 1) != 0) scale[i] = __ldcg(&part_scale[(first + split) * HEADS + head]);
    maximum = fmaxf(maximum, scale[i].x);
  }
  maximum = warp_max(maximum);
  // The list of splits with a weight, filled up with zeros to whole batches: the loads then need no branches.
  int count = 0;
  __syncwarp();  // all have read the list of the columns before
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const bool used = scale[i].x > -CUDART_INF_F;  // all padding: nothing was written, and -inf less -inf is no number
    const float weight = used ? exp2f(scale[i].x - maximum) : 0.0f;
    const uint32_t lanes = __ballot_sync(0xffffffffu, used);
    if (used) entries[warp][count + __popc(lanes & ((1u << lane) - 1))] = {i * 32 + lane, weight};
    total += weight * scale[i].y;
    count += __popc(lanes);
  }
  __syncwarp();
  if (lane < kBatch && count > 0) entries[warp][count + lane] = {entries[warp][0].split, 0.0f};
  __syncwarp();
  total = warp_sum(total);

  float4 sum = make_float4(0, 0, 0, 0);
  for (int base = 0; base < count; base += kBatch) {
    float4 x[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      x[i] = __ldcg(reinterpret_cast<const float4*>(
          part + ((first + entries[warp][base + i].split) * HEADS + head) * CKV + column));
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const float weight = entries[warp][base + i].weight;
      sum.x += weight * x[i].x;
      sum.y += weight * x[i].y;
      sum.z += weight * x[i].z;
      sum.w += weight * x[i].w;
    }
  }
  const float inverse = total > 0.0f ? 1.0f / total : 0.0f;
  const __nv_bfloat162 low = __floats2bfloat162_rn(sum.x * inverse, sum.y * inverse);
  const __nv_bfloat162 high = __floats2bfloat162_rn(sum.z * inverse, sum.w * inverse);
  *reinterpret_cast<uint2*>(output + (token * HEADS + head) * CKV + column) =
      make_uint2(reinterpret_cast<const uint32_t&>(low), reinterpret_cast<const uint32_t&>(high));
  if (column == 0) lse[token * HEADS + head] = total > 0.0f ? maximum + log2f(total) : -CUDART_INF_F;
}

// What the block found, unnormalised, for a merge.
__device__ void write_partial(const float (&out)[COLUMNS / 8][4], const Shared& shared, float* part, float2* part_scale,
                              long long place, int warp, int lane) {
  if (threadIdx.x < HEADS)
    part_scale[place * HEADS + threadIdx.x] = make_float2(shared.maximum[threadIdx.x], shared.sum[threadIdx.x]);
#pragma unroll
  for (int n = 0; n < COLUMNS / 8; ++n)
#pragma unroll
    for (int i = 0; i < 4; i += 2)
      *reinterpret_cast<float2*>(part + (place * HEADS + lane / 4 + i / 2 * 8) * CKV + warp * COLUMNS + n * 8 +
                                 lane % 4 * 2) = make_float2(out[n][i], out[n][i + 1]);
}

// The token's result from one block alone.
__device__ void write_result(const float (&out)[COLUMNS / 8][4], const Shared& shared, bf16* output, float* lse,
                             long long token, int warp, int lane) {
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const int head = lane / 4 + i / 2 * 8;
    const float inverse = 1.0f / shared.sum[head];
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; ++n)
      *reinterpret_cast<__nv_bfloat162*>(output + (token * HEADS + head) * CKV + warp * COLUMNS + n * 8 + lane % 4 * 2) =
          __floats2bfloat162_rn(out[n][i] * inverse, out[n][i + 1] * inverse);
  }
  if (threadIdx.x < HEADS)
    lse[token * HEADS + threadIdx.x] = shared.maximum[threadIdx.x] + log2f(shared.sum[threadIdx.x]);
}

// Waits until `count` blocks have come here; the last to leave makes the two words zero again.
__device__ void meet(uint32_t* barrier, uint32_t count) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(&barrier[0], 1);
    uint32_t arrived = 0;
    do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(arrived) : "l"(barrier) : "memory");
    while (arrived < count);
    if (atomicAdd(&barrier[1], 1) == count - 1) {
      atomicExch(&barrier[0], 0);
      atomicExch(&barrier[1], 0);
    }
    __threadfence();
  }
  __syncthreads();
}

// One bit per split of the token that has a valid index.
__device__ unsigned long long busy_splits(const int* indices) {
  __shared__ unsigned long long busy;
  if (threadIdx.x == 0) busy = 0;
  __syncthreads();
  for (int i = threadIdx.x * 4; i < TOPK; i += THREADS * 4) {
    const int4 four = *reinterpret_cast<const int4*>(indices + i);
    // The sign bit of the conjunction is set only where all four are negative.
    if ((four.x & four.y & four.z & four.w) >= 0) atomicOr(&busy, 1ull << i / BLOCK % SPLITS);
  }
  __syncthreads();
  return busy;
}

// ---------------------------------------------------------------------------------------------- kernels

template <bool Fused>
__global__ void __launch_bounds__(THREADS)
attention(const bf16* __restrict__ q_nope, const bf16* __restrict__ q_pe, const bf16* __restrict__ ckv_cache,
          const bf16* __restrict__ kpe_cache, const int* __restrict__ sparse_indices, float sm_scale, float* part,
          float2* part_scale, uint32_t* barrier, bf16* output, float* lse) {
  extern __shared__ __align__(16) unsigned char memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32, split = blockIdx.x;
  const long long token = blockIdx.y;
  const int* indices = sparse_indices + token * TOPK;
  if (!Fused) asm volatile("griddepcontrol.launch_dependents;");

  // Tile i of this block is tile i * SPLITS + split of the token: a short prefix of valid indices is dealt evenly.
  bool any = false;
  for (int i = thread; i < TILES * BLOCK; i += THREADS) {
    const int index = indices[(i / BLOCK * SPLITS + split) * BLOCK + i % BLOCK];
    shared.index[i] = index;
    any |= index >= 0;
  }
  for (int head = warp; head < HEADS; head += WARPS)
    copy_row(shared.query + head * kKeyStride, q_nope + (token * HEADS + head) * CKV, q_pe + (token * HEADS + head) * KPE,
             true, lane);
  unsigned long long busy = 0;
  if (__syncthreads_or(any) == 0) {  // nothing to do, but that somebody has to write the result of nothing
    wait_for_copies<0>();
    if (!Fused && thread < HEADS) part_scale[(token * SPLITS + split) * HEADS + thread] = make_float2(-CUDART_INF_F, 0.0f);
    if (!Fused || split != 0 || busy_splits(indices) != 0) return;
    for (int i = thread; i < HEADS * CKV / 8; i += THREADS)
      reinterpret_cast<uint4*>(output + token * HEADS * CKV)[i] = make_uint4(0, 0, 0, 0);
    if (thread < HEADS) lse[token * HEADS + thread] = -CUDART_INF_F;
    return;
  }

  uint32_t used = granules_in_use(shared.index, lane);
  gather(shared.key[0], ckv_cache, kpe_cache, shared.index, used, warp, lane);
  commit_copies();
  if (Fused) busy = busy_splits(indices);  // while the keys are under way

  const float scale = sm_scale * 1.44269504f;  // after the product, and to base 2
  float out[COLUMNS / 8][4] = {};
  bool empty = true;
#pragma unroll 1
  for (int tile = 0; tile < TILES; ++tile) {
    const int* index = shared.index + tile * BLOCK;
    const bf16* key = shared.key[tile % STAGES];
    const uint32_t now = used;
    if (tile + 1 < TILES) {
      used = granules_in_use(index + BLOCK, lane);
      gather(shared.key[(tile + 1) % STAGES], ckv_cache, kpe_cache, index + BLOCK, used, warp, lane);
      commit_copies();
      wait_for_copies<1>();
    } else {
      wait_for_copies<0>();
    }
    __syncthreads();
    if (now != 0) {
      multiply_keys(shared, key, now, warp, lane);
      __syncthreads();
      weigh(shared, index, scale, empty, warp, lane);
      __syncthreads();
      multiply_values(out, shared, key, now, warp, lane);
      empty = false;
    }
    if (TILES > 1) __syncthreads();  // the next copies go where these keys were
  }

  const int count = __popcll(busy);
  if (Fused && count == 1) {  // nothing to merge
    write_result(out, shared, output, lse, token, warp, lane);
    return;
  }
  write_partial(out, shared, part, part_scale, token * SPLITS + split, warp, lane);
  if (!Fused) return;
  meet(barrier + 2 * token, count);
  const int rank = __popcll(busy & ((1ull << split) - 1));
  for (int i = rank * THREADS + thread; i < HEADS * CKV / 4; i += count * THREADS)
    merge_columns(part, part_scale, output, lse, token, i / (CKV / 4), i % (CKV / 4) * 4, busy);
}

__global__ void merge(const float* part, const float2* part_scale, bf16* output, float* lse) {
  asm volatile("griddepcontrol.wait;" ::: "memory");
  merge_columns(part, part_scale, output, lse, blockIdx.z, blockIdx.y, (blockIdx.x * blockDim.x + threadIdx.x) * 4,
                ~0ull);
}

//@unit P1
namespace knob {
[[maybe_unused]] constexpr auto BLOCK = ::knob::P1_BLOCK;
[[maybe_unused]] constexpr auto SPLITS = ::knob::P1_SPLITS;
[[maybe_unused]] constexpr auto FUSED_TOKENS = ::knob::P1_FUSED_TOKENS;
[[maybe_unused]] constexpr auto MERGE_WARPS = ::knob::P1_MERGE_WARPS;
}
// Sparse attention over a paged cache of compressed keys, on tensor cores. A token's indices are dealt in tiles to SPLITS
// blocks, which gather the keys' rows into shared memory and each keep a softmax of their own; a second kernel merges
// the partial sums. All 16 heads share the keys and are the 16 rows of a matrix instruction. Where tokens are few, one kernel
// does it all: the blocks of a token that have anything to do meet at a barrier, then merge a share of the columns each.
// Padding may stand anywhere: sixteen indices without a valid one are neither fetched nor multiplied.

#include <cuda_bf16.h>
#include <math_constants.h>

using bf16 = __nv_bfloat16;
constexpr int HEADS = axis::num_qo_heads, CKV = axis::head_dim_ckv, KPE = axis::head_dim_kpe, TOPK = axis::topk;
constexpr int BLOCK = knob::BLOCK, SPLITS = knob::SPLITS;
constexpr int THREADS = 256, WARPS = THREADS / 32;
constexpr int TILES = TOPK / (SPLITS * BLOCK);  // per block
constexpr int STAGES = TILES > 1 ? 2 : 1;
constexpr int GRANULE = 16, GRANULES = BLOCK / GRANULE;      // indices that are skipped or not, per tile
constexpr int STEPS = (CKV + KPE) / 16;                      // of a query-key product
constexpr int STEP_GROUPS = WARPS / GRANULES;                // warps that share a granule's steps
constexpr int COLUMNS = CKV / WARPS;                         // of the output, per warp
// Rows of shared tiles have 8 elements more than they need: then eight rows of an 8x8 matrix lie in different banks.
constexpr int kKeyStride = CKV + KPE + 8, kWeightStride = BLOCK + 8, kProductStride = BLOCK + 4;

struct Shared {
  bf16 query[HEADS * kKeyStride];
  bf16 key[STAGES][BLOCK * kKeyStride];
  float product[STEP_GROUPS][HEADS * kProductStride];
  bf16 weight[HEADS * kWeightStride];
  float maximum[HEADS], sum[HEADS], rescale[HEADS];
  int index[TILES * BLOCK];
};

// ---------------------------------------------------------------------------------------------- instructions

__device__ uint32_t shared_address(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

__device__ void copy_16_bytes(bf16* to, const bf16* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"  // what is not valid becomes zeros
               :: "r"(shared_address(to)), "l"(from), "r"(valid ? 16 : 0) : "memory");
}
__device__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Pending>
__device__ void wait_for_copies() { asm volatile("cp.async.wait_group %0;" :: "n"(Pending) : "memory"); }

// Four 8x8 matrices; lane l gives the row l % 8 of matrix l / 8.
__device__ void load_matrices(uint32_t (&m)[4], const bf16* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(shared_address(row)) : "memory");
}
__device__ void load_transposed(uint32_t (&m)[4], const bf16* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(shared_address(row)) : "memory");
}

// c (16x8) += a (16x16) * b (16x8).
__device__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ float warp_max(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, offset));
  return x;
}
__device__ float warp_sum(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

// ---------------------------------------------------------------------------------------------- one tile

// One bit per granule of the tile that has a valid index; equal in all warps.
__device__ uint32_t granules_in_use(const int* index, int lane) {
  uint32_t used = 0;
#pragma unroll
  for (int i = 0; i < BLOCK; i += 32) {
    const uint32_t valid = __ballot_sync(0xffffffffu, i + lane < BLOCK && index[min(i + lane, BLOCK - 1)] >= 0);
    used |= ((valid & 0xffffu) != 0 ? 1u : 0u) << i / GRANULE | ((valid >> 16) != 0 ? 2u : 0u) << i / GRANULE;
  }
  return used;
}

// Starts the copy of a row, by one warp; what is not valid becomes zeros.
__device__ void copy_row(bf16* to, const bf16* ckv, const bf16* kpe, bool valid, int lane) {
#pragma unroll
  for (int i = 0; i < CKV; i += 256) copy_16_bytes(to + i + lane * 8, ckv + i + lane * 8, valid);
#pragma unroll
  for (int i = lane * 8; i < KPE; i += 256) copy_16_bytes(to + CKV + i, kpe + i, valid);
}

// Starts the copies of a tile's keys. Padding inside a granule becomes zeros, so that its weight of zero meets no NaN.
__device__ void gather(bf16* key, const bf16* ckv_cache, const bf16* kpe_cache, const int* index, uint32_t used, int warp,
                       int lane) {
#pragma unroll 4
  for (int row = warp; row < BLOCK; row += WARPS) {
    if ((used >> row / GRANULE & 1) == 0) continue;
    const long long from = max(index[row], 0);
    copy_row(key + row * kKeyStride, ckv_cache + from * CKV, kpe_cache + from * KPE, index[row] >= 0, lane);
  }
}

// The warp's share of queries * keys': one granule, and of its steps every STEP_GROUPS-th.
__device__ void multiply_keys(Shared& shared, const bf16* key, uint32_t used, int warp, int lane) {
  const int granule = warp % GRANULES, group = warp / GRANULES;
  if ((used >> granule & 1) == 0) return;
  float sum[2][2][4] = {};  // even and odd steps apart: shorter chains
#pragma unroll
  for (int i = 0; i < (STEPS + STEP_GROUPS - 1) / STEP_GROUPS; ++i) {
    const int step = i * STEP_GROUPS + group;
    if (STEPS % STEP_GROUPS != 0 && step >= STEPS) break;
    uint32_t a[4], b[4];
    load_matrices(a, shared.query + (lane / 8 % 2 * 8 + lane % 8) * kKeyStride + step * 16 + lane / 16 * 8);
    load_matrices(b, key + (granule * GRANULE + lane / 16 * 8 + lane % 8) * kKeyStride + step * 16 + lane / 8 % 2 * 8);
    mma(sum[i % 2][0], a, b[0], b[1]);
    mma(sum[i % 2][1], a, b[2], b[3]);
  }
  float* product = shared.product[group] + granule * GRANULE + lane % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; ++half)
#pragma unroll
    for (int i = 0; i < 4; i += 2)
      *reinterpret_cast<float2*>(product + (lane / 4 + i / 2 * 8) * kProductStride + half * 8) =
          make_float2(sum[0][half][i] + sum[1][half][i], sum[0][half][i + 1] + sum[1][half][i + 1]);
}

// Logits to weights, in base 2; the warp's heads are warp and warp + 8. The tile has a valid index: the maximum is finite.
__device__ void weigh(Shared& shared, const int* index, float scale, bool first, int warp, int lane) {
#pragma unroll
  for (int head = warp; head < HEADS; head += WARPS) {
    constexpr int kPerLane = (BLOCK + 31) / 32;
    float logit[kPerLane], maximum = -CUDART_INF_F, sum = 0.0f;
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      const int column = i * 32 + lane;
      logit[i] = -CUDART_INF_F;
      if (column < BLOCK && index[column] >= 0) {
        logit[i] = 0.0f;
#pragma unroll
        for (int group = 0; group < STEP_GROUPS; ++group)
          logit[i] += shared.product[group][head * kProductStride + column];
        logit[i] *= scale;
      }
      maximum = fmaxf(maximum, logit[i]);
    }
    const float before = first ? -CUDART_INF_F : shared.maximum[head];
    maximum = fmaxf(warp_max(maximum), before);
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      const float weight = exp2f(logit[i] - maximum);
      if (i * 32 + lane < BLOCK) shared.weight[head * kWeightStride + i * 32 + lane] = __float2bfloat16(weight);
      sum += weight;
    }
    sum = warp_sum(sum);
    const float rescale = first ? 0.0f : exp2f(before - maximum);
    __syncwarp();  // all lanes have read the old maximum
    if (lane == 0) {
      shared.maximum[head] = maximum;
      shared.sum[head] = (first ? 0.0f : shared.sum[head] * rescale) + sum;
      shared.rescale[head] = rescale;
    }
  }
}

// out += weights * values, for the warp's columns.
__device__ void multiply_values(float (&out)[COLUMNS / 8][4], const Shared& shared, const bf16* key, uint32_t used,
                                int warp, int lane) {
  const float low = shared.rescale[lane / 4], high = shared.rescale[lane / 4 + 8];
#pragma unroll
  for (int n = 0; n < COLUMNS / 8; ++n)
#pragma unroll
    for (int i = 0; i < 4; ++i) out[n][i] *= i < 2 ? low : high;
#pragma unroll
  for (int granule = 0; granule < GRANULES; ++granule) {
    if ((used >> granule & 1) == 0) continue;
    const int row = lane / 8 % 2 * 8 + lane % 8, column = lane / 16 * 8;
    uint32_t a[4];
    load_matrices(a, shared.weight + row * kWeightStride + granule * GRANULE + column);
#pragma unroll
    for (int n = 0; n < COLUMNS; n += 16) {
      uint32_t b[4];
      load_transposed(b, key + (granule * GRANULE + row) * kKeyStride + warp * COLUMNS + n + column);
      mma(out[n / 8], a, b[0], b[1]);
      mma(out[n / 8 + 1], a, b[2], b[3]);
    }
  }
}

// ---------------------------------------------------------------------------------------------- results

// Four columns of one head from the partial results of the token's splits in `busy`. A warp's lanes share the head.
__device__ void merge_columns(const float* part, const float2* part_scale, bf16* output, float* lse, long long token,
                              int head, int column, unsigned long long busy) {
  constexpr int kPerLane = (SPLITS + 31) / 32;  // a lane weighs splits lane and lane + 32
  constexpr int kBatch = 8;                     // loads under way at once
  struct Entry {
    int split;
    float weight;
  };
  __shared__ Entry entries[WARPS][SPLITS + kBatch];
  const long long first = token * SPLITS;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

  float2 scale[kPerLane];
  float maximum = -CUDART_INF_F, total = 0.0f;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int split = i * 32 + lane;
    scale[i] = make_float2(-CUDART_INF_F, 0.0f);
    if (split < SPLITS && (busy >> split & 1) != 0) scale[i] = __ldcg(&part_scale[(first + split) * HEADS + head]);
    maximum = fmaxf(maximum, scale[i].x);
  }
  maximum = warp_max(maximum);
  // The list of splits with a weight, filled up with zeros to whole batches: the loads then need no branches.
  int count = 0;
  __syncwarp();  // all have read the list of the columns before
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const bool used = scale[i].x > -CUDART_INF_F;  // all padding: nothing was written, and -inf less -inf is no number
    const float weight = used ? exp2f(scale[i].x - maximum) : 0.0f;
    const uint32_t lanes = __ballot_sync(0xffffffffu, used);
    if (used) entries[warp][count + __popc(lanes & ((1u << lane) - 1))] = {i * 32 + lane, weight};
    total += weight * scale[i].y;
    count += __popc(lanes);
  }
  __syncwarp();
  if (lane < kBatch && count > 0) entries[warp][count + lane] = {entries[warp][0].split, 0.0f};
  __syncwarp();
  total = warp_sum(total);

  float4 sum = make_float4(0, 0, 0, 0);
  for (int base = 0; base < count; base += kBatch) {
    float4 x[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      x[i] = __ldcg(reinterpret_cast<const float4*>(
          part + ((first + entries[warp][base + i].split) * HEADS + head) * CKV + column));
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const float weight = entries[warp][base + i].weight;
      sum.x += weight * x[i].x;
      sum.y += weight * x[i].y;
      sum.z += weight * x[i].z;
      sum.w += weight * x[i].w;
    }
  }
  const float inverse = total > 0.0f ? 1.0f / total : 0.0f;
  const __nv_bfloat162 low = __floats2bfloat162_rn(sum.x * inverse, sum.y * inverse);
  const __nv_bfloat162 high = __floats2bfloat162_rn(sum.z * inverse, sum.w * inverse);
  *reinterpret_cast<uint2*>(output + (token * HEADS + head) * CKV + column) =
      make_uint2(reinterpret_cast<const uint32_t&>(low), reinterpret_cast<const uint32_t&>(high));
  if (column == 0) lse[token * HEADS + head] = total > 0.0f ? maximum + log2f(total) : -CUDART_INF_F;
}

// What the block found, unnormalised, for a merge.
__device__ void write_partial(const float (&out)[COLUMNS / 8][4], const Shared& shared, float* part, float2* part_scale,
                              long long place, int warp, int lane) {
  if (threadIdx.x < HEADS)
    part_scale[place * HEADS + threadIdx.x] = make_float2(shared.maximum[threadIdx.x], shared.sum[threadIdx.x]);
#pragma unroll
  for (int n = 0; n < COLUMNS / 8; ++n)
#pragma unroll
    for (int i = 0; i < 4; i += 2)
      *reinterpret_cast<float2*>(part + (place * HEADS + lane / 4 + i / 2 * 8) * CKV + warp * COLUMNS + n * 8 +
                                 lane % 4 * 2) = make_float2(out[n][i], out[n][i + 1]);
}

// The token's result from one block alone.
__device__ void write_result(const float (&out)[COLUMNS / 8][4], const Shared& shared, bf16* output, float* lse,
                             long long token, int warp, int lane) {
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const int head = lane / 4 + i / 2 * 8;
    const float inverse = 1.0f / shared.sum[head];
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; ++n)
      *reinterpret_cast<__nv_bfloat162*>(output + (token * HEADS + head) * CKV + warp * COLUMNS + n * 8 + lane % 4 * 2) =
          __floats2bfloat162_rn(out[n][i] * inverse, out[n][i + 1] * inverse);
  }
  if (threadIdx.x < HEADS)
    lse[token * HEADS + threadIdx.x] = shared.maximum[threadIdx.x] + log2f(shared.sum[threadIdx.x]);
}

// Waits until `count` blocks have come here; the last to leave makes the two words zero again.
__device__ void meet(uint32_t* barrier, uint32_t count) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(&barrier[0], 1);
    uint32_t arrived = 0;
    do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(arrived) : "l"(barrier) : "memory");
    while (arrived < count);
    if (atomicAdd(&barrier[1], 1) == count - 1) {
      atomicExch(&barrier[0], 0);
      atomicExch(&barrier[1], 0);
    }
    __threadfence();
  }
  __syncthreads();
}

// One bit per split of the token that has a valid index.
__device__ unsigned long long busy_splits(const int* indices) {
  __shared__ unsigned long long busy;
  if (threadIdx.x == 0) busy = 0;
  __syncthreads();
  for (int i = threadIdx.x * 4; i < TOPK; i += THREADS * 4) {
    const int4 four = *reinterpret_cast<const int4*>(indices + i);
    // The sign bit of the conjunction is set only where all four are negative.
    if ((four.x & four.y & four.z & four.w) >= 0) atomicOr(&busy, 1ull << i / BLOCK % SPLITS);
  }
  __syncthreads();
  return busy;
}

// ---------------------------------------------------------------------------------------------- kernels

template <bool Fused>
__global__ void __launch_bounds__(THREADS)
attention(const bf16* __restrict__ q_nope, const bf16* __restrict__ q_pe, const bf16* __restrict__ ckv_cache,
          const bf16* __restrict__ kpe_cache, const int* __restrict__ sparse_indices, float sm_scale, float* part,
          float2* part_scale, uint32_t* barrier, bf16* output, float* lse) {
  extern __shared__ __align__(16) unsigned char memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32, split = blockIdx.x;
  const long long token = blockIdx.y;
  const int* indices = sparse_indices + token * TOPK;
  if (!Fused) asm volatile("griddepcontrol.launch_dependents;");

  // Tile i of this block is tile i * SPLITS + split of the token: a short prefix of valid indices is dealt evenly.
  bool any = false;
  for (int i = thread; i < TILES * BLOCK; i += THREADS) {
    const int index = indices[(i / BLOCK * SPLITS + split) * BLOCK + i % BLOCK];
    shared.index[i] = index;
    any |= index >= 0;
  }
  for (int head = warp; head < HEADS; head += WARPS)
    copy_row(shared.query + head * kKeyStride, q_nope + (token * HEADS + head) * CKV, q_pe + (token * HEADS + head) * KPE,
             true, lane);
  unsigned long long busy = 0;
  if (__syncthreads_or(any) == 0) {  // nothing to do, but that somebody has to write the result of nothing
    wait_for_copies<0>();
    if (!Fused && thread < HEADS) part_scale[(token * SPLITS + split) * HEADS + thread] = make_float2(-CUDART_INF_F, 0.0f);
    if (!Fused || split != 0 || busy_splits(indices) != 0) return;
    for (int i = thread; i < HEADS * CKV / 8; i += THREADS)
      reinterpret_cast<uint4*>(output + token * HEADS * CKV)[i] = make_uint4(0, 0, 0, 0);
    if (thread < HEADS) lse[token * HEADS + thread] = -CUDART_INF_F;
    return;
  }

  uint32_t used = granules_in_use(shared.index, lane);
  gather(shared.key[0], ckv_cache, kpe_cache, shared.index, used, warp, lane);
  commit_copies();
  if (Fused) busy = busy_splits(indices);  // while the keys are under way

  const float scale = sm_scale * 1.44269504f;  // after the product, and to base 2
  float out[COLUMNS / 8][4] = {};
  bool empty = true;
#pragma unroll 1
  for (int tile = 0; tile < TILES; ++tile) {
    const int* index = shared.index + tile * BLOCK;
    const bf16* key = shared.key[tile % STAGES];
    const uint32_t now = used;
    if (tile + 1 < TILES) {
      used = granules_in_use(index + BLOCK, lane);
      gather(shared.key[(tile + 1) % STAGES], ckv_cache, kpe_cache, index + BLOCK, used, warp, lane);
      commit_copies();
      wait_for_copies<1>();
    } else {
      wait_for_copies<0>();
    }
    __syncthreads();
    if (now != 0) {
      multiply_keys(shared, key, now, warp, lane);
      __syncthreads();
      weigh(shared, index, scale, empty, warp, lane);
      __syncthreads();
      multiply_values(out, shared, key, now, warp, lane);
      empty = false;
    }
    if (TILES > 1) __syncthreads();  // the next copies go where these keys were
  }

  const int count = __popcll(busy);
  if (Fused && count == 1) {  // nothing to merge
    write_result(out, shared, output, lse, token, warp, lane);
    return;
  }
  write_partial(out, shared, part, part_scale, token * SPLITS + split, warp, lane);
  if (!Fused) return;
  meet(barrier + 2 * token, count);
  const int rank = __popcll(busy & ((1ull << split) - 1));
  for (int i = rank * THREADS + thread; i < HEADS * CKV / 4; i += count * THREADS)
    merge_columns(part, part_scale, output, lse, token, i / (CKV / 4), i % (CKV / 4) * 4, busy);
}

__global__ void merge(const float* part, const float2* part_scale, bf16* output, float* lse) {
  asm volatile("griddepcontrol.wait;" ::: "memory");
  merge_columns(part, part_scale, output, lse, blockIdx.z, blockIdx.y, (blockIdx.x * blockDim.x + threadIdx.x) * 4,
                ~0ull);
}
