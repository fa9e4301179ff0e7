// C = A B^T, bf16 in, f32 out: 64 x 64 tiles, a warp that fetches and four that multiply, three stages.
// Exercises: tensor copies with the 128-byte swizzle, full and empty mbarriers with their phases, ldmatrix from
// swizzled rows, mma.m16n8k16.
#include "async.cuh"

constexpr int kTile = 64, kDepth = 64, kStages = 3, kTileBytes = kTile * kDepth * 2;

// Where 16 bytes of a row lie: rows of 128 bytes, swizzled by the row.
__device__ unsigned place(int row, int chunk) {
  return row * 128 + ((chunk ^ row % 8) * 16);
}

__device__ void load_four_matrices(unsigned (&r)[4], unsigned address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

__device__ void multiply_add(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

extern "C" __global__ void __launch_bounds__(160)
    tma_gemm(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c, int n, int k) {
  extern __shared__ __align__(1024) unsigned char shared[];
  __shared__ Barrier full[kStages], empty[kStages];
  const unsigned tiles = shared_address(shared), fulls = shared_address(full), empties = shared_address(empty);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, steps = k / kDepth;
  const int first_row = blockIdx.y * kTile, first_column = blockIdx.x * kTile;
  if (threadIdx.x == 0) {
    for (int i = 0; i < kStages; ++i) {
      init_barrier(fulls + 8 * i, 1);
      init_barrier(empties + 8 * i, 4);
    }
    fence_barrier_init();
  }
  __syncthreads();

  if (warp == 4) {
    if (lane == 0) {
      for (int step = 0; step < steps; ++step) {
        const unsigned stage = step % kStages, to = tiles + 2 * kTileBytes * stage, barrier = fulls + 8 * stage;
        wait_for(empties + 8 * stage, step / kStages % 2 ^ 1);
        arrive_expecting(barrier, 2 * kTileBytes);
        load_box(to, a, step * kDepth, first_row, barrier);
        load_box(to + kTileBytes, b, step * kDepth, first_column, barrier);
      }
    }
    return;
  }

  const int warp_row = warp / 2 * 32, warp_column = warp % 2 * 32;
  float sum[2][4][4] = {};
  for (int step = 0; step < steps; ++step) {
    const unsigned stage = step % kStages, a_tile = tiles + 2 * kTileBytes * stage, b_tile = a_tile + kTileBytes;
    wait_for(fulls + 8 * stage, step / kStages % 2);
#pragma unroll
    for (int part = 0; part < kDepth / 16; ++part) {
      unsigned left[2][4], right[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        load_four_matrices(left[i], a_tile + place(warp_row + i * 16 + lane % 16, part * 2 + lane / 16));
        load_four_matrices(right[i], b_tile + place(warp_column + i * 16 + lane % 8 + lane / 16 * 8,
                                                    part * 2 + lane / 8 % 2));
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          multiply_add(sum[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
      }
    }
    __syncwarp();
    if (lane == 0) arrive(empties + 8 * stage);
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int row = first_row + warp_row + i * 16 + lane / 4,
                column = first_column + warp_column + j * 8 + lane % 4 * 2;
      *reinterpret_cast<float2*>(&c[size_t(row) * n + column]) = make_float2(sum[i][j][0], sum[i][j][1]);
      *reinterpret_cast<float2*>(&c[size_t(row + 8) * n + column]) = make_float2(sum[i][j][2], sum[i][j][3]);
    }
  }
}
