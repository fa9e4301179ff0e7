// What a mean of few runs, or a difference of two means of many, is worth: estimates with 95 % intervals.
// Everything is a function of its arguments (resampling has a fixed seed), so a report says the same twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace warpwright::report {

struct Interval {
  double value = 0, low = 0, high = 0;
  size_t count = 0;  // of what it was taken over
  bool is_above(double x) const { return low > x; }
  bool is_below(double x) const { return high < x; }
};

double mean_of(const std::vector<double>& values);             // 0 of none
double quantile_of(std::vector<double> values, double share);  // linear between neighbours; 0 of none
inline double median_of(std::vector<double> values) {
  return quantile_of(std::move(values), 0.5);
}

// The mean, with the percentile interval of its bootstrap (Efron and Tibshirani, An Introduction to the
// Bootstrap, 1993, chapter 13). Of fewer than two values the interval is the value. With few values (five) it
// is narrower than it should be.
Interval bootstrap_mean(const std::vector<double>& values);

// The mean over groups of their means, each group resampled by itself. Empty groups are left out.
Interval bootstrap_mean_of_groups(const std::vector<std::vector<double>>& groups);

// A sample by its sums, as counters keep it.
struct Sums {
  double count = 0, sum = 0, squares = 0;
  double mean() const { return count > 0 ? sum / count : 0; }
  double variance() const;  // of the population it was drawn from; 0 of fewer than two
};

// a.mean() - b.mean() with Welch's interval (B. L. Welch, Biometrika 34, 1947): variances may differ.
// REQUIRES: both hold two or more.
Interval difference_of_means(const Sums& a, const Sums& b);

// The 97.5 % quantile of Student's t with `freedom` >= 1 degrees of freedom.
double student_t(double freedom);

}  // namespace warpwright::report
