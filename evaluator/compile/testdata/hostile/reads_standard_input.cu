// What the compiler was given, with the paths of this machine.
// expect: diagnostics
#include "/proc/self/fd/0"
__global__ void f() {}
