// Two instantiations for each one: four million types.
// expect: timeout crashed
template <int N, long P>
struct Tree {
  static constexpr long v = Tree<N - 1, 2 * P>::v + Tree<N - 1, 2 * P + 1>::v;
};
template <long P>
struct Tree<0, P> {
  static constexpr long v = P;
};
__global__ void f(long* p) { *p = Tree<22, 0>::v; }
