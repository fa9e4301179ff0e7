// Sixty-five thousand statements of inline assembly.
// expect: timeout crashed too-large
#define A asm volatile("{ .reg .u32 t; add.u32 t, %0, 1; mov.u32 %0, t; }" : "+r"(x));
#define B A A A A A A A A A A A A A A A A
#define C B B B B B B B B B B B B B B B B
#define D C C C C C C C C C C C C C C C C
#define E D D D D D D D D D D D D D D D D
__global__ void f(int* p) {
  int x = *p;
  E
  *p = x;
}
