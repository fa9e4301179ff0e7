// Tiled f32 product, 64 x 64 per block of 256 threads, 16 x 16 threads of 4 x 4 results; a and b are row-major.
extern "C" __global__ void matmul(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float ta[16][64 + 1], tb[16][64];
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const int row = blockIdx.y * 64, column = blockIdx.x * 64;
  float sum[4][4] = {};
  for (int start = 0; start < k; start += 16) {
    for (int i = threadIdx.x; i < 64 * 16; i += 256) {
      ta[i % 16][i / 16] = a[(row + i / 16) * k + start + i % 16];
      tb[i / 64][i % 64] = b[(start + i / 64) * n + column + i % 64];
    }
    __syncthreads();
    for (int step = 0; step < 16; ++step) {
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) sum[i][j] += ta[step][ty * 4 + i] * tb[step][tx * 4 + j];
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) c[(row + ty * 4 + i) * n + column + tx * 4 + j] = sum[i][j];
  }
}
