// C = A B^T, bf16 in, f32 out, for sm_100a: two blocks of a cluster make 256 x 128 of it together.
// Exercises: tcgen05 of a pair of blocks: each holds half of the rows of A and of B, the first issues the products, both
// hold half of the sum; tensor copies that complete at the first block's mbarrier, commits to both.
#include "async.cuh"
#include "tcgen05.cuh"

constexpr int kRows = 128, kColumns = 128, kDepth = 64, kStages = 3;
constexpr unsigned kABytes = kRows * kDepth * 2, kBBytes = kColumns / 2 * kDepth * 2, kStageBytes = kABytes + kBBytes;
constexpr unsigned kInFirstBlock = 0xfeffffff;  // of a pair: the rank's lowest bit is bit 24 of an address

struct Shared {
  Barrier full[kStages], empty[kStages], done;
  unsigned columns;
};

__device__ void load_box_of_pair(unsigned to, const TensorMap& map, int x, int y, unsigned barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.cta_group::2.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
      "[%4];" ::"r"(to),
      "l"(&map), "r"(x), "r"(y), "r"(barrier & kInFirstBlock)
      : "memory");
}

__device__ void sync_cluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

extern "C" __global__ void __cluster_dims__(2) __launch_bounds__(128)
    two_block_gemm(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c, int n, int k) {
  extern __shared__ __align__(1024) unsigned char stages[];
  __shared__ Shared shared;
  const unsigned tiles = shared_address(stages), fulls = shared_address(shared.full),
                 empties = shared_address(shared.empty), done = shared_address(&shared.done);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, rank = blockIdx.x % 2, steps = k / kDepth;
  const int first_row = blockIdx.x * kRows, first_column = blockIdx.y * kColumns;
  if (warp == 0) allocate_columns<2>(shared_address(&shared.columns), kColumns);
  if (threadIdx.x == 0) {
    for (int i = 0; i < kStages; ++i) {
      init_barrier(fulls + 8 * i, 1);
      init_barrier(empties + 8 * i, 1);
    }
    init_barrier(done, 1);
    fence_barrier_init();
  }
  fence_before_barrier();
  __syncthreads();
  sync_cluster();
  fence_after_barrier();
  const unsigned sum = shared.columns;

  if (warp == 0 && elect_lane()) {
    for (int step = 0; step < steps; ++step) {
      const unsigned stage = step % kStages, to = tiles + kStageBytes * stage, barrier = fulls + 8 * stage;
      wait_for(empties + 8 * stage, step / kStages % 2 ^ 1);
      if (rank == 0) arrive_expecting(barrier, 2 * kStageBytes);
      load_box_of_pair(to, a, step * kDepth, first_row, barrier);
      load_box_of_pair(to + kABytes, b, step * kDepth, first_column + rank * kColumns / 2, barrier);
    }
  } else if (rank == 0 && warp == 1 && elect_lane()) {
    for (int step = 0; step < steps; ++step) {
      const unsigned stage = step % kStages, a_tile = tiles + kStageBytes * stage;
      wait_for(fulls + 8 * stage, step / kStages % 2);
      fence_after_barrier();
      const unsigned long long left = tcgen05_operand(a_tile), right = tcgen05_operand(a_tile + kABytes);
#pragma unroll
      for (int part = 0; part < kDepth / 16; ++part)
        multiply_bf16<2>(sum, left + part * kNextPart, right + part * kNextPart,
                         product_of(2 * kRows, kColumns, 1), step > 0 || part > 0);
      commit_to_pair(empties + 8 * stage);
    }
    commit_to_pair(done);
  }

  __syncwarp();
  wait_for(done, 0);
  fence_after_barrier();
  for (int column = 0; column < kColumns; column += 16) {
    float values[16];
    load_columns(values, sum + (warp * 32 << 16) + column);
    wait_columns();
    float4* to = reinterpret_cast<float4*>(&c[size_t(first_row + warp * 32 + lane) * n + first_column + column]);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      to[i] = make_float4(values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3]);
  }
  fence_before_barrier();
  sync_cluster();
  if (warp == 0) free_columns<2>(sum, kColumns);
}
