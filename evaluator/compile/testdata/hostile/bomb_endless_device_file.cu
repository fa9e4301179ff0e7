// Includes a file that never ends.
// expect: diagnostics
#include "/dev/zero"
__global__ void f(int* p) { *p = 1; }
