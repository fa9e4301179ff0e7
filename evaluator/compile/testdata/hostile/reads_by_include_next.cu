// The same by another directive.
// expect: diagnostics
#include_next "/etc/passwd"
__global__ void f() {}
