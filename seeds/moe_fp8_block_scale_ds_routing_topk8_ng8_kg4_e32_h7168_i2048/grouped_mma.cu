// Mixture of experts with FP8 weights and DeepSeek's grouped routing, in four launches that never ask the host how
// many tokens an expert got: routing fills a list per expert; two products run over the lists; a last kernel adds up
// each token's experts, in a fixed order. A (token, chosen expert) pair is token * top_k + k, and is its own row in
// workspaces.
//
// The weights' FP8 is converted to FP16, without loss, in registers, and multiplied by mma.sync in FP16 with float
// sums. (ptxas does the same with FP8 operands of mma.sync for sm_90 and sm_100, but for every use of an operand
// anew.) Scales apply to the sums of 128 columns. The activated rows are FP16 with a scale per row and block of
// columns, so that large values fit.
//
// Few tokens (stream_*): time is reading the weights. They go from memory to registers as mma's larger operand,
// tokens are the smaller one in eights, and the warps of a block share out the columns of its rows.
// Many tokens (tile_*): tiles of Tokens x 128 from shared memory, copied ahead by cp.async, for blocks that stay.
/*@plan
tune STREAM_TOKENS = 128 in {128, 32, 512};      // streaming up to here
tune STREAM_COLUMNS = 32 in {16, 32};           // activated columns per block of the first product
tune STREAM_ROWS = 32 in {32, 64};              // output columns per block of the second
tune STREAM_WARPS = 8 in {4, 8};                // share out the sum of a block
tune TILE_TOKENS = 2048 in {2048, 128, 8192};   // up to here tiles of 64 tokens, above of 128
tune STAGES = 4 in {4, 3, 2};                   // of the tiles' pipeline

const int top_k = 8;
workspace int counts[num_local_experts] = self_clean;      // tokens of an expert
workspace int lists[num_local_experts * seq_len];          // their pairs
workspace int local_masks[seq_len];                        // which of a token's choices are here
workspace float shares[seq_len * top_k];
workspace float products[seq_len * top_k * hidden_size];

route<<<ceil_div(seq_len, 4), 128>>>(routing_logits, routing_bias, local_expert_offset, routed_scaling_factor,
                                     seq_len, counts, lists, local_masks, shares);
if (seq_len <= STREAM_TOKENS) {
  workspace float activated[seq_len * top_k * intermediate_size];
  const int columns = seq_len <= 2 ? 16 : STREAM_COLUMNS;   // more blocks where one expert or two are all there is
  const int threads = STREAM_WARPS * 32;
  [[pdl]] stream_up_and_gate<columns><<<resident_blocks(stream_up_and_gate<columns>, threads, 0), threads>>>(
      hidden_states, hidden_states_scale, gemm1_weights, gemm1_weights_scale, seq_len, counts, lists, activated);
  [[pdl]] stream_down<<<resident_blocks(stream_down, threads, 0), threads>>>(
      activated, gemm2_weights, gemm2_weights_scale, seq_len, counts, lists, shares, products);
} else {
  workspace __half activated[seq_len * top_k * intermediate_size];
  workspace float activated_scale[seq_len * top_k * intermediate_size / 64];
  if (seq_len <= TILE_TOKENS) {
    const int up_bytes = STAGES * (64 * 132 + 128 * 128);      // tokens and their scale, rows of weights
    const int down_bytes = STAGES * (64 * 264 + 128 * 128);
    [[pdl]] tile_up_and_gate<64><<<resident_blocks(tile_up_and_gate<64>, 256, up_bytes), 256, up_bytes>>>(
        hidden_states, hidden_states_scale, gemm1_weights, gemm1_weights_scale, seq_len, counts, lists,
        activated, activated_scale);
    [[pdl]] tile_down<64><<<resident_blocks(tile_down<64>, 256, down_bytes), 256, down_bytes>>>(
        activated, activated_scale, gemm2_weights, gemm2_weights_scale, seq_len, counts, lists, shares, products);
  } else {
    const int up_bytes = STAGES * (128 * 132 + 128 * 128);      // tokens and their scale, rows of weights
    const int down_bytes = STAGES * (128 * 264 + 128 * 128);
    [[pdl]] tile_up_and_gate<128><<<resident_blocks(tile_up_and_gate<128>, 256, up_bytes), 256, up_bytes>>>(
        hidden_states, hidden_states_scale, gemm1_weights, gemm1_weights_scale, seq_len, counts, lists,
        activated, activated_scale);
    [[pdl]] tile_down<128><<<resident_blocks(tile_down<128>, 256, down_bytes), 256, down_bytes>>>(
        activated, activated_scale, gemm2_weights, gemm2_weights_scale, seq_len, counts, lists, shares, products);
  }
}
[[pdl]] add_up<<<dim3(hidden_size / 512, seq_len), 128>>>(products, local_masks, counts, output);
*/
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

constexpr int top_k = 8, groups = 8, kept_groups = 4;  // not axes of the definition
constexpr int experts = axis::num_experts, local_experts = axis::num_local_experts;
constexpr int H = axis::hidden_size, I = axis::intermediate_size;
constexpr int H_blocks = axis::num_hidden_blocks, I_blocks = axis::num_intermediate_blocks;
constexpr int up_gate_blocks = axis::num_gemm1_out_blocks;
constexpr uint32_t all_lanes = 0xffffffffu;
static_assert(H == H_blocks * 128 && I == I_blocks * 128 && up_gate_blocks == 2 * I_blocks,
              "a scale for 128 columns");
static_assert(H % 512 == 0 && local_experts <= 32 && experts % (32 * 4) == 0);

__device__ void wait_for_previous_kernel() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}
__device__ void let_next_kernel_start() {
  asm volatile("griddepcontrol.launch_dependents;");
}

// ---- Routing: a warp per token, its lanes hold neighbouring experts. Of equals the first wins.

constexpr int per_lane = experts / 32, lanes_per_group = experts / groups / per_lane;

// An integer that is larger where the float is, and above zero.
__device__ uint32_t sort_key(float x) {
  const uint32_t bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// Is this lane's group among the best, by the sum of its two best?
__device__ bool group_is_kept(const float (&biased)[per_lane], int lane) {
  float best = biased[0], second = -3.402823466e38f;
#pragma unroll
  for (int i = 1; i < per_lane; ++i) {
    second = fmaxf(second, fminf(best, biased[i]));
    best = fmaxf(best, biased[i]);
  }
#pragma unroll
  for (int offset = 1; offset < lanes_per_group; offset *= 2) {
    const float other_best = __shfl_xor_sync(all_lanes, best, offset);
    const float other_second = __shfl_xor_sync(all_lanes, second, offset);
    second = fmaxf(fminf(best, other_best), fmaxf(second, other_second));
    best = fmaxf(best, other_best);
  }
  const float mine = best + second;
  int better = 0;
#pragma unroll
  for (int g = 0; g < groups; ++g) {
    const float other = __shfl_sync(all_lanes, mine, g * lanes_per_group);
    better += other > mine || (other == mine && g < lane / lanes_per_group);
  }
  return better < kept_groups;
}

__global__ void __launch_bounds__(128)
route(const float* __restrict__ logits, const __nv_bfloat16* __restrict__ bias, int first_expert,
      float scaling, int seq_len, int* counts, int* __restrict__ lists, int* __restrict__ local_masks,
      float* __restrict__ shares) {
  let_next_kernel_start();
  const int token = blockIdx.x * 4 + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (token >= seq_len) return;
  float score[per_lane], biased[per_lane];
#pragma unroll
  for (int i = 0; i < per_lane; i += 4)
    *reinterpret_cast<float4*>(score + i) =
        *reinterpret_cast<const float4*>(logits + (long long)token * experts + lane * per_lane + i);
#pragma unroll
  for (int i = 0; i < per_lane; ++i) {
    score[i] = 1.0f / (1.0f + expf(-score[i]));
    biased[i] = score[i] + __bfloat162float(bias[lane * per_lane + i]);
  }
  const bool kept = group_is_kept(biased, lane);
  uint32_t keys[per_lane];
#pragma unroll
  for (int i = 0; i < per_lane; ++i) keys[i] = kept ? sort_key(biased[i]) : 0;

  int my_expert = 0;  // lane k keeps the k-th choice
  float my_score = 0.0f, sum = 0.0f;
#pragma unroll
  for (int k = 0; k < top_k; ++k) {
    uint32_t best = keys[0];
    float best_score = score[0];
    int place = 0;
#pragma unroll
    for (int i = 1; i < per_lane; ++i)
      if (keys[i] > best) best = keys[i], best_score = score[i], place = i;
    const uint32_t highest = __reduce_max_sync(all_lanes, best);
    const int winner = __ffs(__ballot_sync(all_lanes, best == highest)) - 1;
    if (lane == winner) {
#pragma unroll
      for (int i = 0; i < per_lane; ++i)
        if (i == place) keys[i] = 0;
    }
    const int expert = __shfl_sync(all_lanes, lane * per_lane + place, winner);
    const float chosen_score = __shfl_sync(all_lanes, best_score, winner);
    sum += chosen_score;  // the bias selects, it does not weigh
    if (lane == k) my_expert = expert - first_expert, my_score = chosen_score;
  }
  const bool local = lane < top_k && my_expert >= 0 && my_expert < local_experts;
  const uint32_t mask = __ballot_sync(all_lanes, local);
  if (lane == 0) local_masks[token] = mask;
  if (!local) return;
  // The order in an expert's list is chance; no result depends on it.
  lists[(long long)my_expert * seq_len + atomicAdd(&counts[my_expert], 1)] = token * top_k + lane;
  shares[token * top_k + lane] = my_score / (sum + 1e-20f) * scaling;
}

// ---- Fragments of mma.m16n8k16. A sum does not mind the order of its terms: both operands take columns in
// the order in which
// ---- a lane finds them in memory, four neighbouring FP8 values for two pairs of FP16.

__device__ void mma(float (&sum)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0,
                    uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, "
      "%1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

__device__ void to_half(uint32_t four_e4m3, uint32_t& low, uint32_t& high) {
  asm("{\n.reg .b16 low, high;\nmov.b32 {low, high}, %2;\n"
      "cvt.rn.f16x2.e4m3x2 %0, low;\ncvt.rn.f16x2.e4m3x2 %1, high;\n}"
      : "=r"(low), "=r"(high)
      : "r"(four_e4m3));
}

__device__ uint32_t half2_bits(float x, float y) {
  const __half2 pair = __floats2half2_rn(x, y);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

constexpr float full_scale = 1024.0f;  // FP16 is exact to 2^-11 from here down to 2^-24 of it
__device__ float scale_of(float largest) {
  return fmaxf(largest, 1e-30f) * (1.0f / full_scale);
}

__device__ float silu(float x) {
  return __fdividef(x, 1.0f + __expf(-x));
}

// ---- Who does what

// Which tile of which expert is number `tile` of all? Lane e knows expert e's count. Tiles of the same
// weights are neighbours.
struct TilePlace {
  int expert, first_token, column_tile, count;
};

template <int Tokens>
__device__ bool find_tile(int tile, int column_tiles, const int* counts, TilePlace& place) {
  const int lane = threadIdx.x % 32;
  const int count = lane < local_experts ? counts[lane] : 0;
  const int mine = (count + Tokens - 1) / Tokens * column_tiles;
  int end = mine;
#pragma unroll
  for (int offset = 1; offset < 32; offset *= 2) {
    const int other = __shfl_up_sync(all_lanes, end, offset);
    if (lane >= offset) end += other;
  }
  if (tile >= __shfl_sync(all_lanes, end, 31)) return false;
  place.expert = __popc(__ballot_sync(all_lanes, end - mine <= tile)) - 1;
  place.count = __shfl_sync(all_lanes, count, place.expert);
  const int index = tile - __shfl_sync(all_lanes, end - mine, place.expert);
  const int token_tiles = (place.count + Tokens - 1) / Tokens;
  place.first_token = index % token_tiles * Tokens;
  place.column_tile = index / token_tiles;
  return true;
}

// ---- Few tokens

constexpr int stream_threads = knob::STREAM_WARPS * 32;
constexpr int stream_rows = knob::STREAM_ROWS;
static_assert(H % stream_rows == 0);

// A lane's 32 of a row's 128 columns: two times 16 neighbours.
struct RowPart {
  uint32_t low[8], high[8];
};

__device__ RowPart to_half(uint4 first, uint4 second) {
  const uint32_t words[8] = {first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w};
  RowPart result;
#pragma unroll
  for (int i = 0; i < 8; ++i) to_half(words[i], result.low[i], result.high[i]);
  return result;
}

__device__ RowPart load_row_part(const uint8_t* row, int part) {
  return to_half(*reinterpret_cast<const uint4*>(row + part * 16),
                 *reinterpret_cast<const uint4*>(row + 64 + part * 16));
}

// The same columns of a float row, scaled into FP16's range; the lanes of a row agree on the scale.
__device__ RowPart load_row_part(const float* row, int part, float& scale) {
  float4 fours[8];
  float largest = 0.0f;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    fours[i] = *reinterpret_cast<const float4*>(row + i / 4 * 64 + part * 16 + i % 4 * 4);
    largest = fmaxf(largest, fmaxf(fmaxf(fabsf(fours[i].x), fabsf(fours[i].y)),
                                   fmaxf(fabsf(fours[i].z), fabsf(fours[i].w))));
  }
  largest = fmaxf(largest, __shfl_xor_sync(all_lanes, largest, 1));
  largest = fmaxf(largest, __shfl_xor_sync(all_lanes, largest, 2));
  scale = scale_of(largest);
  const float inverse = __fdividef(1.0f, scale);
  RowPart result;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    result.low[i] = half2_bits(fours[i].x * inverse, fours[i].y * inverse);
    result.high[i] = half2_bits(fours[i].z * inverse, fours[i].w * inverse);
  }
  return result;
}

// 16 rows x 128 columns of weights as they come from memory.
struct WeightRows {
  uint4 upper[2], lower[2];

  __device__ void load(const uint8_t* first_row, int row_bytes, int lane) {
    const uint8_t* row = first_row + (long long)(lane / 4) * row_bytes + lane % 4 * 16;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      upper[i] = *reinterpret_cast<const uint4*>(row + i * 64);
      lower[i] = *reinterpret_cast<const uint4*>(row + 8LL * row_bytes + i * 64);
    }
  }
  // sums += this * 8 tokens, each with its own scale.
  __device__ void add_product(float (&sums)[4], const RowPart& tokens, float first_scale,
                              float second_scale) const {
    const uint32_t u[8] = {upper[0].x, upper[0].y, upper[0].z, upper[0].w,
                           upper[1].x, upper[1].y, upper[1].z, upper[1].w};
    const uint32_t l[8] = {lower[0].x, lower[0].y, lower[0].z, lower[0].w,
                           lower[1].x, lower[1].y, lower[1].z, lower[1].w};
    float part[4] = {};
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      uint32_t a[4];
      to_half(u[k], a[0], a[2]);
      to_half(l[k], a[1], a[3]);
      mma(part, a[0], a[1], a[2], a[3], tokens.low[k], tokens.high[k]);
    }
    sums[0] += part[0] * first_scale;
    sums[1] += part[1] * second_scale;
    sums[2] += part[2] * first_scale;
    sums[3] += part[3] * second_scale;
  }
};

// Read anew for every block of columns: so it stands behind the loads of weights, which need not wait for it.
__device__ int pair_of(const int* list, int place) {
  return *static_cast<const volatile int*>(list + place);
}

// The warps' sums, token by token; the padding spreads a fragment's stores over the banks.
template <int Rows>
struct StreamSums {
  float of[knob::STREAM_WARPS][8][Rows + 4];

  __device__ void put(int warp, int lane, int first_row, const float (&sums)[4]) {
    const int row = first_row + lane / 4, token = lane % 4 * 2;
    of[warp][token][row] = sums[0];
    of[warp][token + 1][row] = sums[1];
    of[warp][token][row + 8] = sums[2];
    of[warp][token + 1][row + 8] = sums[3];
  }
  __device__ float get(int token, int row) const {
    float sum = 0.0f;
#pragma unroll
    for (int warp = 0; warp < knob::STREAM_WARPS; ++warp) sum += of[warp][token][row];
    return sum;
  }
};

template <int Columns>
__global__ void __launch_bounds__(stream_threads, 16 / knob::STREAM_WARPS)
stream_up_and_gate(const __nv_fp8_e4m3* __restrict__ hidden, const float* __restrict__ hidden_scale,
                   const __nv_fp8_e4m3* __restrict__ weights, const float* __restrict__ weights_scale,
                   int seq_len, const int* __restrict__ counts, const int* __restrict__ lists,
                   float* __restrict__ activated) {
  constexpr int tiles = Columns / 16;
  static_assert(I % Columns == 0);
  __shared__ StreamSums<2 * Columns> shared;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  let_next_kernel_start();
  wait_for_previous_kernel();

  TilePlace place;
#pragma unroll 1
  for (int tile = blockIdx.x; find_tile<8>(tile, I / Columns, counts, place); tile += gridDim.x) {
    const int column = place.column_tile * Columns;
    const int* list = lists + (long long)place.expert * seq_len;
    const uint8_t* up =
        reinterpret_cast<const uint8_t*>(weights) + ((long long)place.expert * 2 * I + column) * H;
    const uint8_t* gate = up + (long long)I * H;
    const float* up_scale = weights_scale + (place.expert * up_gate_blocks + column / 128) * H_blocks;
    const float* gate_scale = up_scale + I_blocks * H_blocks;
    float up_sums[tiles][4] = {}, gate_sums[tiles][4] = {};
#pragma unroll 1
    for (int block = warp; block < H_blocks; block += knob::STREAM_WARPS) {
      WeightRows u[tiles], g[tiles];
#pragma unroll
      for (int i = 0; i < tiles; ++i) {
        u[i].load(up + i * 16LL * H + block * 128, H, lane);
        g[i].load(gate + i * 16LL * H + block * 128, H, lane);
      }
      // As operand a lane holds a part of token lane / 4; its sums are of tokens 2 * (lane % 4) and the next.
      // The last token stands in for those that are not there.
      const int token = pair_of(list, min(place.first_token + lane / 4, place.count - 1)) / top_k;
      const int first_token = __shfl_sync(all_lanes, token, lane % 4 * 8);
      const int second_token = __shfl_sync(all_lanes, token, lane % 4 * 8 + 4);
      const RowPart x = load_row_part(
          reinterpret_cast<const uint8_t*>(hidden) + (long long)token * H + block * 128, lane % 4);
      const float first_scale = hidden_scale[(long long)block * seq_len + first_token];
      const float second_scale = hidden_scale[(long long)block * seq_len + second_token];
      const float us = up_scale[block], gs = gate_scale[block];
#pragma unroll
      for (int i = 0; i < tiles; ++i) {
        u[i].add_product(up_sums[i], x, us * first_scale, us * second_scale);
        g[i].add_product(gate_sums[i], x, gs * first_scale, gs * second_scale);
      }
    }
#pragma unroll
    for (int i = 0; i < tiles; ++i) {
      shared.put(warp, lane, i * 16, up_sums[i]);
      shared.put(warp, lane, Columns + i * 16, gate_sums[i]);
    }
    __syncthreads();
    for (int i = threadIdx.x; i < 8 * Columns; i += stream_threads) {
      const int token = i / Columns, c = i % Columns;
      if (place.first_token + token >= place.count) continue;
      const long long pair = list[place.first_token + token];
      activated[pair * I + column + c] = silu(shared.get(token, Columns + c)) * shared.get(token, c);
    }
    __syncthreads();
  }
}

__global__ void __launch_bounds__(stream_threads, 16 / knob::STREAM_WARPS)
stream_down(const float* __restrict__ activated, const __nv_fp8_e4m3* __restrict__ weights,
            const float* __restrict__ weights_scale, int seq_len, const int* __restrict__ counts,
            const int* __restrict__ lists, const float* __restrict__ shares,
            float* __restrict__ products) {
  constexpr int tiles = stream_rows / 16;
  __shared__ StreamSums<stream_rows> shared;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  let_next_kernel_start();
  wait_for_previous_kernel();

  TilePlace place;
#pragma unroll 1
  for (int tile = blockIdx.x; find_tile<8>(tile, H / stream_rows, counts, place); tile += gridDim.x) {
    const int column = place.column_tile * stream_rows;  // of the output, a row of the weights
    const int* list = lists + (long long)place.expert * seq_len;
    const uint8_t* rows =
        reinterpret_cast<const uint8_t*>(weights) + ((long long)place.expert * H + column) * I;
    const float* scales = weights_scale + (place.expert * H_blocks + column / 128) * I_blocks;
    float sums[tiles][4] = {};
#pragma unroll 1
    for (int block = warp; block < I_blocks; block += knob::STREAM_WARPS) {
      WeightRows w[tiles];
#pragma unroll
      for (int i = 0; i < tiles; ++i) w[i].load(rows + i * 16LL * I + block * 128, I, lane);
      const long long pair = pair_of(list, min(place.first_token + lane / 4, place.count - 1));
      float scale;
      const RowPart x = load_row_part(activated + pair * I + block * 128, lane % 4, scale);
      scale *= scales[block];
      const float first_scale = __shfl_sync(all_lanes, scale, lane % 4 * 8);
      const float second_scale = __shfl_sync(all_lanes, scale, lane % 4 * 8 + 4);
#pragma unroll
      for (int i = 0; i < tiles; ++i) w[i].add_product(sums[i], x, first_scale, second_scale);
    }
#pragma unroll
    for (int i = 0; i < tiles; ++i) shared.put(warp, lane, i * 16, sums[i]);
    __syncthreads();
    for (int i = threadIdx.x; i < 8 * stream_rows; i += stream_threads) {
      const int token = i / stream_rows, c = i % stream_rows;
      if (place.first_token + token >= place.count) continue;
      const long long row = list[place.first_token + token];
      products[row * H + column + c] = shares[row] * shared.get(token, c);
    }
    __syncthreads();
  }
}

// ---- Many tokens: tiles of Tokens x 128 rows of weights, 8 warps of 32 tokens x (128 / warps in a row).

constexpr int stages = knob::STAGES, tile_threads = 256;

template <int Tokens>
struct TileShape {
  static constexpr int token_warps = Tokens / 32, column_warps = 8 / token_warps;
  static constexpr int tiles = 16 / column_warps;  // of 8 columns, per warp
};

// Rows of `Chunks` chunks of 16 bytes; the swizzle keeps eight rows' equal chunks in different banks.
template <int Chunks>
__device__ uint32_t chunk_offset(int row, int chunk) {
  return row * Chunks * 16 + (chunk ^ row % 8) * 16;
}

template <int Bytes>
__device__ void copy_async(uint32_t shared, const void* global) {
  if (Bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared), "l"(global), "n"(Bytes)
                 : "memory");
  }
}

__device__ void end_of_stage() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int Pending>
__device__ void wait_for_stage() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

__device__ void load_matrices(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

// 16 columns (a chunk) of 8 * Count rows of FP8 weights. A lane points at row lane % 8 of tiles lane / 8,
// lane / 8 + 4, ...
template <int Count>
struct WeightFragments {
  uint32_t low[Count], high[Count];

  __device__ void load(uint32_t base, const int (&rows)[Count / 4], int chunk) {
#pragma unroll
    for (int i = 0; i < Count; i += 4) {
      uint32_t r[4];
      load_matrices(r, base + chunk_offset<8>(rows[i / 4], chunk));
#pragma unroll
      for (int j = 0; j < 4; ++j) to_half(r[j], low[i + j], high[i + j]);
    }
  }
};

template <int Tokens>
__global__ void __launch_bounds__(tile_threads, Tokens == 64 ? 2 : 1)
tile_up_and_gate(const __nv_fp8_e4m3* __restrict__ hidden, const float* __restrict__ hidden_scale,
                 const __nv_fp8_e4m3* __restrict__ weights, const float* __restrict__ weights_scale,
                 int seq_len, const int* __restrict__ counts, const int* __restrict__ lists,
                 __half* __restrict__ activated, float* __restrict__ activated_scale) {
  using Shape = TileShape<Tokens>;
  constexpr int halves = Shape::tiles / 2;  // of a warp's column tiles: the first are up, the others gate
  constexpr int stage_bytes = Tokens * 132 + 128 * 128;
  extern __shared__ uint4 memory[];
  __shared__ int pairs[Tokens];
  __shared__ float largest[Shape::column_warps][Tokens];
  const uint32_t base = __cvta_generic_to_shared(memory);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, group = lane / 4, part = lane % 4;
  const int warp_token = warp % Shape::token_warps * 32, warp_column = warp / Shape::token_warps;
  const uint8_t* tokens = reinterpret_cast<const uint8_t*>(hidden);
  int weight_rows[Shape::tiles / 4];
#pragma unroll
  for (int i = 0; i < Shape::tiles / 4; ++i) {
    const int t = i * 4 + lane / 8;
    weight_rows[i] = t / halves * 64 + (warp_column * halves + t % halves) * 8 + lane % 8;
  }
  wait_for_previous_kernel();

  TilePlace place;
  for (int tile = blockIdx.x; find_tile<Tokens>(tile, I / 64, counts, place); tile += gridDim.x) {
    const int column = place.column_tile * 64;
    if (threadIdx.x < Tokens)  // the last token stands in for those that are not there
      pairs[threadIdx.x] = lists[(long long)place.expert * seq_len +
                                 min(place.first_token + int(threadIdx.x), place.count - 1)];
    __syncthreads();
    const uint8_t* rows =
        reinterpret_cast<const uint8_t*>(weights) + ((long long)place.expert * 2 * I + column) * H;
    const float* up_scale = weights_scale + (place.expert * up_gate_blocks + column / 128) * H_blocks;
    const float* gate_scale = up_scale + I_blocks * H_blocks;

    const auto copy_stage = [&](int block) {  // tokens, weights (64 rows of up, 64 of gate), tokens' scales
      const uint32_t stage = base + block % stages * stage_bytes;
      const int chunk = threadIdx.x % 8, first_row = threadIdx.x / 8;
#pragma unroll
      for (int i = 0; i < Tokens / 32; ++i) {
        const int row = first_row + i * 32;
        copy_async<16>(stage + chunk_offset<8>(row, chunk),
                       tokens + (long long)(pairs[row] / top_k) * H + block * 128 + chunk * 16);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = first_row + i * 32;
        copy_async<16>(stage + Tokens * 128 + chunk_offset<8>(row, chunk),
                       rows + (i / 2 * (long long)I + i % 2 * 32 + first_row) * H + block * 128 + chunk * 16);
      }
      if (threadIdx.x < Tokens)
        copy_async<4>(stage + Tokens * 128 + 128 * 128 + threadIdx.x * 4,
                      hidden_scale + (long long)block * seq_len + pairs[threadIdx.x] / top_k);
    };

    float sums[2][Shape::tiles][4] = {};
#pragma unroll
    for (int block = 0; block < stages - 1; ++block) {
      if (block < H_blocks) copy_stage(block);
      end_of_stage();
    }
    for (int block = 0; block < H_blocks; ++block) {
      wait_for_stage<stages - 2>();
      __syncthreads();
      if (block + stages - 1 < H_blocks) copy_stage(block + stages - 1);
      end_of_stage();
      const uint32_t stage = base + block % stages * stage_bytes;
      float parts[2][Shape::tiles][4] = {};
#pragma unroll
      for (int chunk = 0; chunk < 8; ++chunk) {
        uint32_t r[4], low[4], high[4];  // 32 tokens
        load_matrices(r, stage + chunk_offset<8>(warp_token + lane, chunk));
#pragma unroll
        for (int j = 0; j < 4; ++j) to_half(r[j], low[j], high[j]);
        WeightFragments<Shape::tiles> w;
        w.load(stage + Tokens * 128, weight_rows, chunk);
#pragma unroll
        for (int m = 0; m < 2; ++m)
#pragma unroll
          for (int i = 0; i < Shape::tiles; ++i)
            mma(parts[m][i], low[2 * m], low[2 * m + 1], high[2 * m], high[2 * m + 1], w.low[i], w.high[i]);
      }
      const float* scales = reinterpret_cast<const float*>(memory) +
                            (block % stages * stage_bytes + Tokens * 128 + 128 * 128) / 4;
      const float u = up_scale[block], g = gate_scale[block];
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        const float upper = scales[warp_token + m * 16 + group],
                    lower = scales[warp_token + m * 16 + group + 8];
#pragma unroll
        for (int i = 0; i < Shape::tiles; ++i)
#pragma unroll
          for (int j = 0; j < 4; ++j)
            sums[m][i][j] += parts[m][i][j] * ((j < 2 ? upper : lower) * (i < halves ? u : g));
      }
    }

    // silu(gate) * up, and the largest of each token's 64 columns.
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float most = 0.0f;
#pragma unroll
        for (int i = 0; i < halves; ++i)
#pragma unroll
          for (int j = 2 * r; j < 2 * r + 2; ++j) {
            sums[m][i][j] *= silu(sums[m][i + halves][j]);
            most = fmaxf(most, fabsf(sums[m][i][j]));
          }
        most = fmaxf(most, __shfl_xor_sync(all_lanes, most, 1));
        most = fmaxf(most, __shfl_xor_sync(all_lanes, most, 2));
        if (part == 0) largest[warp_column][warp_token + m * 16 + r * 8 + group] = most;
      }
    __syncthreads();  // also: the last stage has been read, its memory is free
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int row = warp_token + m * 16 + r * 8 + group;
        float most = 0.0f;
#pragma unroll
        for (int w = 0; w < Shape::column_warps; ++w) most = fmaxf(most, largest[w][row]);
        const float scale = scale_of(most), inverse = __fdividef(1.0f, scale);
        if (warp_column == 0 && part == 0 && place.first_token + row < place.count)
          activated_scale[(long long)pairs[row] * (I / 64) + column / 64] = scale;
#pragma unroll
        for (int i = 0; i < halves; ++i) {
          // In each 16 columns 4t, 4t+1 go to 2t, 2t+1 and 4t+2, 4t+3 to 2t+8, 2t+9: where an mma's lane has
          // them that holds four neighbouring FP8 weights.
          const int c = (warp_column * halves + i) * 8 + part * 2;
          const int chunk = c / 16 * 2 + c / 2 % 2, in_chunk = c % 16 / 4 * 4;
          *reinterpret_cast<uint32_t*>(reinterpret_cast<uint8_t*>(memory) + chunk_offset<8>(row, chunk) +
                                       in_chunk) =
              half2_bits(sums[m][i][2 * r] * inverse, sums[m][i][2 * r + 1] * inverse);
        }
      }
    __syncthreads();
    for (int i = threadIdx.x; i < Tokens * 8; i += tile_threads) {
      const int row = i / 8, chunk = i % 8;
      if (place.first_token + row < place.count)
        *reinterpret_cast<uint4*>(activated + (long long)pairs[row] * I + column + chunk * 8) =
            *reinterpret_cast<const uint4*>(reinterpret_cast<const uint8_t*>(memory) +
                                            chunk_offset<8>(row, chunk));
    }
    __syncthreads();
  }
}

template <int Tokens>
__global__ void __launch_bounds__(tile_threads, Tokens == 64 ? 2 : 1)
tile_down(const __half* __restrict__ activated, const float* __restrict__ activated_scale,
          const __nv_fp8_e4m3* __restrict__ weights, const float* __restrict__ weights_scale, int seq_len,
          const int* __restrict__ counts, const int* __restrict__ lists, const float* __restrict__ shares,
          float* __restrict__ products) {
  using Shape = TileShape<Tokens>;
  constexpr int stage_bytes = Tokens * 264 + 128 * 128;
  extern __shared__ uint4 memory[];
  __shared__ int pairs[Tokens];
  const uint32_t base = __cvta_generic_to_shared(memory);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, group = lane / 4, part = lane % 4;
  const int warp_token = warp % Shape::token_warps * 32,
            warp_column = warp / Shape::token_warps * Shape::tiles * 8;
  int weight_rows[Shape::tiles / 4];
#pragma unroll
  for (int i = 0; i < Shape::tiles / 4; ++i) weight_rows[i] = warp_column + i * 32 + lane;
  wait_for_previous_kernel();

  TilePlace place;
  for (int tile = blockIdx.x; find_tile<Tokens>(tile, H / 128, counts, place); tile += gridDim.x) {
    const int column = place.column_tile * 128;
    if (threadIdx.x < Tokens)
      pairs[threadIdx.x] = lists[(long long)place.expert * seq_len +
                                 min(place.first_token + int(threadIdx.x), place.count - 1)];
    __syncthreads();
    const uint8_t* rows =
        reinterpret_cast<const uint8_t*>(weights) + ((long long)place.expert * H + column) * I;
    const float* scales = weights_scale + (place.expert * H_blocks + column / 128) * I_blocks;

    const auto copy_stage = [&](int block) {
      const uint32_t stage = base + block % stages * stage_bytes;
      const int token_chunk = threadIdx.x % 16, chunk = threadIdx.x % 8;
#pragma unroll
      for (int i = 0; i < Tokens / 16; ++i) {
        const int row = threadIdx.x / 16 + i * 16;
        copy_async<16>(stage + chunk_offset<16>(row, token_chunk),
                       activated + (long long)pairs[row] * I + block * 128 + token_chunk * 8);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = threadIdx.x / 8 + i * 32;
        copy_async<16>(stage + Tokens * 256 + chunk_offset<8>(row, chunk),
                       rows + (long long)row * I + block * 128 + chunk * 16);
      }
      if (threadIdx.x < Tokens)
        copy_async<8>(stage + Tokens * 256 + 128 * 128 + threadIdx.x * 8,
                      activated_scale + (long long)pairs[threadIdx.x] * (I / 64) + block * 2);
    };

    float sums[2][Shape::tiles][4] = {};
#pragma unroll
    for (int block = 0; block < stages - 1; ++block) {
      if (block < I_blocks) copy_stage(block);
      end_of_stage();
    }
    for (int block = 0; block < I_blocks; ++block) {
      wait_for_stage<stages - 2>();
      __syncthreads();
      if (block + stages - 1 < I_blocks) copy_stage(block + stages - 1);
      end_of_stage();
      const uint32_t stage = base + block % stages * stage_bytes;
      const float2* token_scales = reinterpret_cast<const float2*>(memory) +
                                   (block % stages * stage_bytes + Tokens * 256 + 128 * 128) / 8;
      const float weight_scale = scales[block];
#pragma unroll 1
      for (int half = 0; half < 2; ++half) {  // 64 columns: those that share a token's scale
        float parts[2][Shape::tiles][4] = {};
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          const int chunk = half * 4 + k;
          WeightFragments<Shape::tiles> w;
          w.load(stage + Tokens * 256, weight_rows, chunk);
#pragma unroll
          for (int m = 0; m < 2; ++m) {
            uint32_t r[4];
            load_matrices(r,
                          stage + chunk_offset<16>(warp_token + m * 16 + lane % 16, chunk * 2 + lane / 16));
#pragma unroll
            for (int i = 0; i < Shape::tiles; ++i)
              mma(parts[m][i], r[0], r[1], r[2], r[3], w.low[i], w.high[i]);
          }
        }
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          const float2 upper = token_scales[warp_token + m * 16 + group];
          const float2 lower = token_scales[warp_token + m * 16 + group + 8];
          const float upper_scale = (half == 0 ? upper.x : upper.y) * weight_scale;
          const float lower_scale = (half == 0 ? lower.x : lower.y) * weight_scale;
#pragma unroll
          for (int i = 0; i < Shape::tiles; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) sums[m][i][j] += parts[m][i][j] * (j < 2 ? upper_scale : lower_scale);
        }
      }
    }
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int row = warp_token + m * 16 + r * 8 + group;
        if (place.first_token + row >= place.count) continue;
        const long long pair = pairs[row];
        const float share = shares[pair];
#pragma unroll
        for (int i = 0; i < Shape::tiles; ++i)
          *reinterpret_cast<float2*>(products + pair * H + column + warp_column + i * 8 + part * 2) =
              make_float2(sums[m][i][2 * r] * share, sums[m][i][2 * r + 1] * share);
      }
    __syncthreads();  // before the next tile's pairs and stages
  }
}

// ---- A token's experts, added up in the order they were chosen in.

__global__ void __launch_bounds__(128)
add_up(const float* __restrict__ products, const int* __restrict__ local_masks, int* __restrict__ counts,
       __nv_bfloat16* __restrict__ output) {
  const int column = (blockIdx.x * 128 + threadIdx.x) * 4;
  const long long token = blockIdx.y;
  wait_for_previous_kernel();
  if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x < local_experts)
    counts[threadIdx.x] = 0;  // for the next call
  float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  for (uint32_t mask = local_masks[token]; mask != 0; mask &= mask - 1) {
    const long long pair = token * top_k + __ffs(mask) - 1;
    const float4 x = *reinterpret_cast<const float4*>(products + pair * H + column);
    sum.x += x.x;
    sum.y += x.y;
    sum.z += x.z;
    sum.w += x.w;
  }
  __nv_bfloat162* out = reinterpret_cast<__nv_bfloat162*>(output + token * H + column);
  out[0] = __floats2bfloat162_rn(sum.x, sum.y);
  out[1] = __floats2bfloat162_rn(sum.z, sum.w);
}
