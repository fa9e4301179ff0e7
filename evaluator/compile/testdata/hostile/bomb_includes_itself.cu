// Includes its own file without end.
// expect: diagnostics timeout crashed
#include __FILE__
__global__ void f(int* p) { *p = 1; }
