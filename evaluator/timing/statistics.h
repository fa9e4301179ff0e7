// Order statistics of samples, intervals of a median, the sign test. Pure; a generator is passed where one is
// needed. Formulas and sources: README.md.
#pragma once

#include <span>
#include <vector>

#include "src/base/rng.h"

namespace warpwright::timing {

struct Interval {
  double low = 0, high = 0;
};

// Hyndman and Fan's type 7 (R's and numpy's default): linear between the order statistics around (n - 1) p.
// REQUIRES: sorted, not empty, 0 <= p <= 1.
double quantile(std::span<const double> sorted, double p);
// REQUIRES: not empty.
double median(std::vector<double> values);
// (Q3 - Q1) / 1.349: the standard deviation if the values are normal, blind to a quarter of outliers at each
// end. REQUIRES: not empty.
double robust_spread(std::vector<double> values);
// robust_spread / median; 0 if the median is 0.
double relative_spread(const std::vector<double>& values);

// P(X >= k) of X ~ Bin(n, p), to about 1e-13 relative.
double binomial_upper_tail(int n, int k, double p = 0.5);
// The one-sided sign test: how likely at least `wins` of `wins + losses` fair coins are.
double sign_test(int wins, int losses);

// Distribution-free interval of the population's median between two order statistics, from the binomial;
// holds at least `confidence`, or is the whole range where n is too small for that. REQUIRES: not empty.
Interval median_interval(std::vector<double> values, double confidence);

// The bootstrap distribution of the median of n values (Efron 1979) in closed form: the median of a resample
// is the k-th smallest value or below with the probability P(Bin(n, k / n) >= (n + 1) / 2). For even n either
// middle value of a resample is taken with equal probability. No resampling, no noise of its own.
class BootstrapMedian {
 public:
  explicit BootstrapMedian(std::vector<double> values);  // REQUIRES: not empty

  double median() const;
  Interval interval(double confidence) const;            // percentile interval, equal tails
  std::vector<double> draws(int count, Rng& rng) const;  // medians of resamples

 private:
  double cumulative(size_t k) const;  // P(a resample's median <= sorted_[k])
  double quantile_of_resamples(double p) const;

  std::vector<double> sorted_;
};

}  // namespace warpwright::timing
