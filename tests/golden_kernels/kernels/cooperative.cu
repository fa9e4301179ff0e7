// Cooperative groups: tiles, coalesced and labelled groups, the grid, and asynchronous copies of a block.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

namespace cg = cooperative_groups;

// Per thread: reductions and scans over its tile of 32, of 8, and over the lanes that took its branch.
extern "C" __global__ void group_reductions(const int* x, int* sums, int* maxima, int* scans,
                                            int* branch_sums, int* branch_ranks, int* bits) {
  auto block = cg::this_thread_block();
  auto warp = cg::tiled_partition<32>(block);
  auto eight = cg::tiled_partition<8>(block);
  const int i = block.group_index().x * block.size() + block.thread_rank(), value = x[i];
  sums[i] = cg::reduce(warp, value, cg::plus<int>());
  maxima[i] = cg::reduce(eight, value, cg::greater<int>());
  scans[i] = cg::inclusive_scan(warp, value) - cg::exclusive_scan(eight, value);
  if (value % 3 == 0) {
    auto together = cg::coalesced_threads();
    branch_sums[i] = cg::reduce(together, value, cg::plus<int>());
    branch_ranks[i] = together.thread_rank() * 100 + together.size();
  } else {
    branch_sums[i] = -1;
    branch_ranks[i] = -1;
  }
  auto alike = cg::labeled_partition(warp, value & 3);
  bits[i] = cg::reduce(alike, value, cg::bit_xor<int>()) + 1000 * warp.any(value == 5) +
            2000 * warp.all(value >= 0);
}

// Floats by shuffles: a tile's sum of squares, and the value of its neighbour.
extern "C" __global__ void tile_shuffles(const float* x, float* squares, float* neighbours) {
  auto block = cg::this_thread_block();
  auto tile = cg::tiled_partition<16>(block);
  const int i = block.group_index().x * block.size() + block.thread_rank();
  const float value = x[i];
  squares[i] = cg::reduce(tile, value * value, cg::plus<float>());
  neighbours[i] = tile.shfl(value, (tile.thread_rank() + 1) % tile.size());
}

// Needs a cooperative launch. Each step reads what another block wrote in the step before.
extern "C" __global__ void grid_steps(int* values, int steps) {
  auto grid = cg::this_grid();
  const unsigned long long me = grid.thread_rank(), count = grid.size();
  int* from = values;
  int* to = values + count;
  from[me] = static_cast<int>(me);
  grid.sync();
  for (int step = 0; step < steps; ++step) {
    to[me] = from[me] + from[(me + blockDim.x) % count];
    grid.sync();
    int* swap = from;
    from = to;
    to = swap;
  }
}

// Two tiles in flight; each is reversed on its way out.
extern "C" __global__ void staged_copy(const float4* x, float4* out, int tiles) {
  constexpr int kSize = 64;
  __shared__ float4 stages[2][kSize];
  auto block = cg::this_thread_block();
  cg::memcpy_async(block, stages[0], x, sizeof(float4) * kSize);
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles) {
      cg::memcpy_async(block, stages[(tile + 1) % 2], x + (tile + 1) * kSize, sizeof(float4) * kSize);
      cg::wait_prior<1>(block);
    } else {
      cg::wait(block);
    }
    out[tile * kSize + threadIdx.x] = stages[tile % 2][kSize - 1 - threadIdx.x];
    block.sync();
  }
}
