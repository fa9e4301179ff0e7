// A sort of a whole buffer as a chain of plain launches: for each digit of four bits, count it per block,
// scan the counts, scatter. Stable; `order` goes along. Blocks use CUB's ranking; the digits' counts are our
// own.
#include <cub/block/block_radix_rank.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/radix_rank_sort_operations.cuh>

constexpr int kThreads = 128, kItems = 4, kTile = kThreads * kItems, kBits = 4, kDigits = 1 << kBits;

// counts[digit][block]
extern "C" __global__ void count_digits(const unsigned* keys, int* counts, int n, int shift) {
  __shared__ int count[kDigits];
  if (threadIdx.x < kDigits) count[threadIdx.x] = 0;
  __syncthreads();
  for (int i = 0; i < kItems; ++i) {
    const int at = blockIdx.x * kTile + i * kThreads + threadIdx.x;
    if (at < n) atomicAdd(&count[keys[at] >> shift & (kDigits - 1)], 1);
  }
  __syncthreads();
  if (threadIdx.x < kDigits) counts[threadIdx.x * gridDim.x + blockIdx.x] = count[threadIdx.x];
}

// One block: counts become the places where each block's keys of each digit start.
extern "C" __global__ void scan_counts(int* counts, int n) {
  using Scan = cub::BlockScan<int, kThreads, cub::BLOCK_SCAN_WARP_SCANS>;
  __shared__ typename Scan::TempStorage storage;
  int before = 0;
  for (int start = 0; start < n; start += kThreads) {
    const int at = start + threadIdx.x;
    int value = at < n ? counts[at] : 0, total = 0;
    Scan(storage).ExclusiveSum(value, value, total);
    if (at < n) counts[at] = before + value;
    before += total;
    __syncthreads();
  }
}

extern "C" __global__ void scatter_by_digit(const unsigned* keys, const int* order, const int* starts,
                                            unsigned* keys_out, int* order_out, int n, int shift) {
  using Rank = cub::BlockRadixRank<kThreads, kBits, false>;
  __shared__ typename Rank::TempStorage storage;
  __shared__ int first_of_digit[kDigits];  // in the block's own order
  __shared__ unsigned tile_keys[kTile];
  __shared__ int tile_order[kTile];
  const int first = blockIdx.x * kTile, valid = min(n - first, kTile);
  unsigned key[kItems];
  int rank[kItems];
  for (int i = 0; i < kItems; ++i) {  // past the end: the largest digit, so ranked last
    const int at = threadIdx.x * kItems + i;
    key[i] = at < valid ? keys[first + at] : 0xffffffffu;
  }
  int digit_start[1];
  Rank(storage).RankKeys(key, rank, cub::BFEDigitExtractor<unsigned>(shift, kBits), digit_start);
  if (threadIdx.x < kDigits) first_of_digit[threadIdx.x] = digit_start[0];
  for (int i = 0; i < kItems; ++i) {
    const int at = threadIdx.x * kItems + i;
    tile_keys[rank[i]] = key[i];
    tile_order[rank[i]] = at < valid ? order[first + at] : -1;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < valid; i += kThreads) {  // neighbours go to neighbours
    const int digit = tile_keys[i] >> shift & (kDigits - 1);
    const int to = starts[digit * gridDim.x + blockIdx.x] + i - first_of_digit[digit];
    keys_out[to] = tile_keys[i];
    order_out[to] = tile_order[i];
  }
}
