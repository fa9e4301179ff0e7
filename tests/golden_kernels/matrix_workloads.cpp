// wmma in every shape and type that the header has for these targets.
#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/numbers.h"

namespace warpwright::golden {
namespace {

// Element (row, column) of a matrix stored with these strides.
struct View {
  std::vector<double> values;
  std::size_t row_stride = 0, column_stride = 0;
  double at(std::size_t row, std::size_t column) const {
    return values[row * row_stride + column * column_stride];
  }
};

// initial + a b, row major.
std::vector<double> product(const View& a, const View& b, std::size_t m, std::size_t n, std::size_t k,
                            double initial = 0) {
  std::vector<double> c(m * n, initial);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t p = 0; p < k; ++p) c[i * n + j] += a.at(i, p) * b.at(p, j);
  return c;
}

// Eighths from -1 to 1: exact in every format here, and so are their sums of products.
template <class T>
std::vector<T> eighths(std::size_t count, uint64_t seed, T (*convert)(float)) {
  Random random(seed);
  std::vector<T> values(count);
  for (T& x : values) x = convert(static_cast<float>(static_cast<int>(random.below(17)) - 8) / 8);
  return values;
}
template <class T>
View view(const std::vector<T>& stored, float (*decode)(T), std::size_t row_stride,
          std::size_t column_stride) {
  View v{{}, row_stride, column_stride};
  for (T x : stored) v.values.push_back(decode(x));
  return v;
}
float same(float x) {
  return x;
}

template <class T>
std::string compare(std::span<const T> got, const std::vector<double>& expected, double (*decode)(T)) {
  Deviation deviation;
  for (std::size_t i = 0; i < expected.size(); ++i) deviation.add(decode(got[i]), expected[i]);
  return deviation.over(0);
}
double float_value(float x) {
  return x;
}

Workload wmma_bf16() {
  constexpr std::size_t kM = 64, kN = 32, kK = 48;
  Workload w{"wmma_bf16", "wmma", {}, {}, {}};
  const auto left = eighths(kM * kK, 41, to_bf16), right = eighths(kN * kK, 42, to_bf16);
  const auto a = w.input("a", left), b = w.input("b", right);
  const auto c = w.output<float>("c", kM * kN);
  w.launch("wmma_bf16", {kN / 16, kM / 64}, {128}) << a << b << c << int{kN} << int{kK};
  w.check = [=](const Results& r) {
    return compare(r.of<float>(c),
                   product(view(left, from_bf16, kK, 1), view(right, from_bf16, 1, kK), kM, kN, kK),
                   float_value);
  };
  return w;
}

Workload wmma_half() {
  Workload w{"wmma_half", "wmma", {}, {}, {}};
  const auto left = eighths(256, 43, to_half), right = eighths(256, 44, to_half);
  const auto a = w.input("a", left), b = w.input("b", right);
  const auto c = w.output<uint16_t>("c", 256);
  w.launch("wmma_half", {1}, {32}) << a << b << c;
  w.check = [=](const Results& r) {  // C by columns is the transpose: B^T A^T
    const auto transposed = product(view(right, from_half, 1, 16), view(left, from_half, 16, 1), 16, 16, 16);
    return compare<uint16_t>(r.of<uint16_t>(c), transposed, [](uint16_t x) { return double{from_half(x)}; });
  };
  return w;
}

Workload wmma_shapes() {
  Workload w{"wmma_shapes", "wmma", {}, {}, {}};
  const auto left = eighths(512, 45, to_half), right = eighths(512, 46, to_half);
  const auto a = w.input("a", left), b = w.input("b", right);
  const auto tall = w.output<float>("tall", 256), wide = w.output<float>("wide", 256);
  w.launch("wmma_shapes", {1}, {32}) << a << b << tall << wide;
  w.check = [=](const Results& r) {
    const View rows = view(left, from_half, 16, 1), columns = view(right, from_half, 1, 16);
    const std::string wrong = compare(r.of<float>(tall), product(rows, columns, 32, 8, 16, 1), float_value);
    return wrong.empty() ? compare(r.of<float>(wide), product(rows, columns, 8, 32, 16, -1), float_value)
                         : wrong;
  };
  return w;
}

Workload wmma_tf32() {
  Workload w{"wmma_tf32", "wmma", {}, {}, {}};
  const auto left = eighths(128, 47, same), right = eighths(128, 48, same);
  const auto a = w.input("a", left), b = w.input("b", right);
  const auto c = w.output<float>("c", 256);
  w.launch("wmma_tf32", {1}, {32}) << a << b << c;
  w.check = [=](const Results& r) {
    return compare(r.of<float>(c), product(view(left, same, 8, 1), view(right, same, 1, 8), 16, 16, 8),
                   float_value);
  };
  return w;
}

Workload wmma_double_and_int() {
  Workload w{"wmma_double_and_int", "wmma", {}, {}, {}};
  Random random(49);
  std::vector<double> left, right;
  std::vector<int8_t> int_left, int_right;
  for (int i = 0; i < 32; ++i) left.push_back(random.normal());
  for (int i = 0; i < 32; ++i) right.push_back(random.normal());
  for (int i = 0; i < 256; ++i) int_left.push_back(static_cast<int8_t>(random.bits()));
  for (int i = 0; i < 256; ++i) int_right.push_back(static_cast<int8_t>(random.bits()));
  const auto a = w.input("a", left), b = w.input("b", right);
  const auto c = w.output<double>("c", 64);
  const auto ia = w.input("ia", int_left), ib = w.input("ib", int_right);
  const auto ic = w.output<int>("ic", 256);
  w.launch("wmma_double_and_int", {1}, {32}) << a << b << c << ia << ib << ic;
  w.check = [=](const Results& r) {
    const auto doubles = product({left, 4, 1}, {right, 1, 4}, 8, 8, 4);
    Deviation deviation;
    for (std::size_t i = 0; i < doubles.size(); ++i) deviation.add(r.of<double>(c)[i], doubles[i]);
    if (const std::string wrong = deviation.over(1e-15); !wrong.empty()) return wrong;
    const View rows{{int_left.begin(), int_left.end()}, 16, 1},
        columns{{int_right.begin(), int_right.end()}, 1, 16};
    return compare<int>(r.of<int>(ic), product(rows, columns, 16, 16, 16), [](int x) { return double(x); });
  };
  return w;
}

}  // namespace

std::vector<GoldenCase> matrix_cases() {
  return {{"wmma_bf16", wmma_bf16},
          {"wmma_half", wmma_half},
          {"wmma_shapes", wmma_shapes},
          {"wmma_tf32", wmma_tf32},
          {"wmma_double_and_int", wmma_double_and_int}};
}

}  // namespace warpwright::golden
