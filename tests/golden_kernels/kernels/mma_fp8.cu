// C = A B^T, fp8 with a scale for each 128 columns of a row of A and each 128 x 128 block of B, bf16 out;
// rows past m are filled with zeros by the copy itself. Exercises: cp.async with a source size, wait_all,
// ldmatrix.x4 and .x2, mma.m16n8k32 e4m3, guarded packed stores.
#include <cuda_bf16.h>
#include <cuda_fp8.h>

constexpr int kTile = 64, kBlock = 128;

// Byte offset of 16 bytes of a 128-byte row, spread over the banks.
__device__ int place(int row, int chunk) {
  return row * kBlock + ((chunk ^ (row % 8)) * 16);
}

__device__ unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// `valid`: 16 copies, 0 fills with zeros.
__device__ void copy_16_bytes(void* shared, const void* global, int valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid));
}

extern "C" __global__ void __launch_bounds__(128)
    mma_fp8(const __nv_fp8_e4m3* a, const __nv_fp8_e4m3* b, const float* a_scales, const float* b_scales,
            __nv_bfloat16* c, int m, int n, int k) {
  __shared__ __align__(128) unsigned char a_tile[kTile * kBlock], b_tile[kTile * kBlock];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int first_row = blockIdx.y * kTile, first_column = blockIdx.x * kTile;
  const int my_row = first_row + warp * 16 + lane / 4;  // and the one 8 below
  float sum[8][4] = {};
  for (int block = 0; block < k / kBlock; ++block) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = threadIdx.x / 8 + i * 16, chunk = threadIdx.x % 8;
      const size_t depth = size_t(block) * kBlock + chunk * 16;
      const bool inside = first_row + row < m;
      copy_16_bytes(a_tile + place(row, chunk), a + size_t(inside ? first_row + row : 0) * k + depth,
                    inside ? 16 : 0);
      copy_16_bytes(b_tile + place(row, chunk), b + size_t(first_column + row) * k + depth, 16);
    }
    asm volatile("cp.async.commit_group;");
    asm volatile("cp.async.wait_all;");
    __syncthreads();
    float part[8][4] = {};
#pragma unroll
    for (int step = 0; step < 4; ++step) {  // 32 of the 128 columns
      unsigned left[4];
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                   : "=r"(left[0]), "=r"(left[1]), "=r"(left[2]), "=r"(left[3])
                   : "r"(shared_address(a_tile + place(warp * 16 + lane % 16, step * 2 + lane / 16))));
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        unsigned right[2];
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                     : "=r"(right[0]), "=r"(right[1])
                     : "r"(shared_address(b_tile + place(j * 8 + lane % 8, step * 2 + lane / 8 % 2))));
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, "
            "%9}, "
            "{%0, %1, %2, %3};"
            : "+f"(part[j][0]), "+f"(part[j][1]), "+f"(part[j][2]), "+f"(part[j][3])
            : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
      }
    }
    const float b_scale = b_scales[first_column / kBlock * (k / kBlock) + block];
    const float upper = my_row < m ? a_scales[size_t(block) * m + my_row] * b_scale : 0.0f;
    const float lower = my_row + 8 < m ? a_scales[size_t(block) * m + my_row + 8] * b_scale : 0.0f;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      sum[j][0] += part[j][0] * upper;
      sum[j][1] += part[j][1] * upper;
      sum[j][2] += part[j][2] * lower;
      sum[j][3] += part[j][3] * lower;
    }
    __syncthreads();
  }
  for (int j = 0; j < 8; ++j) {
    const int column = first_column + j * 8 + lane % 4 * 2;
    auto store = [&](int row, float x, float y) {
      if (row < m)
        *reinterpret_cast<__nv_bfloat162*>(&c[size_t(row) * n + column]) = __floats2bfloat162_rn(x, y);
    };
    store(my_row, sum[j][0], sum[j][1]);
    store(my_row + 8, sum[j][2], sum[j][3]);
  }
}
