// C = A B^T, bf16 in, f32 out: 128 x 128 tiles, eight warps of 64 x 32, operands three stages ahead.
// Exercises: cp.async.cg with commit and wait groups, swizzled ldmatrix.x4, mma.m16n8k16 bf16, dynamic shared
// memory.
#include <cuda_bf16.h>

constexpr int kTile = 128, kDepth = 32, kStages = 3, kTileElements = kTile * kDepth;

// Where 8 elements (16 bytes) of a row lie: rows are 64 bytes, neighbours in a column spread over the banks.
__device__ int place(int row, int chunk) {
  return row * kDepth + ((chunk ^ (row / 2 % 4)) * 8);
}

__device__ unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

__device__ void copy_16_bytes(void* shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)), "l"(global));
}
__device__ void commit_copies() {
  asm volatile("cp.async.commit_group;");
}

__device__ void load_four_matrices(unsigned (&r)[4], const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p)));
}

__device__ void multiply_add(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

extern "C" __global__ void __launch_bounds__(256)
    mma_bf16(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n, int k) {
  extern __shared__ __align__(128) __nv_bfloat16 shared[];
  __nv_bfloat16 *a_tiles = shared, *b_tiles = shared + kStages * kTileElements;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int first_row = blockIdx.y * kTile, first_column = blockIdx.x * kTile;
  const int warp_row = warp / 4 * 64, warp_column = warp % 4 * 32, steps = k / kDepth;

  auto start_copy = [&](int step) {
    const int stage = step % kStages;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = threadIdx.x / 4 + i * 64, chunk = threadIdx.x % 4;
      const size_t depth = size_t(step) * kDepth + chunk * 8;
      copy_16_bytes(a_tiles + stage * kTileElements + place(row, chunk),
                    a + size_t(first_row + row) * k + depth);
      copy_16_bytes(b_tiles + stage * kTileElements + place(row, chunk),
                    b + size_t(first_column + row) * k + depth);
    }
  };
  start_copy(0);
  commit_copies();
  start_copy(1);
  commit_copies();

  float sum[4][4][4] = {};
  for (int step = 0; step < steps; ++step) {
    asm volatile("cp.async.wait_group 1;");  // all but the newest: this step's tiles are here
    __syncthreads();
    if (step + 2 < steps) start_copy(step + 2);
    commit_copies();  // an empty group at the end keeps the count
    const __nv_bfloat16* a_tile = a_tiles + step % kStages * kTileElements;
    const __nv_bfloat16* b_tile = b_tiles + step % kStages * kTileElements;
#pragma unroll
    for (int half = 0; half < 2; ++half) {  // 16 of the 32 columns
      unsigned left[4][4], right[2][4];
#pragma unroll
      for (int i = 0; i < 4; ++i)
        load_four_matrices(left[i], a_tile + place(warp_row + i * 16 + lane % 16, half * 2 + lane / 16));
#pragma unroll
      for (int i = 0; i < 2; ++i)
        load_four_matrices(right[i], b_tile + place(warp_column + i * 16 + lane % 8 + lane / 16 * 8,
                                                    half * 2 + lane / 8 % 2));
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          multiply_add(sum[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int row = first_row + warp_row + i * 16 + lane / 4,
                column = first_column + warp_column + j * 8 + lane % 4 * 2;
      *reinterpret_cast<float2*>(&c[size_t(row) * n + column]) = make_float2(sum[i][j][0], sum[i][j][1]);
      *reinterpret_cast<float2*>(&c[size_t(row + 8) * n + column]) = make_float2(sum[i][j][2], sum[i][j][3]);
    }
  }
}
