// The compiler's own environment, which may hold keys.
// expect: diagnostics
#include "/proc/self/environ"
__global__ void f() {}
