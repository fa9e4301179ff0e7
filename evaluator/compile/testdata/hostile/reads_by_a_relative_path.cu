// Up and out of the folder.
// expect: diagnostics
#include "../../../../../../../../etc/hostname"
__global__ void f() {}
