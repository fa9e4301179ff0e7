// C = A B^T, bf16, e4m3 or MX e4m3 in, f32 out, for sm_100a: 128 x 128 tiles, a warp that fetches, a warp that issues
// the products, four that write what tensor memory holds.
// Exercises: tensor memory and its allocation, tcgen05.mma in three kinds, commits to mbarriers, block scales copied
// from shared to tensor memory, tcgen05.ld.
#include "async.cuh"
#include "tcgen05.cuh"

constexpr int kTile = 128, kRowBytes = 128, kStages = 2, kTileBytes = kTile * kRowBytes, kScaleBytes = 512;

struct Shared {
  Barrier full[kStages], empty[kStages], done;
  unsigned columns;
};

// kScaled: 512 bytes of scales for 128 rows and 128 elements along k, tiles of a row after one another along k.
template <int kDepth, bool kScaled, typename Multiply>
__device__ void gemm(const TensorMap& a, const TensorMap& b, const unsigned char* a_scales,
                     const unsigned char* b_scales, float* c, int n, int k, Multiply multiply) {
  extern __shared__ __align__(1024) unsigned char stages[];
  __shared__ Shared shared;
  constexpr unsigned kScalesOfStage = kScaled ? 2 * kScaleBytes : 0, kColumns = kScaled ? 256 : 128;
  const unsigned tiles = shared_address(stages), scales = tiles + kStages * 2 * kTileBytes;
  const unsigned fulls = shared_address(shared.full), empties = shared_address(shared.empty),
                 done = shared_address(&shared.done);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, steps = k / kDepth;
  const int first_row = blockIdx.y * kTile, first_column = blockIdx.x * kTile;
  if (warp == 0) allocate_columns<1>(shared_address(&shared.columns), kColumns);
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
  fence_after_barrier();
  const unsigned sum = shared.columns;

  if (warp == 0 && elect_lane()) {
    for (int step = 0; step < steps; ++step) {
      const unsigned stage = step % kStages, to = tiles + 2 * kTileBytes * stage, barrier = fulls + 8 * stage;
      wait_for(empties + 8 * stage, step / kStages % 2 ^ 1);
      arrive_expecting(barrier, 2 * kTileBytes + kScalesOfStage);
      load_box(to, a, step * kDepth, first_row, barrier);
      load_box(to + kTileBytes, b, step * kDepth, first_column, barrier);
      if constexpr (kScaled) {
        const unsigned to_scales = scales + stage * kScalesOfStage;
        load_bytes(to_scales, a_scales + (blockIdx.y * steps + step) * kScaleBytes, kScaleBytes, barrier);
        load_bytes(to_scales + kScaleBytes, b_scales + (blockIdx.x * steps + step) * kScaleBytes, kScaleBytes, barrier);
      }
    }
  } else if (warp == 1 && elect_lane()) {
    for (int step = 0; step < steps; ++step) {
      const unsigned stage = step % kStages, a_tile = tiles + 2 * kTileBytes * stage;
      wait_for(fulls + 8 * stage, step / kStages % 2);
      fence_after_barrier();
      if constexpr (kScaled) {
        copy_scales(sum + kTile, scales + stage * kScalesOfStage);
        copy_scales(sum + kTile + 4, scales + stage * kScalesOfStage + kScaleBytes);
      }
      const unsigned long long left = tcgen05_operand(a_tile), right = tcgen05_operand(a_tile + kTileBytes);
#pragma unroll
      for (int part = 0; part < kRowBytes / 32; ++part)
        multiply(sum, left + part * kNextPart, right + part * kNextPart, part, step > 0 || part > 0);
      commit_to(empties + 8 * stage);
    }
    commit_to(done);
  }

  __syncwarp();
  wait_for(done, 0);
  fence_after_barrier();
  for (int column = 0; column < kTile; column += 16) {
    float values[16];
    load_columns(values, sum + (warp * 32 << 16) + column);
    wait_columns();
    float4* to = reinterpret_cast<float4*>(&c[size_t(first_row + warp * 32 + lane) * n + first_column + column]);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      to[i] = make_float4(values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3]);
  }
  fence_before_barrier();
  __syncthreads();
  if (warp == 0) free_columns<1>(sum, kColumns);
}

extern "C" __global__ void __launch_bounds__(128)
    tcgen05_bf16(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c, int n, int k) {
  gemm<64, false>(a, b, nullptr, nullptr, c, n, k,
                  [](unsigned d, unsigned long long left, unsigned long long right, int, unsigned adds) {
                    multiply_bf16<1>(d, left, right, product_of(kTile, kTile, 1), adds);
                  });
}

extern "C" __global__ void __launch_bounds__(128)
    tcgen05_e4m3(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c, int n, int k) {
  gemm<128, false>(a, b, nullptr, nullptr, c, n, k,
                   [](unsigned d, unsigned long long left, unsigned long long right, int, unsigned adds) {
                     multiply_e4m3(d, left, right, product_of(kTile, kTile, 0), adds);
                   });
}

extern "C" __global__ void __launch_bounds__(128)
    tcgen05_scaled(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b,
                   const unsigned char* a_scales, const unsigned char* b_scales, float* c, int n, int k) {
  gemm<128, true>(a, b, a_scales, b_scales, c, n, k,
                  [](unsigned d, unsigned long long left, unsigned long long right, int part, unsigned adds) {
                    multiply_scaled(d, left, right, scaled_product_of(kTile, kTile, part), d + kTile, d + kTile + 4,
                                    adds);
                  });
}
