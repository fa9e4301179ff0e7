// Errors by the thousand, each quoting a line of its own.
// expect: diagnostics
#define A nothing_of_this_name + nothing_of_that_name + nothing_at_all +
#define B A A A A A A A A A A
#define C B B B B B B B B B B
#define D C C C C C C C C C C
__global__ void f(int* p) {
  *p = D 0;
  *p = D 1;
}
