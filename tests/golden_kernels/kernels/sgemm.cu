// C = A B in f32, row major: 64 x 64 tiles, 4 x 4 results a thread, A's tile transposed in shared memory.
// Exercises: shared memory with padding, float4 shared loads, two barriers in a loop, long runs of fma.
constexpr int kTile = 64, kDepth = 16, kPadding = 4;

extern "C" __global__ void __launch_bounds__(256)
    sgemm(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float a_tile[kDepth][kTile + kPadding];
  __shared__ float b_tile[kDepth][kTile];
  const int thread = threadIdx.x, first_row = blockIdx.y * kTile, first_column = blockIdx.x * kTile;
  const int my_row = thread / 16 * 4, my_column = thread % 16 * 4;
  float sum[4][4] = {};
  for (int start = 0; start < k; start += kDepth) {
    const int a_row = thread / 4, a_depth = thread % 4 * 4;
    const float4 x = *reinterpret_cast<const float4*>(&a[size_t(first_row + a_row) * k + start + a_depth]);
    a_tile[a_depth][a_row] = x.x;
    a_tile[a_depth + 1][a_row] = x.y;
    a_tile[a_depth + 2][a_row] = x.z;
    a_tile[a_depth + 3][a_row] = x.w;
    const int b_depth = thread / 16, b_column = thread % 16 * 4;
    *reinterpret_cast<float4*>(&b_tile[b_depth][b_column]) =
        *reinterpret_cast<const float4*>(&b[size_t(start + b_depth) * n + first_column + b_column]);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kDepth; ++i) {
      const float4 left = *reinterpret_cast<const float4*>(&a_tile[i][my_row]);
      const float4 right = *reinterpret_cast<const float4*>(&b_tile[i][my_column]);
      const float l[4] = {left.x, left.y, left.z, left.w}, r[4] = {right.x, right.y, right.z, right.w};
#pragma unroll
      for (int row = 0; row < 4; ++row) {
#pragma unroll
        for (int column = 0; column < 4; ++column) sum[row][column] += l[row] * r[column];
      }
    }
    __syncthreads();
  }
  for (int row = 0; row < 4; ++row) {
    *reinterpret_cast<float4*>(&c[size_t(first_row + my_row + row) * n + first_column + my_column]) =
        make_float4(sum[row][0], sum[row][1], sum[row][2], sum[row][3]);
  }
}
