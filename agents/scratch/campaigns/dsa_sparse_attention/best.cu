/*@plan
tune FEW_FUSE = true in {true, false};   // at most two tokens: one launch
tune FEW_T = 8 in {4, 8, 16};            // tiles of 8 slots per block
tune MANY_FUSE = true in {true, false};  // more tokens: one launch
tune MANY_T = 16 in {8, 16};
tune FUSED_AHEAD = 8 in {4, 8};          // one launch: parts loaded before it is known that they have entries
tune AHEAD = 8 in {4, 8, 16};            // two launches: parts loaded before it is known that they have entries
require num_qo_heads == 16 else "16 heads are the rows of an mma";
require head_dim_ckv == 512 && head_dim_kpe == 64 else "8 warps of 64 dims";
require topk % 128 == 0 else "whole parts";
const int tiles = num_tokens <= 2 ? FEW_T : MANY_T;
const int parts = topk / (8 * tiles);
const int dynamic_bytes = 544 * (8 * tiles + 8) + 32 * tiles;
workspace uint4 part_o[num_tokens * parts * 1024];
workspace float2 part_ml[num_tokens * parts * num_qo_heads];

if (num_tokens <= 2) {
  if (FEW_FUSE) {
    workspace int arrived[num_tokens] = self_clean;
    attend_all<FEW_T><<<dim3(num_tokens, parts), 256, dynamic_bytes>>>(q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, part_o, part_ml, arrived, output, lse);
  } else {
    attend_part<FEW_T><<<dim3(num_tokens, parts), 256, dynamic_bytes>>>(q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, part_o, part_ml);
    [[pdl]] merge_parts<FEW_T, AHEAD><<<dim3(16, num_tokens), 32>>>(part_o, part_ml, output, lse);
  }
} else {
  if (MANY_FUSE) {
    workspace int arrived[num_tokens] = self_clean;
    attend_all<MANY_T><<<dim3(num_tokens, parts), 256, dynamic_bytes>>>(q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, part_o, part_ml, arrived, output, lse);
  } else {
    attend_part<MANY_T><<<dim3(num_tokens, parts), 256, dynamic_bytes>>>(q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, part_o, part_ml);
    [[pdl]] merge_parts<MANY_T, AHEAD><<<dim3(16, num_tokens), 32>>>(part_o, part_ml, output, lse);
  }
}
*/
#include <cuda_bf16.h>
#include <cmath>

constexpr int kHeads = axis::num_qo_heads;
constexpr int kCkv = axis::head_dim_ckv;
constexpr int kKpe = axis::head_dim_kpe;
constexpr int kWarps = kCkv / 64;   // each owns 64 dims
constexpr int kSlices = kKpe / 16;  // slices of 16 positional dims; warp w: slice w % kSlices of the tiles of parity w / kSlices
static_assert(kHeads == 16 && kWarps == 8 && kSlices == 4, "shape");

// c = a b + c; separate output operands, so that no register copies are needed.
__device__ __forceinline__ void mma_bf16(float (&c)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0,
                                         unsigned b1) {
  float d0, d1, d2, d3;
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
      : "=f"(d0), "=f"(d1), "=f"(d2), "=f"(d3)
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
  c[0] = d0;
  c[1] = d1;
  c[2] = d2;
  c[3] = d3;
}

__device__ __forceinline__ unsigned transpose(unsigned a) {
  unsigned d;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(d) : "r"(a));
  return d;
}

__device__ __forceinline__ float fast_exp2(float x) {  // 0 for -inf
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}

__device__ __forceinline__ unsigned pack(float low, float high) {
  const __nv_bfloat162 two = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&two);
}

__device__ __forceinline__ float warp_max(float v) {
#if __CUDA_ARCH__ >= 1000
  float r;
  asm volatile("redux.sync.max.f32 %0, %1, 0xffffffff;" : "=f"(r) : "f"(v));
  return r;
#else
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, mask));
  return v;
#endif
}

// The block attends to slots part * 8 T ... of the token's list; slot g T + n of them is row g of tile n. Writes the
// unnormalised sums (bf16, as B fragments with the heads along k), their maximum and their weight sum; of a part
// without entries only (-inf, 0).
// kChains: accumulators of a logit; kBatch: tiles whose products are in flight together; kSums: accumulators of a result.
template <int T, int kChains, int kBatch, int kSums>
__device__ __forceinline__ void attend(const __nv_bfloat16* __restrict__ q_nope, const __nv_bfloat16* __restrict__ q_pe,
                                       const __nv_bfloat16* __restrict__ ckv_cache,
                                       const __nv_bfloat16* __restrict__ kpe_cache,
                                       const int* __restrict__ sparse_indices, float sm_scale, int part, int token,
                                       uint4* part_o, float2* part_ml) {
  static_assert(T % 4 == 0 && T % kBatch == 0 && kBatch % 2 == 0, "indices are read in fours");
  constexpr int kRows = 8 * T;
  constexpr int kParts = axis::topk / kRows;
  constexpr int kSteps = T / 2;        // k16 steps of the second product
  constexpr int kGroups = kRows / 32;  // neighbouring columns of a softmax lane
  constexpr int kPitch = kRows + 8;    // of logits in floats, of weights in bf16: no bank conflicts
  extern __shared__ __align__(128) unsigned char smem[];
  float (*const logits)[16][kPitch] = reinterpret_cast<float (*)[16][kPitch]>(smem);  // [kWarps]
  __nv_bfloat16 (*const weights)[kPitch] = reinterpret_cast<__nv_bfloat16 (*)[kPitch]>(smem + kWarps * 64 * kPitch);
  int* const entries = reinterpret_cast<int*>(smem + kWarps * 64 * kPitch + 32 * kPitch);  // [kRows]

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;

  // Indices, the same in all warps.
  int entry[T];
  {
    const int4* list = reinterpret_cast<const int4*>(sparse_indices + static_cast<long long>(token) * axis::topk +
                                                     part * kRows + g * T);
#pragma unroll
    for (int i = 0; i < T / 4; ++i) {
      const int4 four = list[i];
      entry[4 * i] = four.x;
      entry[4 * i + 1] = four.y;
      entry[4 * i + 2] = four.z;
      entry[4 * i + 3] = four.w;
    }
  }
  int listed = entry[0];
#pragma unroll
  for (int n = 1; n < T; ++n) listed = max(listed, entry[n]);
  listed = __reduce_max_sync(0xffffffffu, listed);  // some entry of the part, -1 if there is none
  if (listed < 0) {                                 // in all threads of the block alike
    if (threadIdx.x < kHeads)
      part_ml[(static_cast<long long>(token) * kParts + part) * kHeads + threadIdx.x] = make_float2(-INFINITY, 0.0f);
    return;
  }
  if (warp == 0 && t == 0) {
#pragma unroll
    for (int n = 0; n < T; ++n) entries[8 * n + g] = entry[n];
  }
  // Padding reads the rows of a listed entry; its weight will be 0.
#pragma unroll
  for (int n = 0; n < T; ++n) entry[n] = entry[n] < 0 ? listed : entry[n];

  // Queries: this warp's 64 dims and its positional slice, as A fragments with the order of k that the keys have.
  const int slice = warp % kSlices, parity = warp / kSlices;
  const long long head_row = static_cast<long long>(token) * kHeads + g;
  const __nv_bfloat16* q = q_nope + head_row * kCkv + warp * 64 + 8 * t;
  const __nv_bfloat16* p = q_pe + head_row * kKpe + slice * 16 + 4 * t;
  const uint2 p_low = *reinterpret_cast<const uint2*>(p);
  const uint2 p_high = *reinterpret_cast<const uint2*>(p + 8 * kKpe);
  uint4 q_low[2], q_high[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    q_low[h] = *reinterpret_cast<const uint4*>(q + 32 * h);
    q_high[h] = *reinterpret_cast<const uint4*>(q + 8 * kCkv + 32 * h);
  }

  // Keys: 8 registers a tile, all loads in flight together.
  unsigned key[T][8];
  uint2 positional[kSteps];  // of tiles 2 i + parity
  const __nv_bfloat16* ckv_lane = ckv_cache + warp * 64 + 8 * t;
  const __nv_bfloat16* kpe_lane = kpe_cache + slice * 16 + 4 * t;
#pragma unroll
  for (int i = 0; i < kSteps; ++i) {
    const int mine = parity == 0 ? entry[2 * i] : entry[2 * i + 1];
    positional[i] = *reinterpret_cast<const uint2*>(kpe_lane + static_cast<long long>(mine) * kKpe);
  }
#pragma unroll
  for (int n = 0; n < T; ++n) {
    const __nv_bfloat16* k = ckv_lane + static_cast<long long>(entry[n]) * kCkv;
    const uint4 first = *reinterpret_cast<const uint4*>(k);
    const uint4 second = *reinterpret_cast<const uint4*>(k + 32);
    key[n][0] = first.x;
    key[n][1] = first.y;
    key[n][2] = first.z;
    key[n][3] = first.w;
    key[n][4] = second.x;
    key[n][5] = second.y;
    key[n][6] = second.z;
    key[n][7] = second.w;
  }

  // Positional queries, zero for the tiles of the other parity.
  unsigned pa[2][4];
#pragma unroll
  for (int x = 0; x < 2; ++x) {
    pa[x][0] = parity == x ? p_low.x : 0u;
    pa[x][1] = parity == x ? p_high.x : 0u;
    pa[x][2] = parity == x ? p_low.y : 0u;
    pa[x][3] = parity == x ? p_high.y : 0u;
  }

  // Logits over this warp's dims; then the keys become the values' B fragments: lane (g, t) gets dim g of the 8 and
  // entries 2 t, 2 t + 1.
#pragma unroll
  for (int base = 0; base < T; base += kBatch) {
    float c[kChains][kBatch][4];
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const int n = base + i;
#pragma unroll
      for (int x = 0; x < kChains; ++x) c[x][i][0] = c[x][i][1] = c[x][i][2] = c[x][i][3] = 0.0f;
      mma_bf16(c[0][i], pa[n % 2][0], pa[n % 2][1], pa[n % 2][2], pa[n % 2][3], positional[n / 2].x,
               positional[n / 2].y);
    }
    // Step x of half h; the halves are interleaved where they have their own accumulators.
#pragma unroll
    for (int step = 0; step < 4; ++step) {
      const int h = kChains == 2 ? 1 - step % 2 : step / 2, x = kChains == 2 ? step / 2 : step % 2;
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        if (x == 0)
          mma_bf16(c[h % kChains][i], q_low[h].x, q_high[h].x, q_low[h].y, q_high[h].y, key[base + i][4 * h],
                   key[base + i][4 * h + 1]);
        else
          mma_bf16(c[h % kChains][i], q_low[h].z, q_high[h].z, q_low[h].w, q_high[h].w, key[base + i][4 * h + 2],
                   key[base + i][4 * h + 3]);
      }
    }
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const int n = base + i;
      if (kChains == 2) {
#pragma unroll
        for (int e = 0; e < 4; ++e) c[0][i][e] += c[kChains - 1][i][e];
      }
      *reinterpret_cast<float2*>(&logits[warp][g][8 * n + 2 * t]) = make_float2(c[0][i][0], c[0][i][1]);
      *reinterpret_cast<float2*>(&logits[warp][g + 8][8 * n + 2 * t]) = make_float2(c[0][i][2], c[0][i][3]);
#pragma unroll
      for (int r = 0; r < 8; ++r) key[n][r] = transpose(key[n][r]);
    }
  }
  __syncthreads();

  // Softmax numerators: a warp takes rows 2 warp and 2 warp + 1, a lane kGroups neighbouring columns.
  float tops[2], share[2];  // the rows' maxima; this lane's share of their weight sums
  {
    const float factor = sm_scale * 1.4426950408889634f;
    bool valid[kGroups];
#pragma unroll
    for (int i = 0; i < kGroups; ++i) {
      const int column = kGroups * lane + i;
      valid[i] = entries[column] >= 0;
    }
    float value[2][kGroups];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float v[kWarps][kGroups];
#pragma unroll
      for (int w = 0; w < kWarps; ++w) {
        const float* from = &logits[w][2 * warp + r][kGroups * lane];
        if constexpr (kGroups == 2) {
          const float2 two = *reinterpret_cast<const float2*>(from);
          v[w][0] = two.x;
          v[w][1] = two.y;
        } else if constexpr (kGroups == 4) {
          const float4 four = *reinterpret_cast<const float4*>(from);
          v[w][0] = four.x;
          v[w][1] = four.y;
          v[w][2] = four.z;
          v[w][3] = four.w;
        } else {
#pragma unroll
          for (int i = 0; i < kGroups; ++i) v[w][i] = from[i];
        }
      }
      tops[r] = -INFINITY;
#pragma unroll
      for (int i = 0; i < kGroups; ++i) {
        const float x = ((v[0][i] + v[1][i]) + (v[2][i] + v[3][i])) + ((v[4][i] + v[5][i]) + (v[6][i] + v[7][i]));
        value[r][i] = valid[i] ? x * factor : -INFINITY;
        tops[r] = fmaxf(tops[r], value[r][i]);
      }
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) tops[r] = warp_max(tops[r]);  // finite: the part has an entry
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      share[r] = 0.0f;
#pragma unroll
      for (int i = 0; i < kGroups; ++i) {
        value[r][i] = fast_exp2(value[r][i] - tops[r]);
        share[r] += value[r][i];
      }
      __nv_bfloat16* to = &weights[2 * warp + r][kGroups * lane];
      if constexpr (kGroups == 2) {
        *reinterpret_cast<__nv_bfloat162*>(to) = __floats2bfloat162_rn(value[r][0], value[r][1]);
      } else if constexpr (kGroups == 4) {
        *reinterpret_cast<uint2*>(to) = make_uint2(pack(value[r][0], value[r][1]), pack(value[r][2], value[r][3]));
      } else {
#pragma unroll
        for (int i = 0; i < kGroups; ++i) to[i] = __float2bfloat16_rn(value[r][i]);
      }
    }
  }
  __syncthreads();

  // Weights times values: 16 heads x this warp's 64 dims.
  float o[8][4], more[kSums][8][4];  // more[1]: the odd steps, where there are two chains
#pragma unroll
  for (int r = 0; r < 8; ++r) {
    o[r][0] = o[r][1] = o[r][2] = o[r][3] = 0.0f;
#pragma unroll
    for (int x = 1; x < kSums; ++x) more[x][r][0] = more[x][r][1] = more[x][r][2] = more[x][r][3] = 0.0f;
  }
#pragma unroll
  for (int s = 0; s < kSteps; ++s) {
    unsigned a[4];
    const unsigned address =
        static_cast<unsigned>(__cvta_generic_to_shared(&weights[lane % 16][16 * s + lane / 16 * 8]));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
                 : "r"(address)
                 : "memory");
#pragma unroll
    for (int r = 0; r < 8; ++r) {
      if (s % kSums == 0)
        mma_bf16(o[r], a[0], a[1], a[2], a[3], key[2 * s][r], key[2 * s + 1][r]);
      else
        mma_bf16(more[kSums - 1][r], a[0], a[1], a[2], a[3], key[2 * s][r], key[2 * s + 1][r]);
    }
  }

  // The weight sums, under the latency of the products: lanes 0 to 15 end up with that of the first row.
  {
    const bool upper = lane >= 16;
    float sum = (upper ? share[1] : share[0]) + __shfl_xor_sync(0xffffffffu, upper ? share[0] : share[1], 16);
#pragma unroll
    for (int mask = 8; mask > 0; mask >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
    if (lane % 16 == 0)
      part_ml[(static_cast<long long>(token) * kParts + part) * kHeads + 2 * warp + lane / 16] =
          make_float2(upper ? tops[1] : tops[0], sum);
  }

  if constexpr (kSums == 2) {
#pragma unroll
    for (int r = 0; r < 8; ++r)
#pragma unroll
      for (int e = 0; e < 4; ++e) o[r][e] += more[kSums - 1][r][e];
  }
  // o[4 h + i]: heads g (first two) and g + 8, dims 32 h + 8 t + 2 i and the next. Transposed, lane (g, t) has column g of
  // that n8 tile for heads 2 t, 2 t + 1 (and 8 more): the B fragment of the merging product, whose k are the heads.
  uint4* target = part_o + ((static_cast<long long>(token) * kParts + part) * kWarps + warp) * 128 + lane;
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    uint4 v;
    v.x = transpose(pack(o[2 * c][0], o[2 * c][1]));
    v.y = transpose(pack(o[2 * c][2], o[2 * c][3]));
    v.z = transpose(pack(o[2 * c + 1][0], o[2 * c + 1][1]));
    v.w = transpose(pack(o[2 * c + 1][2], o[2 * c + 1][3]));
    target[32 * c] = v;
  }
}

// Volatile: these stay in the order of the program, before the first use of any.
__device__ __forceinline__ void load_piece(unsigned (&v)[4], const uint4* p) {
  asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
               : "l"(p)
               : "memory");
}
__device__ __forceinline__ float2 load_state(const float2* p) {
  float2 v;
  asm volatile("ld.global.v2.f32 {%0, %1}, [%2];" : "=f"(v.x), "=f"(v.y) : "l"(p) : "memory");
  return v;
}

// What a warp has merged so far, for heads g and g + 8: maximum, weight sums with rounded (for the output) and unrounded
// weights (for lse), and the products, U blocks of 32 dims.
template <int U>
struct Merged {
  float top[2], rounded[2], exact[2];
  float acc[U][4][4];
};

// Adds the parts whose bits are set in `on` (the same in all lanes); the rows of the others are not used.
template <int A, int U>
__device__ __forceinline__ void add_parts(Merged<U>& m, const float2 (&state)[A][2], const unsigned (&raw)[A][2 * U][4],
                                          unsigned on, unsigned diagonal) {
  float base[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float next = m.top[r], other = -INFINITY;
#pragma unroll
    for (int u = 0; u < A; ++u) {
      const float top = (on >> u) & 1u ? state[u][r].x : -INFINITY;
      if (u % 2 == 0)
        next = fmaxf(next, top);
      else
        other = fmaxf(other, top);
    }
    next = fmaxf(next, other);
    base[r] = next == -INFINITY ? 0.0f : next;
    const float keep = fast_exp2(m.top[r] - base[r]);
    m.top[r] = next;
    m.rounded[r] *= keep;
    m.exact[r] *= keep;
#pragma unroll
    for (int x = 0; x < U; ++x) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        m.acc[x][i][2 * r] *= keep;
        m.acc[x][i][2 * r + 1] *= keep;
      }
    }
  }
  unsigned a[A][2];
#pragma unroll
  for (int u = 0; u < A; ++u) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float weight = (on >> u) & 1u ? fast_exp2(state[u][r].x - base[r]) : 0.0f;
      const unsigned two = pack(weight, weight);
      m.exact[r] += weight * state[u][r].y;
      m.rounded[r] += __uint_as_float(two & 0xffff0000u) * state[u][r].y;
      a[u][r] = two & diagonal;
    }
  }
#pragma unroll
  for (int u = 0; u < A; ++u) {
    if ((on >> u) & 1u) {
#pragma unroll
      for (int x = 0; x < U; ++x) {
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          mma_bf16(m.acc[x][2 * c], a[u][0], 0u, 0u, a[u][1], raw[u][2 * x + c][0], raw[u][2 * x + c][1]);
          mma_bf16(m.acc[x][2 * c + 1], a[u][0], 0u, 0u, a[u][1], raw[u][2 * x + c][2], raw[u][2 * x + c][3]);
        }
      }
    }
  }
}

// One warp: 16 heads x dims 64 slice + 32 block ... of U blocks of 32.
template <int P, int Ahead, int U>
__device__ __forceinline__ void merge_slice(const uint4* part_o, const float2* part_ml, int token, int slice, int block,
                                            __nv_bfloat16* output, float* lse) {
  constexpr int A = Ahead < P ? Ahead : P;
  constexpr int kLaneParts = (P + 31) / 32;
  static_assert(A < 32, "bits of a batch");
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const uint4* rows = part_o + (static_cast<long long>(token) * P * kWarps + slice) * 128 + block * 64 + lane;
  const float2* states = part_ml + static_cast<long long>(token) * P * kHeads;
  const unsigned diagonal = g == 2 * t ? 0x0000ffffu : (g == 2 * t + 1 ? 0xffff0000u : 0u);

  float2 probe[kLaneParts];
#pragma unroll
  for (int k = 0; k < kLaneParts; ++k) probe[k] = load_state(states + min(lane + 32 * k, P - 1) * kHeads);
  Merged<U> m;
  unsigned live[kLaneParts];  // parts with entries: the same ones for all heads
  {
    float2 state[A][2];
    unsigned raw[A][2 * U][4];
#pragma unroll
    for (int u = 0; u < A; ++u) {
      state[u][0] = load_state(states + u * kHeads + g);
      state[u][1] = load_state(states + u * kHeads + g + 8);
    }
#pragma unroll
    for (int u = 0; u < A; ++u)
#pragma unroll
      for (int c = 0; c < 2 * U; ++c) load_piece(raw[u][c], rows + u * (kWarps * 128) + 32 * c);
#pragma unroll
    for (int k = 0; k < kLaneParts; ++k)
      live[k] = __ballot_sync(0xffffffffu, lane + 32 * k < P && probe[k].x != -INFINITY);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      m.top[r] = -INFINITY;
      m.rounded[r] = 0.0f;
      m.exact[r] = 0.0f;
    }
#pragma unroll
    for (int x = 0; x < U; ++x)
#pragma unroll
      for (int i = 0; i < 4; ++i) m.acc[x][i][0] = m.acc[x][i][1] = m.acc[x][i][2] = m.acc[x][i][3] = 0.0f;
    add_parts<A, U>(m, state, raw, live[0] & ((1u << A) - 1u), diagonal);
  }
  if constexpr (A < P) {
#pragma unroll
    for (int k = 0; k < kLaneParts; ++k) {
      unsigned bits = k == 0 ? live[0] & ~((1u << A) - 1u) : live[k];
      while (bits != 0) {
        unsigned on = 0;
        int part = 0;
        float2 state[A][2];
        unsigned raw[A][2 * U][4];
#pragma unroll
        for (int u = 0; u < A; ++u) {
          if (bits != 0) part = __ffs(bits) - 1;  // else the same once more, not used
          on |= bits != 0 ? 1u << u : 0u;
          bits &= bits - 1;  // 0 stays 0
          const int at = part + 32 * k;
          state[u][0] = load_state(states + at * kHeads + g);
          state[u][1] = load_state(states + at * kHeads + g + 8);
#pragma unroll
          for (int c = 0; c < 2 * U; ++c) load_piece(raw[u][c], rows + at * (kWarps * 128) + 32 * c);
        }
        add_parts<A, U>(m, state, raw, on, diagonal);
      }
    }
  }

#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const long long row = static_cast<long long>(token) * kHeads + g + 8 * r;
    const float inverse = m.rounded[r] > 0.0f ? __fdividef(1.0f, m.rounded[r]) : 0.0f;
#pragma unroll
    for (int x = 0; x < U; ++x) {
      uint4 v;
      v.x = pack(m.acc[x][0][2 * r] * inverse, m.acc[x][0][2 * r + 1] * inverse);
      v.y = pack(m.acc[x][1][2 * r] * inverse, m.acc[x][1][2 * r + 1] * inverse);
      v.z = pack(m.acc[x][2][2 * r] * inverse, m.acc[x][2][2 * r + 1] * inverse);
      v.w = pack(m.acc[x][3][2 * r] * inverse, m.acc[x][3][2 * r + 1] * inverse);
      *reinterpret_cast<uint4*>(output + row * kCkv + 64 * slice + 32 * (block + x) + 8 * t) = v;
    }
    if (slice == 0 && block == 0 && t == 0)
      lse[row] = m.exact[r] > 0.0f ? m.top[r] + log2f(m.exact[r]) : -INFINITY;
  }
}

// Two launches.
template <int T>
__global__ __launch_bounds__(256, T <= 8 ? 2 : 1) void attend_part(
    const __nv_bfloat16* __restrict__ q_nope, const __nv_bfloat16* __restrict__ q_pe,
    const __nv_bfloat16* __restrict__ ckv_cache, const __nv_bfloat16* __restrict__ kpe_cache,
    const int* __restrict__ sparse_indices, float sm_scale, uint4* part_o, float2* part_ml) {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  attend<T, T <= 4 ? 2 : 1, 4, 1>(q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, blockIdx.y, blockIdx.x,
                               part_o, part_ml);
}

template <int T, int Ahead>
__global__ __launch_bounds__(32) void merge_parts(const uint4* part_o, const float2* part_ml, __nv_bfloat16* output,
                                                  float* lse) {
  asm volatile("griddepcontrol.wait;" ::: "memory");
  merge_slice<axis::topk / (8 * T), Ahead, 1>(part_o, part_ml, blockIdx.y, blockIdx.x / 2, blockIdx.x % 2, output, lse);
}

// One launch: the last block of a token to arrive merges its parts, a warp per 64 dims.
template <int T>
__global__ __launch_bounds__(256, 1) void attend_all(const __nv_bfloat16* __restrict__ q_nope,
                                                     const __nv_bfloat16* __restrict__ q_pe,
                                                     const __nv_bfloat16* __restrict__ ckv_cache,
                                                     const __nv_bfloat16* __restrict__ kpe_cache,
                                                     const int* __restrict__ sparse_indices, float sm_scale,
                                                     uint4* part_o, float2* part_ml, int* arrived,
                                                     __nv_bfloat16* output, float* lse) {
  constexpr int kParts = axis::topk / (8 * T);
  const int token = blockIdx.x;
  attend<T, T <= 8 ? 2 : 1, T <= 8 ? T : 8, 2>(q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale, blockIdx.y,
                                            token, part_o, part_ml);
  __syncthreads();  // the writes of all threads of this block come before its arrival
  int last = 0;
  if (threadIdx.x == 0) {
    __threadfence();
    last = atomicAdd(&arrived[token], 1) == kParts - 1;
    // Clean for the next call: all have arrived. A reduction: nothing waits for it.
    if (last) asm volatile("red.global.and.b32 [%0], %1;" ::"l"(&arrived[token]), "r"(0) : "memory");
    __threadfence();  // the others' parts are read after this
  }
  if (__syncthreads_or(last) == 0) return;
  merge_slice<kParts, knob::FUSED_AHEAD, 2>(part_o, part_ml, token, threadIdx.x / 32, 0, output, lse);
}
