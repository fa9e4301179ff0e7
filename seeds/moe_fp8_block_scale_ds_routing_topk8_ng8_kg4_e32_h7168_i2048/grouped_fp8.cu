// Mixture of experts with FP8 weights and DeepSeek's grouped routing, whose products of many tokens run on the tensor
// cores of sm_90a (wgmma) and sm_100a (tcgen05) in FP8, from shared memory. Four launches that never ask the host how
// many tokens an expert got: routing fills a list per expert; two products run over the lists; a last kernel adds up
// each token's experts, in a fixed order. A (token, chosen expert) pair is token * top_k + k, and is its own row in
// workspaces.
//
// Few tokens (stream_*): time is reading the weights. They go from memory to registers as mma.sync's larger operand,
// tokens are the smaller one in eights, and the warps of a block share out the columns of its rows.
// Many tokens (tile_*): weights are the larger operand here too, 256 of their rows at a time, which a tensor copy
// brings in; cp.async gathers the tokens. Scales hold for 128 columns: the tensor core adds up 128, registers the
// scaled sums. On the way between the two products the rows are e4m3, with a scale per 128 columns. The two
// architectures differ in struct Products alone: whose registers hold a product, and what it is waited for with.
/*@plan
tune STREAM_TOKENS = 128 in {128, 32, 512};      // streaming up to here
tune STREAM_COLUMNS = 32 in {16, 32};           // activated columns per block of the first product
tune STREAM_ROWS = 32 in {32, 64};              // output columns per block of the second
tune STREAM_WARPS = 8 in {4, 8};                // share out the sum of a block
tune TILE_TOKENS = 2048 in {2048, 128, 8192};   // up to here tiles of 64 tokens, above of 128
tune STAGES = 4 in {4, 3};                      // of the tiles' pipeline
require arch == 90 || arch / 10 == 10 else "the tensor cores of sm_90a or sm_100a";

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
  workspace __nv_fp8_e4m3 activated[seq_len * top_k * intermediate_size];
  workspace float activated_scale[seq_len * top_k * num_intermediate_blocks];
  tensormap up_and_gate_map = tiled<uint8_t>(gemm1_weights, dims = {hidden_size, num_local_experts * gemm1_out_size},
                                             box = {128, 128}, swizzle_128b, l2_256b);
  tensormap down_map = tiled<uint8_t>(gemm2_weights, dims = {intermediate_size, num_local_experts * hidden_size},
                                      box = {128, 128}, swizzle_128b, l2_256b);
  if (seq_len <= TILE_TOKENS) {
    const int tile_bytes = STAGES * (64 + 256) * 128;
    [[pdl]] tile_up_and_gate<64><<<sm_count, 256, tile_bytes>>>(
        up_and_gate_map, hidden_states, hidden_states_scale, gemm1_weights_scale, seq_len, counts, lists,
        activated, activated_scale);
    [[pdl]] tile_down<64><<<sm_count, 256, tile_bytes>>>(
        down_map, activated, activated_scale, gemm2_weights_scale, seq_len, counts, lists, shares, products);
  } else {
    const int tile_bytes = STAGES * (128 + 256) * 128;
    [[pdl]] tile_up_and_gate<128><<<sm_count, 256, tile_bytes>>>(
        up_and_gate_map, hidden_states, hidden_states_scale, gemm1_weights_scale, seq_len, counts, lists,
        activated, activated_scale);
    [[pdl]] tile_down<128><<<sm_count, 256, tile_bytes>>>(
        down_map, activated, activated_scale, gemm2_weights_scale, seq_len, counts, lists, shares, products);
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

// ---- Asynchronous instructions. Addresses of shared memory are 32 bits wide.

template <int Bytes>
__device__ void copy_async(uint32_t shared, const void* global) {
  if (Bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared), "l"(global), "n"(Bytes)
                 : "memory");
  }
}
__device__ void end_of_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int Pending>
__device__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

__device__ void init_barrier(uint32_t barrier) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barrier) : "memory");
}
__device__ void expect_bytes(uint32_t barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ void wait_for_barrier(uint32_t barrier, uint32_t parity) {
  uint32_t done;
  do {
    asm volatile(
        "{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.b32 %0, 1, 0, p;\n}"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
  } while (done == 0);
}
__device__ void copy_box(uint32_t shared, const CUtensorMap& map, int x, int y, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          shared),
      "l"(&map), "r"(x), "r"(y), "r"(barrier)
      : "memory");
}
// Between what threads read and wrote in shared memory and what tensor copies and tensor cores do there.
__device__ void fence_to_async() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// ---- Many tokens: tiles of Tokens x 256 rows of weights in two halves of 128, each half with its own scale.

constexpr int stages = knob::STAGES, tile_threads = 256, half_bytes = 128 * 128;
constexpr int sum_columns = 256 + 4;  // of a token's row of sums in shared memory: spreads the stores over the banks
static_assert(H % 256 == 0);

template <int Tokens>
constexpr int stage_bytes = (256 + Tokens) * 128;  // both halves of the weights, tokens

// Rows of 128 bytes in the 128-byte swizzle.
__device__ uint32_t chunk_offset(int row, int chunk) {
  return row * 128 + (chunk ^ row % 8) * 16;
}

#if __CUDA_ARCH__ >= 1000

// Tensor memory holds the products of 128 columns, in turn in one of two places: while the tensor core works on one,
// the threads add up the other. A warp reaches the 32 rows of its number modulo 4; warps 0 to 3 take the first half
// of the tokens.
template <int Tokens>
struct Products {
  static constexpr int ahead = stages - 2;  // the stage before the current one is still at work
  static constexpr int mine = Tokens / 2, memory_columns = 4 * Tokens;
  struct Shared {
    uint64_t done[2];
    uint32_t columns;
  };
  uint32_t columns, done, issued = 0;
  float sums[2][mine];  // by half, of the tokens from first_token() on

  static __device__ int first_token() { return threadIdx.x / 128 * mine; }

  __device__ explicit Products(Shared& shared) : done(__cvta_generic_to_shared(shared.done)) {
    if (threadIdx.x < 32) {
      asm volatile("tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%0], %1;" ::"r"(
                       uint32_t(__cvta_generic_to_shared(&shared.columns))),
                   "n"(memory_columns)
                   : "memory");
      asm volatile("tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;");
    }
    if (threadIdx.x == 0) {
      init_barrier(done);
      init_barrier(done + 8);
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    before_barrier();
    __syncthreads();
    after_barrier();
    columns = shared.columns;
  }
  __device__ void free() {
    before_barrier();
    __syncthreads();
    if (threadIdx.x < 32)
      asm volatile("tcgen05.dealloc.cta_group::1.sync.aligned.b32 %0, %1;" ::"r"(columns), "n"(memory_columns)
                   : "memory");
  }
  static __device__ void before_barrier() { asm volatile("tcgen05.fence::before_thread_sync;" ::: "memory"); }
  static __device__ void after_barrier() { asm volatile("tcgen05.fence::after_thread_sync;" ::: "memory"); }

  // Operands with columns (k) along their rows of 128 bytes, swizzled, 8 rows 1024 bytes apart.
  static __device__ uint64_t operand(uint32_t address) {
    return address >> 4 | 1ull << 16 | (1024ull >> 4) << 32 | 1ull << 46 | 2ull << 61;
  }
  __device__ void issue(uint32_t stage) {
    constexpr uint32_t what = 1 << 4 | Tokens / 8 << 17 | 128 / 16 << 24;  // e4m3 x e4m3, float sums
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t to = columns + (issued % 2 * 2 + half) * Tokens;
      const uint64_t a = operand(stage + half * half_bytes), b = operand(stage + 2 * half_bytes);
#pragma unroll
      for (int k = 0; k < 4; ++k)
        asm volatile(
            "{\n.reg .pred p;\nsetp.ne.b32 p, %4, 0;\n"
            "tcgen05.mma.cta_group::1.kind::f8f6f4 [%0], %1, %2, %3, p;\n}" ::"r"(to),
            "l"(a + k * 2), "l"(b + k * 2), "r"(what), "r"(k)
            : "memory");
    }
    asm volatile("tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%0];" ::"r"(
                     done + issued % 2 * 8)
                 : "memory");
  }
  // Adds the product number `product`.
  __device__ void add(uint32_t product, float2 scales, const float* token_scales) {
    wait_for_barrier(done + product % 2 * 8, product / 2 % 2);
    after_barrier();
    const uint32_t from = columns + product % 2 * 2 * Tokens + (threadIdx.x / 32 % 4 * 32 << 16) + first_token();
#pragma unroll
    for (int first = 0; first < mine; first += 16) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float x[16];
        asm volatile(
            "tcgen05.ld.sync.aligned.32x32b.x16.b32 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, "
            "%14, %15}, [%16];\ntcgen05.wait::ld.sync.aligned;"
            : "=f"(x[0]), "=f"(x[1]), "=f"(x[2]), "=f"(x[3]), "=f"(x[4]), "=f"(x[5]), "=f"(x[6]), "=f"(x[7]),
              "=f"(x[8]), "=f"(x[9]), "=f"(x[10]), "=f"(x[11]), "=f"(x[12]), "=f"(x[13]), "=f"(x[14]), "=f"(x[15])
            : "r"(from + half * Tokens + first)
            : "memory");
        const float scale = half == 0 ? scales.x : scales.y;
#pragma unroll
        for (int i = 0; i < 16; ++i)
          sums[half][first + i] += x[i] * (scale * token_scales[first_token() + first + i]);
      }
    }
  }

  __device__ void begin() {
#pragma unroll
    for (int i = 0; i < mine; ++i) sums[0][i] = sums[1][i] = 0.0f;
  }
  // 128 columns, as soon as the block's threads have seen them; scales are of the 128 before, if there are any.
  __device__ void multiply(uint32_t stage, bool first, float2, const float*, float2 last_scales,
                           const float* last_token_scales) {
    after_barrier();
    if (threadIdx.x == 0) issue(stage);
    if (!first) add(issued - 1, last_scales, last_token_scales);
    ++issued;
    before_barrier();
  }
  __device__ void end(float2 scales, const float* token_scales) {
    add(issued - 1, scales, token_scales);
    before_barrier();
  }
  __device__ void put(float* to) const {
    const int row = threadIdx.x % 128;
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int i = 0; i < mine; ++i) to[(first_token() + i) * sum_columns + half * 128 + row] = sums[half][i];
  }
};

#else

// Two warp groups, each with 64 rows of both halves. A product is 64 tokens wide; while one is added up in registers,
// the tensor core works on the next.
template <int Tokens>
struct Products {
  static constexpr int ahead = stages - 1, pieces = 2 * Tokens / 64;
  struct Shared {};
  float sums[pieces][32];  // piece: token / 64 * 2 + half

  __device__ explicit Products(Shared&) {}
  __device__ void free() {}

  // Operands with columns (k) along their rows of 128 bytes, swizzled, 8 rows 1024 bytes apart.
  static __device__ uint64_t operand(uint32_t address) {
    return address >> 4 | 1ull << 16 | (1024ull >> 4) << 32 | 1ull << 62;
  }
  static __device__ void issue(float (&d)[32], uint32_t stage, int piece) {
    const uint64_t a = operand(stage + piece % 2 * half_bytes + threadIdx.x / 128 * 64 * 128);
    const uint64_t b = operand(stage + 2 * half_bytes + piece / 2 * 64 * 128);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (int k = 0; k < 4; ++k)
      asm volatile(
          "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
          "wgmma.mma_async.sync.aligned.m64n64k32.f32.e4m3.e4m3 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, "
          "%12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
          "%32, %33, p, 1, 1;\n}"
          : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),
            "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]),
            "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]),
            "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
          : "l"(a + k * 2), "l"(b + k * 2), "r"(k)
          : "memory");
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
  }
  template <int Pending>
  static __device__ void wait(float (&d)[32]) {  // names its registers: nobody reads them before
    asm volatile("wgmma.wait_group.sync.aligned %32;"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),
                   "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]),
                   "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]),
                   "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]),
                   "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
                 : "n"(Pending)
                 : "memory");
  }

  __device__ void begin() {
#pragma unroll
    for (int p = 0; p < pieces; ++p)
#pragma unroll
      for (int i = 0; i < 32; ++i) sums[p][i] = 0.0f;
  }
  // 128 columns, as soon as the block's threads have seen them.
  __device__ void multiply(uint32_t stage, bool, float2 scales, const float* token_scales, float2, const float*) {
    float parts[2][32];
    issue(parts[0], stage, 0);
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      if (p + 1 < pieces) {
        issue(parts[(p + 1) % 2], stage, p + 1);
        wait<1>(parts[p % 2]);
      } else {
        wait<0>(parts[p % 2]);
      }
      const float scale = p % 2 == 0 ? scales.x : scales.y;
#pragma unroll
      for (int i = 0; i < 32; i += 4) {
        const float2 token =
            *reinterpret_cast<const float2*>(token_scales + p / 2 * 64 + i * 2 + threadIdx.x % 4 * 2);
#pragma unroll
        for (int j = 0; j < 4; ++j)
          sums[p][i + j] += parts[p % 2][i + j] * (scale * (j % 2 == 0 ? token.x : token.y));
      }
    }
  }
  __device__ void end(float2, const float*) {}
  __device__ void put(float* to) const {
    const int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
#pragma unroll
    for (int p = 0; p < pieces; ++p)
#pragma unroll
      for (int i = 0; i < 32; ++i) {
        const int token = p / 2 * 64 + i / 4 * 8 + threadIdx.x % 4 * 2 + i % 2;
        to[token * sum_columns + p % 2 * 128 + row + i % 4 / 2 * 8] = sums[p][i];
      }
  }
};

#endif

// What a block keeps from tile to tile.
template <int Tokens>
struct TileShared {
  uint64_t full[stages];  // a stage's weights are there
  alignas(16) float scales[stages][Tokens];
  int pairs[Tokens];
  typename Products<Tokens>::Shared products;
};

template <int Tokens>
__device__ void prepare_tiles(TileShared<Tokens>& shared, const CUtensorMap& map) {
  if (threadIdx.x == 0) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
    for (int i = 0; i < stages; ++i) init_barrier(__cvta_generic_to_shared(&shared.full[i]));
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
}

// Leaves a tile's sums in `memory`: [token][column of the first half, of the second].
// rows: the first row of each half in the map. token_row(pair): FP8 elements. token_scale(pair, block): address.
// weight_scales(block): of both halves. used_stages: by the tiles before, goes on.
template <int Blocks, int Tokens, typename TokenRow, typename TokenScale, typename WeightScales>
__device__ void multiply_tile(uint8_t* memory, TileShared<Tokens>& shared, Products<Tokens>& products,
                              const CUtensorMap& weights, int2 rows, uint32_t& used_stages, TokenRow token_row,
                              TokenScale token_scale, WeightScales weight_scales) {
  constexpr int ahead = Products<Tokens>::ahead;
  const uint32_t base = __cvta_generic_to_shared(memory), fulls = __cvta_generic_to_shared(shared.full);
  const auto copy_stage = [&](int block) {
    const int number = (used_stages + block) % stages;
    const uint32_t stage = base + number * stage_bytes<Tokens>;
    if (threadIdx.x == 0) {
      expect_bytes(fulls + number * 8, 2 * half_bytes);
      copy_box(stage, weights, block * 128, rows.x, fulls + number * 8);
      copy_box(stage + half_bytes, weights, block * 128, rows.y, fulls + number * 8);
    }
    const int chunk = threadIdx.x % 8;
#pragma unroll
    for (int row = threadIdx.x / 8; row < Tokens; row += tile_threads / 8)
      copy_async<16>(stage + 2 * half_bytes + chunk_offset(row, chunk),
                     token_row(shared.pairs[row]) + block * 128 + chunk * 16);
    if (threadIdx.x < Tokens)
      copy_async<4>(__cvta_generic_to_shared(&shared.scales[number][threadIdx.x]),
                    token_scale(shared.pairs[threadIdx.x], block));
  };

  products.begin();
#pragma unroll
  for (int block = 0; block < ahead; ++block) {
    if (block < Blocks) copy_stage(block);
    end_of_copies();
  }
  float2 last_scales = make_float2(0.0f, 0.0f);
  const float* last_token_scales = nullptr;
#pragma unroll 1
  for (int block = 0; block < Blocks; ++block) {
    const float2 scales = weight_scales(block);
    const uint32_t use = used_stages + block, number = use % stages;
    wait_for_copies<ahead - 1>();
    fence_to_async();
    wait_for_barrier(fulls + number * 8, use / stages % 2);
    __syncthreads();  // also: the products that used the stage to be overwritten are done
    if (block + ahead < Blocks) copy_stage(block + ahead);
    end_of_copies();
    products.multiply(base + number * stage_bytes<Tokens>, block == 0, scales, shared.scales[number], last_scales,
                      last_token_scales);
    last_scales = scales;
    last_token_scales = shared.scales[number];
  }
  products.end(last_scales, last_token_scales);
  used_stages += Blocks;
  __syncthreads();  // the stages have been read, their memory is free
  products.put(reinterpret_cast<float*>(memory));
  __syncthreads();
}

template <int Tokens>
__global__ void __launch_bounds__(tile_threads, 1)
tile_up_and_gate(const __grid_constant__ CUtensorMap weights, const __nv_fp8_e4m3* __restrict__ hidden,
                 const float* __restrict__ hidden_scale, const float* __restrict__ weights_scale, int seq_len,
                 const int* __restrict__ counts, const int* __restrict__ lists,
                 __nv_fp8_e4m3* __restrict__ activated, float* __restrict__ activated_scale) {
  extern __shared__ __align__(1024) uint8_t memory[];
  __shared__ TileShared<Tokens> shared;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  prepare_tiles(shared, weights);
  Products<Tokens> products(shared.products);
  uint32_t used_stages = 0;
  wait_for_previous_kernel();

  TilePlace place;
  for (int tile = blockIdx.x; find_tile<Tokens>(tile, I_blocks, counts, place); tile += gridDim.x) {
    const int up_block = place.expert * up_gate_blocks + place.column_tile;
    if (threadIdx.x < Tokens)  // the last token stands in for those that are not there
      shared.pairs[threadIdx.x] = lists[(long long)place.expert * seq_len +
                                        min(place.first_token + int(threadIdx.x), place.count - 1)];
    __syncthreads();
    multiply_tile<H_blocks>(
        memory, shared, products, weights, make_int2(up_block * 128, (up_block + I_blocks) * 128), used_stages,
        [&](int pair) { return hidden + (long long)(pair / top_k) * H; },
        [&](int pair, int block) { return hidden_scale + (long long)block * seq_len + pair / top_k; },
        [&](int block) {
          return make_float2(weights_scale[up_block * H_blocks + block],
                             weights_scale[(up_block + I_blocks) * H_blocks + block]);
        });

    for (int row = warp; row < Tokens && place.first_token + row < place.count; row += tile_threads / 32) {
      const float* sums = reinterpret_cast<const float*>(memory) + row * sum_columns;
      float4 x = *reinterpret_cast<const float4*>(sums + lane * 4);
      const float4 gate = *reinterpret_cast<const float4*>(sums + 128 + lane * 4);
      x.x *= silu(gate.x), x.y *= silu(gate.y), x.z *= silu(gate.z), x.w *= silu(gate.w);
      float most = fmaxf(fmaxf(fabsf(x.x), fabsf(x.y)), fmaxf(fabsf(x.z), fabsf(x.w)));
#pragma unroll
      for (int offset = 16; offset > 0; offset /= 2) most = fmaxf(most, __shfl_xor_sync(all_lanes, most, offset));
      const float scale = fmaxf(most, 1e-30f) * (1.0f / 448.0f), inverse = __fdividef(1.0f, scale);
      const long long pair = shared.pairs[row];
      if (lane == 0) activated_scale[pair * I_blocks + place.column_tile] = scale;
      *reinterpret_cast<__nv_fp8x4_e4m3*>(activated + pair * I + place.column_tile * 128 + lane * 4) =
          __nv_fp8x4_e4m3(make_float4(x.x * inverse, x.y * inverse, x.z * inverse, x.w * inverse));
    }
    fence_to_async();
    __syncthreads();  // before the next tile's pairs and stages
  }
  products.free();
}

template <int Tokens>
__global__ void __launch_bounds__(tile_threads, 1)
tile_down(const __grid_constant__ CUtensorMap weights, const __nv_fp8_e4m3* __restrict__ activated,
          const float* __restrict__ activated_scale, const float* __restrict__ weights_scale, int seq_len,
          const int* __restrict__ counts, const int* __restrict__ lists, const float* __restrict__ shares,
          float* __restrict__ products_of_pairs) {
  extern __shared__ __align__(1024) uint8_t memory[];
  __shared__ TileShared<Tokens> shared;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  prepare_tiles(shared, weights);
  Products<Tokens> products(shared.products);
  uint32_t used_stages = 0;
  wait_for_previous_kernel();

  TilePlace place;
  for (int tile = blockIdx.x; find_tile<Tokens>(tile, H / 256, counts, place); tile += gridDim.x) {
    const int row_block = place.expert * H_blocks + place.column_tile * 2;
    if (threadIdx.x < Tokens)
      shared.pairs[threadIdx.x] = lists[(long long)place.expert * seq_len +
                                        min(place.first_token + int(threadIdx.x), place.count - 1)];
    __syncthreads();
    multiply_tile<I_blocks>(
        memory, shared, products, weights, make_int2(row_block * 128, row_block * 128 + 128), used_stages,
        [&](int pair) { return activated + (long long)pair * I; },
        [&](int pair, int block) { return activated_scale + (long long)pair * I_blocks + block; },
        [&](int block) {
          return make_float2(weights_scale[row_block * I_blocks + block],
                             weights_scale[(row_block + 1) * I_blocks + block]);
        });

    for (int row = warp; row < Tokens && place.first_token + row < place.count; row += tile_threads / 32) {
      const float* sums = reinterpret_cast<const float*>(memory) + row * sum_columns;
      const long long pair = shared.pairs[row];
      const float share = shares[pair];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int column = half * 128 + lane * 4;
        const float4 x = *reinterpret_cast<const float4*>(sums + column);
        *reinterpret_cast<float4*>(products_of_pairs + pair * H + place.column_tile * 256 + column) =
            make_float4(x.x * share, x.y * share, x.z * share, x.w * share);
      }
    }
    fence_to_async();
    __syncthreads();  // before the next tile's pairs and stages
  }
  products.free();
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
