// CUB's block-wide algorithms: what its headers make of shuffles, votes, shared memory and barriers.
#include <cub/block/block_load.cuh>
#include <cub/block/block_merge_sort.cuh>
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/block_store.cuh>
#include <cub/warp/warp_merge_sort.cuh>
#include <cub/warp/warp_reduce.cuh>

constexpr int kThreads = 128, kItems = 4, kTile = kThreads * kItems;

// Each block sorts its tile of floats, largest first, with an integer going along.
extern "C" __global__ void block_radix_sort(const float* keys, const int* values, float* sorted, int* moved) {
  using Sort = cub::BlockRadixSort<float, kThreads, kItems, int>;
  __shared__ typename Sort::TempStorage storage;
  const int first = blockIdx.x * kTile + threadIdx.x * kItems;
  float key[kItems];
  int value[kItems];
  for (int i = 0; i < kItems; ++i) {
    key[i] = keys[first + i];
    value[i] = values[first + i];
  }
  Sort(storage).SortDescending(key, value);
  for (int i = 0; i < kItems; ++i) {
    sorted[first + i] = key[i];
    moved[first + i] = value[i];
  }
}

// Coalesced load and store by transposition; inclusive and exclusive scans; a reduction; storage used again.
extern "C" __global__ void block_scan_and_reduce(const int* x, int* inclusive, int* exclusive, int* totals,
                                                 float* maxima) {
  using Load = cub::BlockLoad<int, kThreads, kItems, cub::BLOCK_LOAD_TRANSPOSE>;
  using Store = cub::BlockStore<int, kThreads, kItems, cub::BLOCK_STORE_WARP_TRANSPOSE>;
  using Scan = cub::BlockScan<int, kThreads, cub::BLOCK_SCAN_WARP_SCANS>;
  using RakingScan = cub::BlockScan<int, kThreads, cub::BLOCK_SCAN_RAKING>;
  using Reduce = cub::BlockReduce<float, kThreads>;
  __shared__ union {
    typename Load::TempStorage load;
    typename Store::TempStorage store;
    typename Scan::TempStorage scan;
    typename RakingScan::TempStorage raking;
    typename Reduce::TempStorage reduce;
  } storage;
  const int first = blockIdx.x * kTile;
  int value[kItems], result[kItems], total = 0;
  Load(storage.load).Load(x + first, value);
  __syncthreads();
  Scan(storage.scan).InclusiveSum(value, result, total);
  __syncthreads();
  Store(storage.store).Store(inclusive + first, result);
  __syncthreads();
  RakingScan(storage.raking).ExclusiveSum(value, result);
  __syncthreads();
  Store(storage.store).Store(exclusive + first, result);
  __syncthreads();
  float mine = -1.0f;
  for (int i = 0; i < kItems; ++i) mine = fmaxf(mine, float(value[i]));
  const float largest = Reduce(storage.reduce).Reduce(mine, [](float a, float b) { return fmaxf(a, b); });
  if (threadIdx.x == 0) {
    totals[blockIdx.x] = total;
    maxima[blockIdx.x] = largest;
  }
}

struct Before {
  __device__ bool operator()(unsigned a, unsigned b) const { return a % 1000 < b % 1000; }
};

// Its last word is read by merges that come to an end, and what is read there is dropped.
template <class Storage>
__device__ void clear(Storage& storage) {
  for (int i = threadIdx.x; i < sizeof(Storage) / 4; i += kThreads) reinterpret_cast<int*>(&storage)[i] = 0;
}

// Merge sorts of a block and of a warp by a predicate.
extern "C" __global__ void block_merge_sort(unsigned* keys, unsigned* warp_keys) {
  using BlockSort = cub::BlockMergeSort<unsigned, kThreads, kItems>;
  using WarpSort = cub::WarpMergeSort<unsigned, 2, 32>;
  __shared__ typename BlockSort::TempStorage block_storage;
  __shared__ typename WarpSort::TempStorage warp_storage[kThreads / 32];
  clear(block_storage);
  clear(warp_storage);
  __syncthreads();
  const int first = blockIdx.x * kTile + threadIdx.x * kItems;
  unsigned key[kItems];
  for (int i = 0; i < kItems; ++i) key[i] = keys[first + i];
  BlockSort(block_storage).Sort(key, Before());
  for (int i = 0; i < kItems; ++i) keys[first + i] = key[i];
  const int pair = (blockIdx.x * kThreads + threadIdx.x) * 2;
  unsigned two[2] = {warp_keys[pair], warp_keys[pair + 1]};
  WarpSort(warp_storage[threadIdx.x / 32]).Sort(two, Before());
  warp_keys[pair] = two[0];
  warp_keys[pair + 1] = two[1];
}

// Warp reductions of several types, all lanes and segments.
extern "C" __global__ void warp_reductions(const double* x, double* sums, const int* heads, int* segments) {
  using Double = cub::WarpReduce<double>;
  using Segment = cub::WarpReduce<int>;
  __shared__ typename Double::TempStorage double_storage[kThreads / 32];
  __shared__ typename Segment::TempStorage segment_storage[kThreads / 32];
  const int i = blockIdx.x * kThreads + threadIdx.x, warp = threadIdx.x / 32;
  const double sum = Double(double_storage[warp]).Sum(x[i]);
  if (threadIdx.x % 32 == 0) sums[i / 32] = sum;
  segments[i] = Segment(segment_storage[warp]).HeadSegmentedSum(i, heads[i]);
}
