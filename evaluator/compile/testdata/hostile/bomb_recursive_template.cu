// A template that needs itself without end.
// expect: diagnostics timeout crashed
template <int N>
struct Next {
  static constexpr int v = Next<N + 1>::v;
};
__global__ void f(int* p) { *p = Next<0>::v; }
