// The errors about a password file quote it.
// expect: diagnostics
#include "/etc/passwd"
__global__ void f() {}
