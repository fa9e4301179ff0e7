// What the oracles of all families share: operands by name, and the functions of their formulas. Private to
// reference.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/reference/oracle.h"

namespace warpwright::reference {

// A case as a family reads it; every error names definition and family.
class Operands {
 public:
  Operands(std::string_view family, const trace::Definition& definition, const trace::Axes& axes,
           const Inputs& inputs)
      : family_(family), definition_(definition), axes_(axes), inputs_(inputs) {}

  // Positive for a constant axis, not negative for a variable one.
  Result<int64_t> axis(const std::string& name) const;
  // An axis that only some members have.
  int64_t axis_or(const std::string& name, int64_t fallback) const;
  // Error: missing, or not of that many elements.
  Result<const HostTensor*> tensor(const std::string& name, int64_t elements) const;
  // Null if absent.
  Result<const HostTensor*> optional_tensor(const std::string& name, int64_t elements) const;
  Result<std::vector<double>> doubles(const std::string& name, int64_t elements) const;
  Result<std::vector<int64_t>> integers(const std::string& name, int64_t elements) const;
  // 0 if the workload gives none. A kernel gets float32: the reference must not know better.
  double scalar(const std::string& name) const;
  const trace::Definition& definition() const { return definition_; }
  // "NAME: the FAMILY oracle ...".
  tl::unexpected<Error> error(const std::string& message) const;

 private:
  std::string_view family_;
  const trace::Definition& definition_;
  const trace::Axes& axes_;
  const Inputs& inputs_;
};

// With a fixed number of partial sums, so that results do not depend on the machine.
inline double dot(const double* x, const double* y, int64_t n) {
  constexpr int kLanes = 8;
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += x[i + lane] * y[i + lane];
  }
  for (; i < n; ++i) sums[0] += x[i] * y[i];
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

inline double softplus(double x) {
  return x > 20 ? x : std::log1p(std::exp(x));  // PyTorch's threshold
}

inline double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

}  // namespace warpwright::reference
