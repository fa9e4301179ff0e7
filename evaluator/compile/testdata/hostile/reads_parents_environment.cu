// Another process's environment.
// expect: diagnostics
#include "/proc/1/environ"
__global__ void f() {}
