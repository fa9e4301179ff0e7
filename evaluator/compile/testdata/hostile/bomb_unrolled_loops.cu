// Loops unrolled into a billion iterations.
// expect: timeout crashed too-large
__global__ void f(float* p) {
  float x = *p;
#pragma unroll
  for (int i = 0; i < 1000; ++i) {
#pragma unroll
    for (int j = 0; j < 1000; ++j) {
#pragma unroll
      for (int k = 0; k < 1000; ++k) x = x * 1.5f + p[(i * 1000 + j) * 1000 + k];
    }
  }
  *p = x;
}
