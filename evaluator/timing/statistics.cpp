#include "evaluator/timing/statistics.h"

#include <algorithm>
#include <cmath>

#include "src/base/check.h"

namespace warpwright::timing {
namespace {

constexpr double kQuartileRangeOfNormal = 1.3489795003921634;  // 2 * 0.6744897501960817

double log_choose(int n, int k) {
  return std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0);
}

}  // namespace

double quantile(std::span<const double> sorted, double p) {
  CHECK(!sorted.empty());
  CHECK(p >= 0 && p <= 1);
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

double robust_spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (quantile(values, 0.75) - quantile(values, 0.25)) / kQuartileRangeOfNormal;
}

double relative_spread(const std::vector<double>& values) {
  const double centre = median(values);
  return centre == 0 ? 0 : robust_spread(values) / centre;
}

double binomial_upper_tail(int n, int k, double p) {
  CHECK(n >= 0);
  if (k <= 0) return 1;
  if (k > n || p <= 0) return 0;
  if (p >= 1) return 1;
  // The first term by logarithms, the others from it: term(i + 1) = term(i) (n - i) p / ((i + 1) (1 - p)).
  const double odds = p / (1 - p);
  double term = std::exp(log_choose(n, k) + k * std::log(p) + (n - k) * std::log1p(-p));
  double sum = term;
  for (int i = k; i < n; ++i) {
    term *= odds * (n - i) / (i + 1);
    sum += term;
  }
  return std::min(sum, 1.0);
}

double sign_test(int wins, int losses) {
  return binomial_upper_tail(wins + losses, wins);
}

Interval median_interval(std::vector<double> values, double confidence) {
  CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const int n = static_cast<int>(values.size());
  // [x(k), x(n + 1 - k)] misses the median with the probability 2 P(Bin(n, 1/2) >= n + 1 - k).
  int k = 1;
  while (k + 1 <= n - k && 2 * binomial_upper_tail(n, n - k) <= 1 - confidence) ++k;
  return {values[static_cast<size_t>(k - 1)], values[static_cast<size_t>(n - k)]};
}

BootstrapMedian::BootstrapMedian(std::vector<double> values) : sorted_(std::move(values)) {
  CHECK(!sorted_.empty());
  std::sort(sorted_.begin(), sorted_.end());
}

double BootstrapMedian::cumulative(size_t k) const {
  const auto n = static_cast<int>(sorted_.size());
  const int lower = (n + 1) / 2, upper = n / 2 + 1;  // ranks of the middle values, equal if n is odd
  const double p = static_cast<double>(k + 1) / n;
  return (binomial_upper_tail(n, lower, p) + binomial_upper_tail(n, upper, p)) / 2;
}

double BootstrapMedian::quantile_of_resamples(double p) const {
  size_t low = 0, high = sorted_.size() - 1;  // the first k with cumulative(k) >= p; that of the last is 1
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (cumulative(middle) >= p)
      high = middle;
    else
      low = middle + 1;
  }
  return sorted_[low];
}

double BootstrapMedian::median() const {
  return quantile(sorted_, 0.5);
}

Interval BootstrapMedian::interval(double confidence) const {
  const double tail = (1 - confidence) / 2;
  return {quantile_of_resamples(tail), quantile_of_resamples(1 - tail)};
}

std::vector<double> BootstrapMedian::draws(int count, Rng& rng) const {
  std::vector<double> table;
  for (size_t k = 0; k + 1 < sorted_.size(); ++k) table.push_back(cumulative(k));
  std::vector<double> medians;
  for (int draw = 0; draw < count; ++draw) {
    const auto at = std::lower_bound(table.begin(), table.end(), rng.uniform());
    medians.push_back(sorted_[static_cast<size_t>(at - table.begin())]);
  }
  return medians;
}

}  // namespace warpwright::timing
