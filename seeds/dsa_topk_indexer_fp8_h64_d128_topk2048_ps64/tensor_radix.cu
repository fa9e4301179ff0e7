// Top-k indexer of sparse attention. Where no sequence can be longer than topk there is nothing to choose: one
// launch turns block tables into indices. Otherwise tensor cores score the pages of the long rows, as integers that
// sort like the scores, and a block per row selects by radix; short rows pass through it without being scored.
//
// Scores: 16 tokens by 8 heads per mma, FP8 converted to FP16 without loss (so does ptxas with FP8 operands of
// mma.sync). A product's sum does not mind the order of its terms, so each lane takes 16 neighbouring bytes of a key,
// whichever columns of the fragment they are, and the same bytes of a query: keys and queries go from memory to
// registers directly.
/*@plan
tune TOKENS = 16 in {16, 32};                    // tokens per warp of the scoring kernel
tune SELECT_THREADS = 1024 in {1024, 512, 256};  // threads that select in a row
tune FILL_THREADS = 128 in {128, 64, 256, 512};  // threads per block where there is nothing to choose

const int max_tokens = max_num_pages * page_size;

if (max_tokens <= topk) {
  take_all<<<dim3(topk / (4 * FILL_THREADS), batch_size), FILL_THREADS>>>(
      seq_lens, block_table, max_num_pages, topk_indices);
} else {
  workspace uint32_t sort_keys[batch_size * max_tokens];
  score_pages<<<dim3(max_num_pages, batch_size), page_size / TOKENS * 32>>>(
      q_index_fp8, k_index_cache_fp8, weights, seq_lens, block_table, max_num_pages, sort_keys);
  const int row_bytes = (2 * max_tokens + max_num_pages) * 4;   // keys, candidates and pages of a row
  if (row_bytes <= 200 * 1024) {
    [[pdl]] select_rows<true><<<batch_size, SELECT_THREADS, row_bytes>>>(
        sort_keys, seq_lens, block_table, max_num_pages, sort_keys, topk_indices);
  } else {
    workspace uint32_t candidates[batch_size * max_tokens];
    [[pdl]] select_rows<false><<<batch_size, SELECT_THREADS>>>(
        sort_keys, seq_lens, block_table, max_num_pages, candidates, topk_indices);
  }
}
*/
#include <cuda_fp8.h>

constexpr int heads = axis::num_index_heads, dim = axis::index_head_dim;
constexpr int page_size = axis::page_size, topk = axis::topk;
constexpr int page_bytes = page_size * axis::kv_cache_num_heads * axis::head_dim_with_scale;
constexpr int tiles = knob::TOKENS / 16, score_threads = page_size / knob::TOKENS * 32;
constexpr int head_tiles = heads / 8;
static_assert(dim == 128, "four lanes take 32 bytes each of a key");
static_assert(page_bytes == page_size * (dim + 4) && heads % 8 == 0 && page_size % knob::TOKENS == 0);
static_assert(topk % (4 * knob::FILL_THREADS) == 0 && page_size % 4 == 0);

// Four slots of a row of which all tokens are taken. Four neighbours share a page: a page's size is a
// multiple of four.
__device__ void take_four(int slot, int length, const int* pages, int* indices) {
  int4 four = make_int4(-1, -1, -1, -1);
  if (slot < length) {
    const int first = pages[slot / page_size] * page_size + slot % page_size;
    four.x = first;
    if (slot + 1 < length) four.y = first + 1;
    if (slot + 2 < length) four.z = first + 2;
    if (slot + 3 < length) four.w = first + 3;
  }
  *reinterpret_cast<int4*>(indices + slot) = four;
}

__global__ void __launch_bounds__(knob::FILL_THREADS)
take_all(const int* __restrict__ seq_lens, const int* __restrict__ block_table, int max_num_pages,
         int* __restrict__ indices) {
  const int row = blockIdx.y, slot = (blockIdx.x * knob::FILL_THREADS + threadIdx.x) * 4;
  take_four(slot, seq_lens[row], block_table + row * max_num_pages, indices + row * topk);
}

// 32 of a row's 128 bytes, as FP16: pairs (lo, hi) for eight steps of an mma's k = 16.
struct Bytes32 {
  uint32_t lo[8], hi[8];
};

__device__ Bytes32 load_row_part(const uint8_t* row, int part) {
  const uint4 first = *reinterpret_cast<const uint4*>(row + part * 16);
  const uint4 second = *reinterpret_cast<const uint4*>(row + 64 + part * 16);
  const uint32_t words[8] = {first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w};
  Bytes32 result;
#pragma unroll
  for (int i = 0; i < 8; ++i)
    asm("{\n.reg .b16 low, high;\nmov.b32 {low, high}, %2;\n"
        "cvt.rn.f16x2.e4m3x2 %0, low;\ncvt.rn.f16x2.e4m3x2 %1, high;\n}"
        : "=r"(result.lo[i]), "=r"(result.hi[i])
        : "r"(words[i]));
  return result;
}

__device__ void mma(float (&sum)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0,
                    uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, "
      "%1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// An integer that is larger where the float is; zero is smaller than all of them.
__device__ uint32_t sort_key(float x) {
  const uint32_t bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// One block per page of a row, one warp per TOKENS of its tokens.
__global__ void __launch_bounds__(score_threads)
score_pages(const __nv_fp8_e4m3* __restrict__ q_index, const int8_t* __restrict__ k_index_cache,
            const float* __restrict__ weights, const int* __restrict__ seq_lens,
            const int* __restrict__ block_table, int max_num_pages, uint32_t* __restrict__ sort_keys) {
  asm volatile("griddepcontrol.launch_dependents;");
  const int row = blockIdx.y, lane = threadIdx.x % 32;
  const int group = lane / 4, part = lane % 4;  // of a fragment: its row, its place in it
  const int first_in_page = threadIdx.x / 32 * knob::TOKENS;
  const int first = blockIdx.x * page_size + first_in_page;
  const int page_index = block_table[(long long)row * max_num_pages + blockIdx.x];
  const int length = seq_lens[row];
  if (length <= topk || first >= length) return;  // behind the end stand other sequences' pages

  const uint8_t* page = reinterpret_cast<const uint8_t*>(k_index_cache) + (long long)page_index * page_bytes;
  const float* scales = reinterpret_cast<const float*>(page + page_size * dim);
  Bytes32 key[tiles][2];
  float scale[tiles][2], score[tiles][2] = {};
#pragma unroll
  for (int i = 0; i < tiles * 2; ++i) {
    const int token = first_in_page + i * 8 + group;
    key[i / 2][i % 2] = load_row_part(page + token * dim, part);
    scale[i / 2][i % 2] = scales[token];
  }
  const uint8_t* queries = reinterpret_cast<const uint8_t*>(q_index) + (long long)row * heads * dim;
#pragma unroll
  for (int h = 0; h < head_tiles; ++h) {
    const Bytes32 query = load_row_part(queries + (h * 8 + group) * dim, part);
    const float2 weight =
        *reinterpret_cast<const float2*>(weights + (long long)row * heads + h * 8 + part * 2);
#pragma unroll
    for (int i = 0; i < tiles; ++i) {
      float dot[4] = {};  // tokens group and group + 8, two heads of each
#pragma unroll
      for (int k = 0; k < 8; ++k)
        mma(dot, key[i][0].lo[k], key[i][1].lo[k], key[i][0].hi[k], key[i][1].hi[k], query.lo[k],
            query.hi[k]);
#pragma unroll
      for (int r = 0; r < 2; ++r)
        score[i][r] += weight.x * fmaxf(dot[2 * r] * scale[i][r], 0.0f) +
                       weight.y * fmaxf(dot[2 * r + 1] * scale[i][r], 0.0f);
    }
  }
  // Tokens behind the end get the smallest key, so that the selection reads whole vectors.
#pragma unroll
  for (int i = 0; i < tiles * 2; ++i) {
    float sum = score[i / 2][i % 2];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    const int token = first + i * 8 + group;
    if (part == 0)
      sort_keys[(long long)row * max_num_pages * page_size + token] = token < length ? sort_key(sum) : 0;
  }
}

constexpr int select_threads = knob::SELECT_THREADS, select_warps = select_threads / 32;
constexpr int bins = 2048, bins_per_thread = bins / select_threads;

struct Selection {
  uint32_t histogram[bins];
  int warp_totals[select_warps], warp_equals[select_warps];
  int digit, remaining;  // the boundary's digit; how many to take of it
  int candidates;
};

// Finds the digit at which counting down from the largest reaches `wanted`.
__device__ void find_digit(Selection& s, int wanted) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int lowest = bins - (threadIdx.x + 1) * bins_per_thread;
  int mine = 0;
#pragma unroll
  for (int i = 0; i < bins_per_thread; ++i) mine += s.histogram[lowest + i];
  int up_to_me = mine;
#pragma unroll
  for (int offset = 1; offset < 32; offset *= 2) {
    const int other = __shfl_up_sync(0xffffffffu, up_to_me, offset);
    if (lane >= offset) up_to_me += other;
  }
  if (lane == 31) s.warp_totals[warp] = up_to_me;
  __syncthreads();
  int above = __reduce_add_sync(0xffffffffu, lane < warp ? s.warp_totals[lane] : 0) + up_to_me - mine;
  if (above < wanted && above + mine >= wanted) {  // true for one thread
    int digit = lowest + bins_per_thread - 1;
    for (; above + int(s.histogram[digit]) < wanted; --digit) above += s.histogram[digit];
    s.digit = digit;
    s.remaining = wanted - above;
  }
  __syncthreads();
}

__device__ void clear_histogram(Selection& s) {
#pragma unroll
  for (int i = 0; i < bins_per_thread; ++i) s.histogram[i * select_threads + threadIdx.x] = 0;
}

// A place for each lane that wants one: one atomic for a warp.
__device__ int next_place(int* counter, bool wanted) {
  const uint32_t votes = __ballot_sync(0xffffffffu, wanted);
  const int lane = threadIdx.x % 32, leader = __ffs(votes) - 1;
  int place = 0;
  if (lane == leader) place = atomicAdd(counter, __popc(votes));
  place = __shfl_sync(0xffffffffu, place, leader < 0 ? 0 : leader);
  return place + __popc(votes & ((1u << lane) - 1));
}

// One block per row. Digits of 11, 11 and 10 bits: the first pass reads all keys, the others what shares the
// boundary's first digit. Of equal keys at the boundary the first are taken.
template <bool InSharedMemory>
__global__ void __launch_bounds__(select_threads)
select_rows(const uint32_t* __restrict__ sort_keys, const int* __restrict__ seq_lens,
            const int* __restrict__ block_table, int max_num_pages, uint32_t* __restrict__ candidate_rows,
            int* __restrict__ topk_indices) {
  extern __shared__ uint4 row_memory[];
  __shared__ Selection s;
  const int row = blockIdx.x, length = seq_lens[row], max_tokens = max_num_pages * page_size;
  int* indices = topk_indices + (long long)row * topk;
  const int* pages = block_table + (long long)row * max_num_pages;
  if (length <= topk) {
    for (int slot = threadIdx.x * 4; slot < topk; slot += select_threads * 4)
      take_four(slot, length, pages, indices);
    asm volatile("griddepcontrol.wait;" ::: "memory");  // nothing is read: only not to end before the scoring does
    return;
  }
  // What does not depend on the scores is done while they are still being computed.
  clear_histogram(s);
  if (threadIdx.x == 0) s.candidates = 0;
  uint32_t* row_keys = reinterpret_cast<uint32_t*>(row_memory);
  uint32_t* candidates =
      InSharedMemory ? row_keys + max_tokens : candidate_rows + (long long)row * max_tokens;
  if (InSharedMemory) {
    int* copy = reinterpret_cast<int*>(row_keys + 2 * max_tokens);
    for (int i = threadIdx.x; i * page_size < length; i += select_threads) copy[i] = pages[i];
    pages = copy;
  }
  __syncthreads();
  asm volatile("griddepcontrol.wait;" ::: "memory");

  const uint32_t* scored = sort_keys + (long long)row * max_tokens;
  const int count = (length + 15) / 16 * 16;  // the scoring kernel wrote whole tiles
  for (int i = threadIdx.x * 4; i < count; i += select_threads * 4) {
    const uint4 four = *reinterpret_cast<const uint4*>(scored + i);
    if (InSharedMemory) *reinterpret_cast<uint4*>(row_keys + i) = four;
    atomicAdd(&s.histogram[four.x >> 21], 1u);
    atomicAdd(&s.histogram[four.y >> 21], 1u);
    atomicAdd(&s.histogram[four.z >> 21], 1u);
    atomicAdd(&s.histogram[four.w >> 21], 1u);
  }
  const uint32_t* keys = InSharedMemory ? row_keys : scored;
  __syncthreads();
  find_digit(s, topk);

  const uint32_t first_digit = s.digit;
  int wanted = s.remaining;
  clear_histogram(s);
  __syncthreads();
  const int rounded = (count + 31) / 32 * 32;  // whole warps vote
  for (int i = threadIdx.x; i < rounded; i += select_threads) {
    const uint32_t key = i < count ? keys[i] : 0;
    const bool candidate = i < count && key >> 21 == first_digit;
    const int place = next_place(&s.candidates, candidate);
    if (!candidate) continue;
    candidates[place] = key;
    atomicAdd(&s.histogram[key >> 10 & 2047], 1u);
  }
  __syncthreads();
  find_digit(s, wanted);

  const uint32_t prefix = first_digit << 11 | s.digit;
  wanted = s.remaining;
  clear_histogram(s);
  __syncthreads();
  for (int i = threadIdx.x; i < s.candidates; i += select_threads)
    if (candidates[i] >> 10 == prefix) atomicAdd(&s.histogram[candidates[i] & 1023], 1u);
  __syncthreads();
  find_digit(s, wanted);

  // A warp takes neighbouring tokens. It counts those above and at the boundary, so that it knows how many
  // the warps before it put out; output and the cut between equals are the same in every run.
  const uint32_t boundary = prefix << 10 | s.digit;
  wanted = s.remaining;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int per_warp = (count + select_threads - 1) / select_threads * 32;
  const int begin = warp * per_warp, end = min(begin + per_warp, count);
  int above = 0, equal = 0;
  for (int i = begin + lane; i < end; i += 32) {
    above += keys[i] > boundary;
    equal += keys[i] == boundary;
  }
  above = __reduce_add_sync(0xffffffffu, above);
  equal = __reduce_add_sync(0xffffffffu, equal);
  if (lane == 0) s.warp_totals[warp] = above, s.warp_equals[warp] = equal;
  __syncthreads();
  above = __reduce_add_sync(0xffffffffu, lane < warp ? s.warp_totals[lane] : 0);
  equal = __reduce_add_sync(0xffffffffu, lane < warp ? s.warp_equals[lane] : 0);
  const uint32_t lanes_before = (1u << lane) - 1;
  for (int first = begin; first < end; first += 32) {
    const int i = first + lane;
    const uint32_t key = i < end ? keys[i] : 0;
    const uint32_t votes_above = __ballot_sync(0xffffffffu, key > boundary);
    const uint32_t votes_equal = __ballot_sync(0xffffffffu, i < end && key == boundary);
    const int my_above = above + __popc(votes_above & lanes_before);
    const int my_equal = equal + __popc(votes_equal & lanes_before);
    if (key > boundary || (key == boundary && my_equal < wanted))
      indices[my_above + min(my_equal, wanted)] = pages[i / page_size] * page_size + i % page_size;
    above += __popc(votes_above);
    equal += __popc(votes_equal);
  }
}
