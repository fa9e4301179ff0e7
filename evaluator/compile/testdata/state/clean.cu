// Things that must pass: read-only tables (also behind sinf), CUB and cooperative groups, shared memory, local arrays.
#include <cooperative_groups.h>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_radix_sort.cuh>
namespace cg = cooperative_groups;
__constant__ float scales[4] = {1, 2, 3, 4};
static __device__ const int kOrder[8] = {7, 3, 5, 1, 6, 2, 4, 0};
__global__ void reduces(const float* in, float* out, int n) {
  using Reduce = cub::BlockReduce<float, 128>;
  __shared__ typename Reduce::TempStorage storage;
  auto block = cg::this_thread_block();
  auto warp = cg::tiled_partition<32>(block);
  float x = in[threadIdx.x] * scales[n & 3];
  x += warp.shfl_xor(x, 1);
  float sum = Reduce(storage).Sum(x);
  block.sync();
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
__global__ void sorts(unsigned* keys) {
  using Sort = cub::BlockRadixSort<unsigned, 128, 2>;
  __shared__ typename Sort::TempStorage storage;
  unsigned k[2] = {keys[threadIdx.x * 2], keys[threadIdx.x * 2 + 1]};
  Sort(storage).Sort(k);
  keys[threadIdx.x * 2] = k[0]; keys[threadIdx.x * 2 + 1] = k[1];
}
__global__ void looks_up(const float* in, float* out, int n) {
  out[threadIdx.x] = sinf(in[threadIdx.x]) * kOrder[(threadIdx.x + n) & 7];
}
