#include <cstdio>
__global__ void prints(int* out) { printf("%d\n", out[0]); }
__global__ void allocates(int** out) { out[threadIdx.x] = (int*)malloc(4); }
