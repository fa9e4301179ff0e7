#include "src/report/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/base/check.h"
#include "src/base/rng.h"

namespace warpwright::report {
namespace {

constexpr int kResamples = 10'000;
constexpr double kTail = 0.025;
constexpr uint64_t kSeed = 20'260'101;

double mean_of_resample(const std::vector<double>& values, Rng& rng) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += values[rng.below(values.size())];
  return sum / static_cast<double>(values.size());
}

}  // namespace

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double quantile_of(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  if (below + 1 >= values.size()) return values.back();
  const double part = place - static_cast<double>(below);
  return values[below] + part * (values[below + 1] - values[below]);
}

Interval bootstrap_mean(const std::vector<double>& values) {
  return bootstrap_mean_of_groups({values});
}

Interval bootstrap_mean_of_groups(const std::vector<std::vector<double>>& groups) {
  std::vector<double> means;
  Interval interval;
  for (const std::vector<double>& group : groups) {
    if (group.empty()) continue;
    means.push_back(mean_of(group));
    interval.count += group.size();
  }
  interval.value = interval.low = interval.high = mean_of(means);
  if (interval.count <= means.size()) return interval;  // nothing to resample
  Rng rng(kSeed);
  std::vector<double> resampled;
  for (int i = 0; i < kResamples; ++i) {
    double sum = 0;
    for (const std::vector<double>& group : groups)
      if (!group.empty()) sum += mean_of_resample(group, rng);
    resampled.push_back(sum / static_cast<double>(means.size()));
  }
  // Of equal values rounding would make an interval.
  interval.low = std::min(quantile_of(resampled, kTail), interval.value);
  interval.high = std::max(quantile_of(resampled, 1 - kTail), interval.value);
  return interval;
}

double Sums::variance() const {
  if (count < 2) return 0;
  return std::max(0.0, (squares - sum * sum / count) / (count - 1));
}

Interval difference_of_means(const Sums& a, const Sums& b) {
  CHECK(a.count >= 2 && b.count >= 2);
  const double of_a = a.variance() / a.count, of_b = b.variance() / b.count;
  Interval interval;
  interval.value = interval.low = interval.high = a.mean() - b.mean();
  interval.count = static_cast<size_t>(a.count + b.count);
  const double both = of_a + of_b;
  if (both <= 0) return interval;
  const double freedom = both * both / (of_a * of_a / (a.count - 1) + of_b * of_b / (b.count - 1));
  const double half = student_t(std::max(1.0, freedom)) * std::sqrt(both);
  interval.low -= half;
  interval.high += half;
  return interval;
}

// Exact values up to six, above the expansion in powers of 1 / freedom (Abramowitz and Stegun, Handbook of
// Mathematical Functions, 26.7.5), which is then right to a thousandth.
double student_t(double freedom) {
  constexpr std::array<double, 6> kSmall = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447};
  CHECK(freedom >= 1);
  const auto whole = static_cast<size_t>(freedom);
  if (whole < kSmall.size()) {
    const double part = freedom - static_cast<double>(whole);
    return kSmall[whole - 1] + part * (kSmall[whole] - kSmall[whole - 1]);
  }
  const double z = 1.959964, z2 = z * z, v = freedom;
  const double g1 = (z2 + 1) * z / 4;
  const double g2 = ((5 * z2 + 16) * z2 + 3) * z / 96;
  const double g3 = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384;
  return z + g1 / v + g2 / (v * v) + g3 / (v * v * v);
}

}  // namespace warpwright::report
