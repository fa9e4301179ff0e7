// C = A B^T of row-major matrices, plainly: what matrix kernels are held against.
#pragma once

#include "tests/golden_kernels/workload.h"

namespace warpwright::golden {

struct ProductShape {
  std::size_t m = 0, n = 0, k = 0;
};

// `a` is m x k, `b` n x k; the result m x n.
inline std::vector<double> product_of(const ProductShape& shape, const std::vector<float>& a,
                                      const std::vector<float>& b) {
  std::vector<double> c(shape.m * shape.n);
  for (std::size_t i = 0; i < shape.m; ++i)
    for (std::size_t j = 0; j < shape.n; ++j) {
      double sum = 0;
      for (std::size_t p = 0; p < shape.k; ++p) sum += double{a[i * shape.k + p]} * b[j * shape.k + p];
      c[i * shape.n + j] = sum;
    }
  return c;
}

template <class T>
std::vector<float> decoded(const std::vector<T>& codes, float (*decode)(T)) {
  std::vector<float> values(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) values[i] = decode(codes[i]);
  return values;
}

// What is wrong with `c`, of f32 or, with `decode`, of another format; "" if nothing is.
inline std::string compare_product(std::span<const float> c, const std::vector<double>& expected,
                                   double tolerance) {
  Deviation deviation;
  if (c.size() != expected.size()) return "the result has another size";
  for (std::size_t i = 0; i < expected.size(); ++i) deviation.add(double{c[i]}, expected[i]);
  return deviation.over(tolerance);
}
template <class T>
std::string compare_product(std::span<const T> c, float (*decode)(T), const std::vector<double>& expected,
                            double tolerance) {
  const std::vector<float> values = decoded(std::vector<T>(c.begin(), c.end()), decode);
  return compare_product(std::span<const float>(values), expected, tolerance);
}

}  // namespace warpwright::golden
