// Four hundred megabytes of initialised data.
// expect: too-large crashed timeout
__device__ int big[100000000] = {1};
__global__ void f(int* p) { *p = big[*p]; }
