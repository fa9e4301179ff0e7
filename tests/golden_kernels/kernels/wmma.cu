// Matrix products by the C++ interface (nvcuda::wmma): fragments loaded from global memory, every layout.
#include <cuda_bf16.h>
#include <mma.h>

using namespace nvcuda;

// C[m,n] = A[m,k] B[n,k]^T: four warps, one 16 x 16 tile each, one below the other.
extern "C" __global__ void wmma_bf16(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int n, int k) {
  const int row = (blockIdx.y * 4 + threadIdx.x / 32) * 16, column = blockIdx.x * 16;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::col_major> right;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 0.0f);
  for (int step = 0; step < k; step += 16) {
    wmma::load_matrix_sync(left, a + row * k + step, k);
    wmma::load_matrix_sync(right, b + column * k + step, k);
    wmma::mma_sync(sum, left, right, sum);
  }
  wmma::store_matrix_sync(c + row * n + column, sum, n, wmma::mem_row_major);
}

// One tile, operands staged in shared memory by the warp itself; A is stored by columns, and so is C.
extern "C" __global__ void wmma_half(const half* a, const half* b, half* c) {
  __shared__ half staged[2][256];
  for (int i = threadIdx.x; i < 256; i += 32) {
    staged[0][i] = a[i];
    staged[1][i] = b[i];
  }
  __syncwarp();
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::col_major> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> right;
  wmma::fragment<wmma::accumulator, 16, 16, 16, half> sum;
  wmma::fill_fragment(sum, __float2half(0.0f));
  wmma::load_matrix_sync(left, staged[0], 16);
  wmma::load_matrix_sync(right, staged[1], 16);
  wmma::mma_sync(sum, left, right, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_col_major);
}

// Wide and tall tiles: m32n8k16 and m8n32k16, half in, f32 out.
extern "C" __global__ void wmma_shapes(const half* a, const half* b, float* tall, float* wide) {
  {
    wmma::fragment<wmma::matrix_a, 32, 8, 16, half, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 32, 8, 16, half, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, 32, 8, 16, float> sum;
    wmma::fill_fragment(sum, 1.0f);
    wmma::load_matrix_sync(left, a, 16);
    wmma::load_matrix_sync(right, b, 16);
    wmma::mma_sync(sum, left, right, sum);
    wmma::store_matrix_sync(tall, sum, 8, wmma::mem_row_major);
  }
  {
    wmma::fragment<wmma::matrix_a, 8, 32, 16, half, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 8, 32, 16, half, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, 8, 32, 16, float> sum;
    wmma::fill_fragment(sum, -1.0f);
    wmma::load_matrix_sync(left, a, 16);
    wmma::load_matrix_sync(right, b, 16);
    wmma::mma_sync(sum, left, right, sum);
    wmma::store_matrix_sync(wide, sum, 32, wmma::mem_row_major);
  }
}

// m16n16k8 in tf32, rounded by the kernel.
extern "C" __global__ void wmma_tf32(const float* a, const float* b, float* c) {
  wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, wmma::row_major> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, wmma::col_major> right;
  wmma::fragment<wmma::accumulator, 16, 16, 8, float> sum;
  wmma::fill_fragment(sum, 0.0f);
  wmma::load_matrix_sync(left, a, 8);
  wmma::load_matrix_sync(right, b, 8);
  for (int i = 0; i < left.num_elements; ++i) left.x[i] = wmma::__float_to_tf32(left.x[i]);
  for (int i = 0; i < right.num_elements; ++i) right.x[i] = wmma::__float_to_tf32(right.x[i]);
  wmma::mma_sync(sum, left, right, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
}

// m8n8k4 in f64 and m16n16k16 in s8.
extern "C" __global__ void wmma_double_and_int(const double* a, const double* b, double* c,
                                               const signed char* ia, const signed char* ib, int* ic) {
  {
    wmma::fragment<wmma::matrix_a, 8, 8, 4, double, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 8, 8, 4, double, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, 8, 8, 4, double> sum;
    wmma::fill_fragment(sum, 0.0);
    wmma::load_matrix_sync(left, a, 4);
    wmma::load_matrix_sync(right, b, 4);
    wmma::mma_sync(sum, left, right, sum);
    wmma::store_matrix_sync(c, sum, 8, wmma::mem_row_major);
  }
  {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, signed char, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, signed char, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, 16, 16, 16, int> sum;
    wmma::fill_fragment(sum, 0);
    wmma::load_matrix_sync(left, ia, 16);
    wmma::load_matrix_sync(right, ib, 16);
    wmma::mma_sync(sum, left, right, sum);
    wmma::store_matrix_sync(ic, sum, 16, wmma::mem_row_major);
  }
}
