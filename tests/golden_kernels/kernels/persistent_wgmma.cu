// C = A B^T, bf16 in, f32 out, for sm_90a: a persistent kernel of 128 x 64 tiles. One warp group fetches and gives its
// registers away, two multiply half of a tile each.
// Exercises: setmaxnreg, a pipeline whose phases run on from tile to tile, two readers of every stage.
#include "async.cuh"

constexpr int kRows = 128, kColumns = 64, kDepth = 64, kStages = 3;
constexpr unsigned kABytes = kRows * kDepth * 2, kBBytes = kColumns * kDepth * 2, kStageBytes = kABytes + kBBytes;

extern "C" __global__ void __launch_bounds__(384, 1)
    persistent_wgmma(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c, int m, int n,
                     int k) {
  extern __shared__ __align__(1024) unsigned char shared[];
  __shared__ Barrier full[kStages], empty[kStages];
  const unsigned stages = shared_address(shared), fulls = shared_address(full), empties = shared_address(empty);
  const int group = threadIdx.x / 128, warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32, steps = k / kDepth;
  const int across = n / kColumns, tiles = m / kRows * across;
  if (threadIdx.x == 0) {
    for (int i = 0; i < kStages; ++i) {
      init_barrier(fulls + 8 * i, 1);
      init_barrier(empties + 8 * i, 2);
    }
    fence_barrier_init();
  }
  __syncthreads();

  int turn = 0;  // of all tiles of this block
  if (group == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 0) {
      for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        for (int step = 0; step < steps; ++step, ++turn) {
          const unsigned stage = turn % kStages, to = stages + kStageBytes * stage, barrier = fulls + 8 * stage;
          wait_for(empties + 8 * stage, turn / kStages % 2 ^ 1);
          arrive_expecting(barrier, kStageBytes);
          load_box(to, a, step * kDepth, tile / across * kRows, barrier);
          load_box(to + kABytes, b, step * kDepth, tile % across * kColumns, barrier);
        }
      }
    }
    return;
  }

  asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
  for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    float sum[32];
    for (int step = 0; step < steps; ++step, ++turn) {
      const unsigned stage = turn % kStages, a_tile = stages + kStageBytes * stage + (group - 1) * kABytes / 2,
                     b_tile = stages + kStageBytes * stage + kABytes;
      wait_for(fulls + 8 * stage, turn / kStages % 2);
      fence_products();
#pragma unroll
      for (int part = 0; part < kDepth / 16; ++part)
        multiply_bf16(sum, wgmma_operand(a_tile) + part * kNextPart, wgmma_operand(b_tile) + part * kNextPart,
                      step > 0 || part > 0);
      commit_products();
      wait_products<0>();
      asm volatile("bar.sync %0, 128;" ::"r"(group) : "memory");  // all four warps are done with the stage
      if (threadIdx.x % 128 == 0) arrive(empties + 8 * stage);
    }
    const int first_row = tile / across * kRows + (group - 1) * 64 + warp * 16 + lane / 4,
              first_column = tile % across * kColumns + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      float* to = &c[size_t(first_row) * n + first_column + j * 8];
      *reinterpret_cast<float2*>(to) = make_float2(sum[j * 4], sum[j * 4 + 1]);
      *reinterpret_cast<float2*>(to + 8 * n) = make_float2(sum[j * 4 + 2], sum[j * 4 + 3]);
    }
  }
}
