// A constant expression that counts to four thousand million.
// expect: diagnostics timeout
constexpr unsigned count() {
  unsigned n = 0;
  for (unsigned i = 0; i < 4000000000u; ++i) n += i % 3;
  return n;
}
constexpr unsigned kCount = count();
__global__ void f(unsigned* p) { *p = kCount; }
