// Where the compiler's libraries lie.
// expect: diagnostics
#include "/proc/self/maps"
__global__ void f() {}
