// Top-k indexer of sparse attention, written to be read: every token gets a score, and a token's place is the number
// of tokens that beat it. It is the baseline that a run's speed-ups are measured against.
/*@plan
const int max_tokens = max_num_pages * page_size;

workspace float scores[batch_size * max_tokens];
score_tokens<<<dim3(max_num_pages, batch_size), page_size>>>(
    q_index_fp8, k_index_cache_fp8, weights, seq_lens, block_table, max_num_pages, scores);
rank_tokens<<<dim3(ceil_div(max(max_tokens, topk), 128), batch_size), 128>>>(
    scores, seq_lens, block_table, max_num_pages, topk_indices);
*/
#include <cuda_fp8.h>

constexpr int heads = axis::num_index_heads;
constexpr int dim = axis::index_head_dim;
constexpr int page_size = axis::page_size;
constexpr int page_bytes = page_size * axis::kv_cache_num_heads * axis::head_dim_with_scale;
static_assert(page_bytes == page_size * (dim + 4), "a page is its keys, then a float scale for each");

// One block per page of a row's block table, one thread per token.
__global__ void score_tokens(const __nv_fp8_e4m3* q_index, const int8_t* k_index_cache, const float* weights,
                             const int* seq_lens, const int* block_table, int max_num_pages, float* scores) {
  __shared__ float query[heads][dim];
  const long long row = blockIdx.y;
  const int token = blockIdx.x * page_size + threadIdx.x;
  for (int i = threadIdx.x; i < heads * dim; i += page_size)
    query[i / dim][i % dim] = float(q_index[row * heads * dim + i]);
  __syncthreads();
  // The block table goes on behind the sequence's end: what stands there is some other sequence's page.
  if (token >= seq_lens[row]) return;

  const int8_t* page = k_index_cache + (long long)block_table[row * max_num_pages + blockIdx.x] * page_bytes;
  const __nv_fp8_e4m3* keys = reinterpret_cast<const __nv_fp8_e4m3*>(page);
  const float scale = reinterpret_cast<const float*>(page + page_size * dim)[threadIdx.x];
  float key[dim];
#pragma unroll
  for (int i = 0; i < dim; ++i) key[i] = float(keys[threadIdx.x * dim + i]);

  float score = 0.0f;
  for (int head = 0; head < heads; ++head) {
    float dot = 0.0f;
#pragma unroll
    for (int i = 0; i < dim; ++i) dot += query[head][i] * key[i];
    score += weights[row * heads + head] * fmaxf(dot * scale, 0.0f);
  }
  scores[row * max_num_pages * page_size + token] = score;
}

// One thread per token, and per slot of the output that stays empty.
__global__ void rank_tokens(const float* scores, const int* seq_lens, const int* block_table,
                            int max_num_pages, int* topk_indices) {
  const long long row = blockIdx.y;
  const int token = blockIdx.x * blockDim.x + threadIdx.x;
  const int length = seq_lens[row];
  if (token >= length) {
    if (token < axis::topk) topk_indices[row * axis::topk + token] = -1;
    return;
  }
  const float* row_scores = scores + row * max_num_pages * page_size;
  const float mine = row_scores[token];
  int rank = 0;
  for (int other = 0; other < length; ++other) {
    const float theirs = row_scores[other];
    rank += theirs > mine || (theirs == mine && other < token);
  }
  if (rank >= axis::topk) return;
  const int page = block_table[row * max_num_pages + token / page_size];
  topk_indices[row * axis::topk + rank] = page * page_size + token % page_size;
}
