// Gated delta rule over whole sequences, in chunks on tensor cores. With G[t] the product of a chunk's decays up to token t
// and D[t][s] the product from s + 1 to t, the changes u that a chunk's tokens make to the state S solve a triangular system,
//     u[t] = beta[t] * (v[t] - G[t] * S k[t] - sum over s < t of D[t][s] * (k[t].k[s]) * u[s]),
// and then o[t] = scale * (G[t] * S q[t] + sum over s <= t of D[t][s] * (q[t].k[s]) * u[s]),  S' = G[last] * S + sum D[last][s] * u[s] k[s]'.
//
// A warp holds 16 rows of S, all 128 columns, as accumulators: what one product leaves in registers is the next one's
// operand as it lies. Two more warps work one chunk ahead on what the state is not needed for: the inverse of the
// triangular system, and the decayed products of queries and keys. Sequences too short for that go token by token.
//
// Keys and queries are bfloat16 already; float32 operands (S, u, the inverse) go in as sums of TERMS bfloat16 numbers. With
// one term the state is off by 0.3 %, and outputs in which large terms cancel by more than 1 %.
/*@plan
tune CHUNK = 16 in {16, 32};               // tokens per step
tune TERMS = 2 in {2, 3};                  // bfloat16 terms of a float32 operand
tune WARPS = 4 in {2, 4, 8};               // warps with rows of the state per block, 16 rows each
tune FEW_WARPS = 1 in {1, 2, 4};           // the same where there are too few sequences to fill the device
tune SHORT = 4 in {0, 2, 4, 8, 16};        // up to this mean length, token by token
tune LANES = 8 in {4, 8, 16};              // token by token: lanes that share a row of the state
tune SHORT_WARPS = 2 in {1, 2, 4};
require head_size == 128 else "the state's 128 columns are eight steps of the tensor cores";
require num_k_heads == num_q_heads else "a value head has one query head and one key head of the same number";

if (total_seq_len <= SHORT * num_seqs) {
  const int rows = 32 / LANES * SHORT_WARPS;
  gdn_short<LANES, SHORT_WARPS><<<dim3(head_size / rows, num_v_heads, num_seqs), 32 * SHORT_WARPS>>>(
      q, k, v, state, A_log, a, dt_bias, b, cu_seqlens, scale, output, new_state);
} else {
  const int common_bytes = 3 * 2 * CHUNK * (head_size + 8) * 2                   // keys and queries
                         + 2 * 2 * TERMS * CHUNK * (CHUNK + 8) * 2               // inverse and query-key products
                         + 2 * 2 * CHUNK * 4                                     // decays
                         + 2 * CHUNK * (CHUNK + 4) * 4;                          // scratch
  if (num_seqs * num_v_heads * ceil_div(head_size, 16 * FEW_WARPS) <= sm_count) {
    const int shared_bytes = common_bytes + (3 * (16 * FEW_WARPS + 8) + FEW_WARPS * 24) * CHUNK * 2;
    gdn_chunks<FEW_WARPS><<<dim3(head_size / (16 * FEW_WARPS), num_v_heads, num_seqs), 32 * (FEW_WARPS + 2), shared_bytes>>>(
        q, k, v, state, A_log, a, dt_bias, b, cu_seqlens, scale, output, new_state);
  } else {
    const int shared_bytes = common_bytes + (3 * (16 * WARPS + 8) + WARPS * 24) * CHUNK * 2;
    gdn_chunks<WARPS><<<dim3(head_size / (16 * WARPS), num_v_heads, num_seqs), 32 * (WARPS + 2), shared_bytes>>>(
        q, k, v, state, A_log, a, dt_bias, b, cu_seqlens, scale, output, new_state);
  }
}
*/
#include <cuda_bf16.h>

using bf16 = __nv_bfloat16;
constexpr int D = axis::head_size;
constexpr int QK_HEADS = axis::num_q_heads, V_HEADS = axis::num_v_heads;
constexpr int C = knob::CHUNK;
constexpr int TERMS = knob::TERMS;

__device__ float decay_of(float a, float dt_bias, float A_log) {
  const float x = a + dt_bias;
  const float softplus = x > 20.0f ? x : log1pf(__expf(x));
  return __expf(-__expf(A_log) * softplus);
}

__device__ float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

// ---------------------------------------------------------------------------------------------- tensor cores

// Rows of shared tiles have 8 elements more than they need: then eight rows of an 8x8 matrix lie in different banks.
constexpr int kKeyStride = D + 8, kPairStride = C + 8, kScratchStride = C + 4;

__device__ uint32_t shared_address(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

// Four 8x8 matrices; lane l gives the row l % 8 of matrix l / 8.
__device__ void load_matrices(uint32_t (&m)[4], const bf16* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(shared_address(row)) : "memory");
}

__device__ void load_transposed(uint32_t (&m)[4], const bf16* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(shared_address(row)) : "memory");
}

__device__ void store_transposed(bf16* row, const uint32_t (&m)[4]) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};"
               :: "r"(shared_address(row)), "r"(m[0]), "r"(m[1]), "r"(m[2]), "r"(m[3]) : "memory");
}

// c (16x8) += a (16x16) * b (16x8).
__device__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ uint32_t pack(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return reinterpret_cast<const uint32_t&>(pair);
}

// The sum of the terms is x: each holds what the ones before it left of it.
template <int Terms>
__device__ void split(uint32_t (&terms)[Terms], float low, float high) {
#pragma unroll
  for (int i = 0; i < Terms; ++i) {
    terms[i] = pack(low, high);
    low -= __uint_as_float(terms[i] << 16);
    high -= __uint_as_float(terms[i] & 0xffff0000u);
  }
}

// Two accumulators side by side (16x8 each) are, rounded, the left operand of the next product (16x16) as they lie.
template <int Terms>
__device__ void to_operand(uint32_t (&a)[Terms][4], const float (&left)[4], const float (&right)[4]) {
#pragma unroll
  for (int part = 0; part < 4; ++part) {
    const float* pair = (part < 2 ? left : right) + part % 2 * 2;
    uint32_t terms[Terms];
    split<Terms>(terms, pair[0], pair[1]);
#pragma unroll
    for (int i = 0; i < Terms; ++i) a[i][part] = terms[i];
  }
}

// ---------------------------------------------------------------------------------------------- memory

template <int Warps>
struct Layout {
  static constexpr int kRows = 16 * Warps;  // of the state, in this block
  static constexpr int kValueStride = kRows + 8;
  static constexpr int kStages = 3;         // one chunk in use, one ahead, one under way
  struct Stage {
    bf16 key[C * kKeyStride], query[C * kKeyStride], value[C * kValueStride];
  };
  struct Derived {
    bf16 inverse[TERMS][C * kPairStride];           // [t][s], times beta[s]
    bf16 products[TERMS][C * kPairStride];   // [t][s]: D[t][s] * (q[t].k[s])
    float decay[C], tail[C];                        // G[t]; D[last][t]
  };
  Stage stage[kStages];
  Derived derived[2];
  float scratch[2][C * kScratchStride];
  bf16 out[Warps][C * 24];
};

struct Place {  // of a block in the problem
  int head, qk_head, first_row;
  long long begin, end;
};

__device__ void copy_16_bytes(bf16* to, const bf16* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"  // what is not valid becomes zeros
               :: "r"(shared_address(to)), "l"(from), "r"(valid ? 16 : 0) : "memory");
}

// Starts the copies of a chunk; rows past the sequence's end become zeros. One group per call, perhaps empty.
template <int Warps>
__device__ void load_chunk(typename Layout<Warps>::Stage& stage, const bf16* q, const bf16* k, const bf16* v,
                           const Place& place, long long first) {
  constexpr int kThreads = 32 * (Warps + 2), kRows = Layout<Warps>::kRows;
  if (first < place.end) {
    for (int i = threadIdx.x; i < C * (D / 8); i += kThreads) {
      const int row = i / (D / 8), column = i % (D / 8) * 8;
      const bool valid = first + row < place.end;
      const long long from = ((valid ? first + row : first) * QK_HEADS + place.qk_head) * D + column;
      copy_16_bytes(stage.key + row * kKeyStride + column, k + from, valid);
      copy_16_bytes(stage.query + row * kKeyStride + column, q + from, valid);
    }
    for (int i = threadIdx.x; i < C * (kRows / 8); i += kThreads) {
      const int row = i / (kRows / 8), column = i % (kRows / 8) * 8;
      const bool valid = first + row < place.end;
      const long long from = ((valid ? first + row : first) * V_HEADS + place.head) * D + place.first_row + column;
      copy_16_bytes(stage.value + row * Layout<Warps>::kValueStride + column, v + from, valid);
    }
  }
  asm volatile("cp.async.commit_group;" ::: "memory");
}

// ---------------------------------------------------------------------------------------------- one chunk ahead

// left * right' over the chunk's rows, [t][s], into scratch; blocks above the diagonal are left out.
__device__ void multiply_rows(float* scratch, const bf16* left, const bf16* right, int lane) {
#pragma unroll
  for (int t = 0; t < C; t += 16)
#pragma unroll
    for (int s = 0; s <= t; s += 16) {
      float sum[2][2][4] = {};  // even and odd steps apart: shorter chains
#pragma unroll
      for (int step = 0; step < D / 16; ++step) {
        const int row = lane / 16 * 8 + lane % 8, column = step * 16 + lane / 8 % 2 * 8;
        uint32_t x[4], y[4];
        load_matrices(x, left + (t + row) * kKeyStride + column);
        load_matrices(y, right + (s + row) * kKeyStride + column);
        const uint32_t a[4] = {x[0], x[2], x[1], x[3]};
        mma(sum[step % 2][0], a, y[0], y[1]);
        mma(sum[step % 2][1], a, y[2], y[3]);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int i = 0; i < 4; i += 2) {
          const int row = t + lane / 4 + i / 2 * 8, column = s + half * 8 + lane % 4 * 2;
          *reinterpret_cast<float2*>(scratch + row * kScratchStride + column) =
              make_float2(sum[0][half][i] + sum[1][half][i], sum[0][half][i + 1] + sum[1][half][i + 1]);
        }
    }
  __syncwarp();
}

// Column lane % C of a lower triangle in scratch: all loads at once, no branches.
__device__ void load_column(float (&column)[C], const float* scratch, int lane) {
#pragma unroll
  for (int t = 0; t < C; ++t) {
    const float x = scratch[t * kScratchStride + min(lane % C, t | 15)];  // blocks right of the diagonal hold nothing
    column[t] = lane % C <= t ? x : 0.0f;
  }
}

template <int Terms>
__device__ void store_column(bf16 (&terms)[Terms][C * kPairStride], const float (&column)[C], int lane) {
#pragma unroll
  for (int t = 0; t < C; ++t) {
    float rest = column[t];
#pragma unroll
    for (int i = 0; i < Terms; ++i) {
      const bf16 term = __float2bfloat16(rest);
      terms[i][t * kPairStride + lane] = term;
      rest -= __bfloat162float(term);
    }
  }
}

// Lane s < C makes column s of the inverse of I + tril(beta[t] * D[t][s] * (k[t].k[s])) by forward substitution, times
// beta[s]. D is a product of the decays between, never a quotient: what underflows is zero and ought to be.
template <class Derived>
__device__ void make_inverse(Derived& derived, float* scratch, const bf16* key, float decay, float beta, int lane) {
  multiply_rows(scratch, key, key, lane);
  float column[C];
  load_column(column, scratch, lane);
  float product = 1.0f;
#pragma unroll
  for (int t = 0; t < C; ++t) {
    const float decay_t = __shfl_sync(0xffffffffu, decay, t), beta_t = __shfl_sync(0xffffffffu, beta, t);
    product *= lane % C < t ? decay_t : 1.0f;
    column[t] *= beta_t * product;
  }
  __syncwarp();  // all have read the products
  if (lane < C) {
#pragma unroll
    for (int t = 1; t < C; ++t) scratch[t * kScratchStride + lane] = column[t];
  }
  __syncwarp();
#pragma unroll
  for (int t = 0; t < C; ++t) {
    float sum = t == lane ? 1.0f : 0.0f;
#pragma unroll
    for (int s = 0; s < t; s += 4) {
      const float4 row = *reinterpret_cast<const float4*>(scratch + t * kScratchStride + s);
      sum -= row.x * column[s];
      if (s + 1 < t) sum -= row.y * column[s + 1];
      if (s + 2 < t) sum -= row.z * column[s + 2];
      if (s + 3 < t) sum -= row.w * column[s + 3];
    }
    column[t] = sum;
  }
#pragma unroll
  for (int t = 0; t < C; ++t) column[t] *= beta;
  if (lane < C) store_column(derived.inverse, column, lane);
  __syncwarp();
}

template <class Derived>
__device__ void make_products(Derived& derived, float* scratch, const bf16* query, const bf16* key, float decay,
                              int lane) {
  multiply_rows(scratch, query, key, lane);
  float column[C];
  load_column(column, scratch, lane);
  float product = 1.0f, from_start = 1.0f, mine = 1.0f;
#pragma unroll
  for (int t = 0; t < C; ++t) {
    const float decay_t = __shfl_sync(0xffffffffu, decay, t);
    from_start *= decay_t;
    mine = lane == t ? from_start : mine;
    product *= lane % C < t ? decay_t : 1.0f;
    column[t] *= product;
  }
  if (lane < C) {
    derived.decay[lane] = mine;
    derived.tail[lane] = product;
    store_column(derived.products, column, lane);
  }
  __syncwarp();
}

// ---------------------------------------------------------------------------------------------- the state's warps

// The warp's 16 rows through one chunk. s[n] holds columns 8n to 8n + 7; all products are transposed: rows are the
// state's rows, columns are tokens.
template <int Warps>
__device__ void advance(float (&s)[D / 8][4], const typename Layout<Warps>::Stage& stage,
                        const typename Layout<Warps>::Derived& derived, bf16* out, int warp, int lane, float scale) {
  constexpr int kTiles = C / 8;
  // As rows of the right operand: matrices (0, 0), (0, 8), (8, 0), (8, 8); transposed: (0, 0), (8, 0), (0, 8), (8, 8).
  const int row = lane / 16 * 8 + lane % 8, column = lane / 8 % 2 * 8;

  float ks[TERMS][kTiles][4] = {}, o[TERMS][kTiles][4] = {};
#pragma unroll
  for (int step = 0; step < D / 16; ++step) {
    uint32_t operand[TERMS][4];
    to_operand<TERMS>(operand, s[2 * step], s[2 * step + 1]);
#pragma unroll
    for (int t = 0; t < C; t += 16) {
      uint32_t key[4], query[4];
      load_matrices(key, stage.key + (t + row) * kKeyStride + step * 16 + column);
      load_matrices(query, stage.query + (t + row) * kKeyStride + step * 16 + column);
#pragma unroll
      for (int i = 0; i < TERMS; ++i) {
        mma(ks[i][t / 8], operand[i], key[0], key[1]);
        mma(ks[i][t / 8 + 1], operand[i], key[2], key[3]);
        mma(o[i][t / 8], operand[i], query[0], query[1]);
        mma(o[i][t / 8 + 1], operand[i], query[2], query[3]);
      }
    }
  }

  // ks becomes v - G * (S k), o becomes G * (S q).
#pragma unroll
  for (int t = 0; t < C; t += 16) {
    uint32_t value[4];  // tokens 0 to 7 and 8 to 15 of rows 0 to 7, then of rows 8 to 15
    load_transposed(value, stage.value + (t + column + lane % 8) * Layout<Warps>::kValueStride + warp * 16 + lane / 16 * 8);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int tile = t / 8 + half;
      const float2 decay = *reinterpret_cast<const float2*>(derived.decay + tile * 8 + lane % 4 * 2);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const uint32_t pair = value[half + j / 2 * 2];
        const float g = j % 2 == 0 ? decay.x : decay.y;
#pragma unroll
        for (int i = 1; i < TERMS; ++i) {
          ks[0][tile][j] += ks[i][tile][j];
          o[0][tile][j] += o[i][tile][j];
        }
        ks[0][tile][j] = __uint_as_float(j % 2 == 0 ? pair << 16 : pair & 0xffff0000u) - g * ks[0][tile][j];
        o[0][tile][j] *= g;
      }
    }
  }

  // u = inverse * ks. What is above the diagonal is zero: whole blocks there are left out.
  float u[kTiles][4] = {};
#pragma unroll
  for (int from = 0; from < C; from += 16) {
    uint32_t operand[TERMS][4];
    to_operand<TERMS>(operand, ks[0][from / 8], ks[0][from / 8 + 1]);
#pragma unroll
    for (int t = from; t < C; t += 16)
#pragma unroll
      for (int j = 0; j < TERMS; ++j) {
        uint32_t inverse[4];
        load_matrices(inverse, derived.inverse[j] + (t + row) * kPairStride + from + column);
#pragma unroll
        for (int i = 0; i + j < TERMS; ++i) {
          mma(u[t / 8], operand[i], inverse[0], inverse[1]);
          mma(u[t / 8 + 1], operand[i], inverse[2], inverse[3]);
        }
      }
  }

  // The state first: the next chunk waits for it.
  const float last = derived.decay[C - 1];
#pragma unroll
  for (int n = 0; n < D / 8; ++n)
#pragma unroll
    for (int j = 0; j < 4; ++j) s[n][j] *= last;
#pragma unroll
  for (int from = 0; from < C; from += 16) {
    float left[4], right[4];
    const float2 tail_left = *reinterpret_cast<const float2*>(derived.tail + from + lane % 4 * 2);
    const float2 tail_right = *reinterpret_cast<const float2*>(derived.tail + from + 8 + lane % 4 * 2);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      left[j] = u[from / 8][j] * (j % 2 == 0 ? tail_left.x : tail_left.y);
      right[j] = u[from / 8 + 1][j] * (j % 2 == 0 ? tail_right.x : tail_right.y);
    }
    uint32_t operand[TERMS][4];
    to_operand<TERMS>(operand, left, right);
#pragma unroll
    for (int n = 0; n < D; n += 16) {
      uint32_t key[4];
      load_transposed(key, stage.key + (from + column + lane % 8) * kKeyStride + n + lane / 16 * 8);
#pragma unroll
      for (int i = 0; i < TERMS; ++i) {
        mma(s[n / 8], operand[i], key[0], key[1]);
        mma(s[n / 8 + 1], operand[i], key[2], key[3]);
      }
    }
  }

#pragma unroll
  for (int from = 0; from < C; from += 16) {
    uint32_t operand[TERMS][4];
    to_operand<TERMS>(operand, u[from / 8], u[from / 8 + 1]);
#pragma unroll
    for (int t = from; t < C; t += 16)
#pragma unroll
      for (int j = 0; j < TERMS; ++j) {
        uint32_t products[4];
        load_matrices(products, derived.products[j] + (t + row) * kPairStride + from + column);
#pragma unroll
        for (int i = 0; i + j < TERMS; ++i) {
          mma(o[0][t / 8], operand[i], products[0], products[1]);
          mma(o[0][t / 8 + 1], operand[i], products[2], products[3]);
        }
      }
  }
#pragma unroll
  for (int t = 0; t < C; t += 16) {
    uint32_t tile[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      tile[i] = pack(scale * o[0][t / 8 + i / 2][i % 2 * 2], scale * o[0][t / 8 + i / 2][i % 2 * 2 + 1]);
    store_transposed(out + (t + row) * 24 + column, tile);
  }
  __syncwarp();
}

template <int Warps>
__global__ void __launch_bounds__(32 * (Warps + 2))
gdn_chunks(const bf16* __restrict__ q, const bf16* __restrict__ k, const bf16* __restrict__ v,
           const float* __restrict__ state, const float* __restrict__ A_log, const bf16* __restrict__ a,
           const float* __restrict__ dt_bias, const bf16* __restrict__ b, const int64_t* __restrict__ cu_seqlens,
           float scale, bf16* __restrict__ output, float* __restrict__ new_state) {
  extern __shared__ __align__(16) unsigned char memory[];
  Layout<Warps>& shared = *reinterpret_cast<Layout<Warps>*>(memory);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const long long sequence = blockIdx.z;
  const Place place = {static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.y) / (V_HEADS / QK_HEADS),
                       static_cast<int>(blockIdx.x) * 16 * Warps, cu_seqlens[sequence], cu_seqlens[sequence + 1]};
  const int chunks = static_cast<int>((place.end - place.begin + C - 1) / C);
  if (scale == 0.0f) scale = rsqrtf(float(D));

  load_chunk<Warps>(shared.stage[0], q, k, v, place, place.begin);
  load_chunk<Warps>(shared.stage[1], q, k, v, place, place.begin + C);

  const bool ahead = warp >= Warps;  // works one chunk ahead
  float s[D / 8][4] = {};
  const long long state_base =
      ((sequence * V_HEADS + place.head) * D + place.first_row + warp % Warps * 16 + lane / 4) * D + lane % 4 * 2;
  if (!ahead && state != nullptr && chunks > 0) {  // a sequence without tokens leaves zeros, not its state
#pragma unroll
    for (int n = 0; n < D / 8; ++n)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 pair = *reinterpret_cast<const float2*>(state + state_base + half * 8 * D + n * 8);
        s[n][half * 2] = pair.x;
        s[n][half * 2 + 1] = pair.y;
      }
  }

  // Gates of the chunk that comes next, one token per lane, loaded early. A token past the end changes nothing.
  float head_A_log = 0.0f, head_bias = 0.0f, next_a = 0.0f, next_b = 0.0f;
  const auto load_gates = [&](long long first) {
    if (lane < C && first + lane < place.end) {
      next_a = __bfloat162float(a[(first + lane) * V_HEADS + place.head]);
      next_b = __bfloat162float(b[(first + lane) * V_HEADS + place.head]);
    }
  };
  const auto derive = [&](int chunk) {
    const bool valid = lane < C && place.begin + chunk * C + lane < place.end;
    const float decay = valid ? decay_of(next_a, head_bias, head_A_log) : 1.0f, beta = valid ? sigmoid(next_b) : 0.0f;
    load_gates(place.begin + (chunk + 1) * C);
    const auto& stage = shared.stage[chunk % 3];
    auto& derived = shared.derived[chunk % 2];
    if (warp == Warps) make_inverse(derived, shared.scratch[0], stage.key, decay, beta, lane);
    else make_products(derived, shared.scratch[1], stage.query, stage.key, decay, lane);
  };
  if (ahead) {
    head_A_log = A_log[place.head];
    head_bias = dt_bias[place.head];
    load_gates(place.begin);
  }
  asm volatile("cp.async.wait_group 1;" ::: "memory");
  __syncthreads();
  if (ahead && chunks > 0) derive(0);

  for (int chunk = 0; chunk < chunks; ++chunk) {
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    __syncthreads();  // chunk + 1 is here, this chunk's inverse and products too; chunk - 1 is used up
    const long long first = place.begin + chunk * C;
    load_chunk<Warps>(shared.stage[(chunk + 2) % 3], q, k, v, place, first + 2 * C);
    if (ahead) {
      if (chunk + 1 < chunks) derive(chunk + 1);
      continue;
    }
    advance<Warps>(s, shared.stage[chunk % 3], shared.derived[chunk % 2], shared.out[warp], warp, lane, scale);
#pragma unroll
    for (int t = 0; t < C; t += 16) {
      const int token = t + lane / 2, column = lane % 2 * 8;
      if (first + token < place.end)
        *reinterpret_cast<uint4*>(output + ((first + token) * V_HEADS + place.head) * D + place.first_row + warp * 16 +
                                  column) = *reinterpret_cast<const uint4*>(shared.out[warp] + token * 24 + column);
    }
    __syncwarp();
  }

  if (ahead) return;
#pragma unroll
  for (int n = 0; n < D / 8; ++n)
#pragma unroll
    for (int half = 0; half < 2; ++half)
      *reinterpret_cast<float2*>(new_state + state_base + half * 8 * D + n * 8) =
          make_float2(s[n][half * 2], s[n][half * 2 + 1]);
}

// ---------------------------------------------------------------------------------------------- token by token

template <int Lanes>
__device__ float group_sum(float x) {
#pragma unroll
  for (int offset = Lanes / 2; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

__device__ float4 load_bf16x4(const bf16* p) {
  const uint2 raw = *reinterpret_cast<const uint2*>(p);
  return make_float4(__uint_as_float(raw.x << 16), __uint_as_float(raw.x & 0xffff0000u), __uint_as_float(raw.y << 16),
                     __uint_as_float(raw.y & 0xffff0000u));
}

__device__ float dot(float4 x, float4 y) { return x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w; }

// Lanes lanes share a row of the state. Tokens come in groups of sixteen: their inputs are fetched together, so that
// memory is waited for once.
template <int Lanes, int Warps>
__global__ void __launch_bounds__(32 * Warps)
gdn_short(const bf16* __restrict__ q, const bf16* __restrict__ k, const bf16* __restrict__ v,
          const float* __restrict__ state, const float* __restrict__ A_log, const bf16* __restrict__ a,
          const float* __restrict__ dt_bias, const bf16* __restrict__ b, const int64_t* __restrict__ cu_seqlens,
          float scale, bf16* __restrict__ output, float* __restrict__ new_state) {
  constexpr int kVectors = D / (4 * Lanes), kThreads = 32 * Warps, kTokens = 16;  // kVectors: float4 per lane
  __shared__ __align__(16) bf16 keys[kTokens][D], queries[kTokens][D];
  __shared__ float decays[kTokens], betas[kTokens];
  const int lane = threadIdx.x % Lanes, row = blockIdx.x * (kThreads / Lanes) + threadIdx.x / Lanes;
  const int head = blockIdx.y, qk_head = head / (V_HEADS / QK_HEADS);
  const long long sequence = blockIdx.z, begin = cu_seqlens[sequence], end = cu_seqlens[sequence + 1];
  const long long base = ((sequence * V_HEADS + head) * D + row) * D + lane * 4;
  if (scale == 0.0f) scale = rsqrtf(float(D));

  float4 s[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i)
    s[i] = state == nullptr || begin >= end ? make_float4(0, 0, 0, 0)
                                            : *reinterpret_cast<const float4*>(state + base + i * 4 * Lanes);

  for (long long first = begin; first < end; first += kTokens) {
    const int tokens = end - first < kTokens ? static_cast<int>(end - first) : kTokens;
    __syncthreads();  // all have used the group before
    for (int i = threadIdx.x; i < tokens * (D / 8); i += kThreads) {
      const int token = i / (D / 8), column = i % (D / 8) * 8;
      const long long from = ((first + token) * QK_HEADS + qk_head) * D + column;
      copy_16_bytes(&keys[token][column], k + from, true);
      copy_16_bytes(&queries[token][column], q + from, true);
    }
    bf16 values[kTokens];  // converted where used: nothing waits for them here
#pragma unroll
    for (int i = 0; i < kTokens; ++i) values[i] = v[((first + min(i, tokens - 1)) * V_HEADS + head) * D + row];
    if (threadIdx.x < tokens) {
      const long long gate = (first + threadIdx.x) * V_HEADS + head;
      decays[threadIdx.x] = decay_of(__bfloat162float(a[gate]), dt_bias[head], A_log[head]);
      betas[threadIdx.x] = sigmoid(__bfloat162float(b[gate]));
    }
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncthreads();

#pragma unroll
    for (int i = 0; i < kTokens; ++i) {
      if (i >= tokens) break;
      float4 key[kVectors];
      float key_state = 0.0f, query_state = 0.0f, key_query = 0.0f;
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
        key[j] = load_bf16x4(&keys[i][lane * 4 + j * 4 * Lanes]);
        const float4 query = load_bf16x4(&queries[i][lane * 4 + j * 4 * Lanes]);
        key_state += dot(s[j], key[j]);
        query_state += dot(s[j], query);
        key_query += dot(key[j], query);
      }
      // Both products are of the old state, so that neither waits for the update.
      key_state = group_sum<Lanes>(key_state);
      query_state = group_sum<Lanes>(query_state);
      key_query = group_sum<Lanes>(key_query);
      const float decay = decays[i], delta = betas[i] * (__bfloat162float(values[i]) - decay * key_state);
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
        s[j].x = decay * s[j].x + key[j].x * delta;
        s[j].y = decay * s[j].y + key[j].y * delta;
        s[j].z = decay * s[j].z + key[j].z * delta;
        s[j].w = decay * s[j].w + key[j].w * delta;
      }
      if (lane == 0)
        output[((first + i) * V_HEADS + head) * D + row] =
            __float2bfloat16(scale * (decay * query_state + delta * key_query));
    }
  }
#pragma unroll
  for (int i = 0; i < kVectors; ++i) *reinterpret_cast<float4*>(new_state + base + i * 4 * Lanes) = s[i];
}
