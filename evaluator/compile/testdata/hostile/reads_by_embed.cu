// As bytes.
// expect: diagnostics
__constant__ char text[] = {
#embed "/etc/passwd"
};
__global__ void f(char* p) { *p = text[0]; }
