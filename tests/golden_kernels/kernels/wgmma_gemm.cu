// C = A B^T, bf16 or e4m3 in, f32 out, for sm_90a: 64 x 64 tiles, a warp group, three stages, one product in flight.
// Exercises: wgmma from swizzled shared memory with its fence, commit and wait groups; a result that goes through
// shared memory and a tensor copy to global memory, clipped at the matrix's edge.
#include "async.cuh"

constexpr int kTile = 64, kRowBytes = 128, kStages = 3, kTileBytes = kTile * kRowBytes;

template <int kDepth, typename Multiply>
__device__ void gemm(const TensorMap& a, const TensorMap& b, const TensorMap& c, int k, Multiply multiply) {
  extern __shared__ __align__(1024) unsigned char shared[];
  __shared__ Barrier full[kStages];
  const unsigned tiles = shared_address(shared), fulls = shared_address(full);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, steps = (k + kDepth - 1) / kDepth;
  const int first_row = blockIdx.y * kTile, first_column = blockIdx.x * kTile;
  if (threadIdx.x == 0) {
    prefetch_map(a);
    prefetch_map(b);
    for (int i = 0; i < kStages; ++i) init_barrier(fulls + 8 * i, 1);
    fence_barrier_init();
  }
  __syncthreads();

  auto fetch = [&](int step) {
    const unsigned stage = step % kStages, to = tiles + 2 * kTileBytes * stage, barrier = fulls + 8 * stage;
    arrive_expecting(barrier, 2 * kTileBytes);
    load_box(to, a, step * kDepth, first_row, barrier);
    load_box(to + kTileBytes, b, step * kDepth, first_column, barrier);
  };
  if (threadIdx.x == 0)
    for (int step = 0; step < kStages - 1 && step < steps; ++step) fetch(step);

  float sum[32];
  for (int step = 0; step < steps; ++step) {
    const unsigned stage = step % kStages, a_tile = tiles + 2 * kTileBytes * stage;
    wait_for(fulls + 8 * stage, step / kStages % 2);
    const unsigned long long left = wgmma_operand(a_tile), right = wgmma_operand(a_tile + kTileBytes);
    fence_products();
#pragma unroll
    for (int part = 0; part < kRowBytes / 32; ++part)
      multiply(sum, left + part * kNextPart, right + part * kNextPart, step > 0 || part > 0);
    commit_products();
    wait_products<1>();  // the step before is done, its stage free
    __syncthreads();
    if (threadIdx.x == 0 && step + kStages - 1 < steps) fetch(step + kStages - 1);
  }
  wait_products<0>();
  __syncthreads();

  float* result = reinterpret_cast<float*>(shared);
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const int row = warp * 16 + lane / 4, column = j * 8 + lane % 4 * 2;
    *reinterpret_cast<float2*>(&result[row * kTile + column]) = make_float2(sum[j * 4], sum[j * 4 + 1]);
    *reinterpret_cast<float2*>(&result[(row + 8) * kTile + column]) = make_float2(sum[j * 4 + 2], sum[j * 4 + 3]);
  }
  fence_to_async();
  __syncthreads();
  if (threadIdx.x == 0) {
    store_box(c, first_column, first_row, tiles);
    commit_stores();
    wait_stores_read();
  }
}

extern "C" __global__ void __launch_bounds__(128)
    wgmma_bf16(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b,
               const __grid_constant__ TensorMap c, int k) {
  gemm<64>(a, b, c, k, [](float(&d)[32], unsigned long long left, unsigned long long right, unsigned adds) {
    multiply_bf16(d, left, right, adds);
  });
}

extern "C" __global__ void __launch_bounds__(128)
    wgmma_e4m3(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b,
               const __grid_constant__ TensorMap c, int k) {
  gemm<128>(a, b, c, k, [](float(&d)[32], unsigned long long left, unsigned long long right, unsigned adds) {
    multiply_e4m3(d, left, right, adds);
  });
}
