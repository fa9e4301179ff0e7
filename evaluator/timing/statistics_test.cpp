#include "evaluator/timing/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace warpwright::timing {
namespace {

double normal(Rng& rng) {
  return std::sqrt(-2 * std::log(1 - rng.uniform())) * std::cos(2 * std::numbers::pi * rng.uniform());
}
std::vector<double> normals(int n, Rng& rng) {
  std::vector<double> values;
  for (int k = 0; k < n; ++k) values.push_back(normal(rng));
  return values;
}

TEST(Quantile, IsLinearBetweenOrderStatistics) {  // numpy.quantile's values
  const std::vector<double> sorted = {1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(quantile(sorted, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.5), 3);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.9), 6.8);
  EXPECT_DOUBLE_EQ(quantile(sorted, 1), 8);
  EXPECT_DOUBLE_EQ(quantile(std::vector<double>{5}, 0.3), 5);
}

TEST(Median, DoesNotAskForOrder) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(Spread, IsTheStandardDeviationOfNormalValuesWhateverTheOutliers) {
  Rng rng(1);
  std::vector<double> values = normals(20000, rng);
  for (double& value : values) value = 10 + 0.5 * value;
  EXPECT_NEAR(robust_spread(values), 0.5, 0.01);
  EXPECT_NEAR(relative_spread(values), 0.05, 0.001);
  for (int k = 0; k < 200; ++k) values[static_cast<size_t>(k)] = 1e9;
  EXPECT_NEAR(robust_spread(values), 0.5, 0.02);
  EXPECT_EQ(relative_spread({0, 0, 0}), 0);
}

TEST(SignTest, IsTheBinomialsTail) {
  EXPECT_DOUBLE_EQ(sign_test(0, 0), 1);
  EXPECT_NEAR(sign_test(10, 0), 1 / 1024.0, 1e-15);
  EXPECT_NEAR(sign_test(9, 1), 11 / 1024.0, 1e-15);
  EXPECT_NEAR(sign_test(5, 5), 638 / 1024.0, 1e-13);
  EXPECT_NEAR(sign_test(90, 60), 0.008798845964392872, 1e-13);  // summed in exact fractions
}

TEST(BinomialTail, HandlesItsEnds) {
  EXPECT_EQ(binomial_upper_tail(5, 0, 0.3), 1);
  EXPECT_EQ(binomial_upper_tail(5, 6, 0.3), 0);
  EXPECT_NEAR(binomial_upper_tail(5, 5, 0.3), std::pow(0.3, 5), 1e-15);
  EXPECT_EQ(binomial_upper_tail(5, 3, 1), 1);
  EXPECT_EQ(binomial_upper_tail(5, 3, 0), 0);
  EXPECT_NEAR(binomial_upper_tail(2000, 1000, 0.5), 0.5089, 1e-4);
}

TEST(MedianInterval, IsTheWholeRangeOfFewValues) {
  const Interval interval = median_interval({3, 1, 2}, 0.95);
  EXPECT_EQ(interval.low, 1);
  EXPECT_EQ(interval.high, 3);
}

TEST(MedianInterval, UsesTheTabledOrderStatistics) {  // n = 20, 95 %: the 6th and the 15th value
  std::vector<double> values;
  for (int k = 1; k <= 20; ++k) values.push_back(k);
  const Interval interval = median_interval(values, 0.95);
  EXPECT_EQ(interval.low, 6);
  EXPECT_EQ(interval.high, 15);
}

// The share of intervals that hold the true median, 0.
template <class IntervalOf>
double coverage(int n, IntervalOf interval_of) {
  Rng rng(7);
  int holds = 0;
  constexpr int kRuns = 2000;
  for (int run = 0; run < kRuns; ++run) {
    const Interval interval = interval_of(normals(n, rng));
    holds += interval.low <= 0 && interval.high >= 0;
  }
  return static_cast<double>(holds) / kRuns;
}

TEST(MedianInterval, HoldsTheMedianAsOftenAsItSays) {
  const double share = coverage(50, [](auto values) { return median_interval(std::move(values), 0.95); });
  EXPECT_GE(share, 0.94);
  EXPECT_LE(share, 0.985);  // n = 50 allows 0.967
}

TEST(BootstrapMedian, HoldsTheMedianAboutAsOftenAsItSays) {
  const double share =
      coverage(50, [](auto values) { return BootstrapMedian(std::move(values)).interval(0.95); });
  EXPECT_GE(share, 0.93);
  EXPECT_LE(share, 0.98);
}

TEST(BootstrapMedian, IsWhatResamplingGives) {
  Rng rng(3);
  for (const int n : {1, 2, 8, 9, 30}) {
    const std::vector<double> values = normals(n, rng);
    const BootstrapMedian closed(values);
    const std::vector<double> drawn = closed.draws(20000, rng);
    std::vector<double> resampled;
    for (int k = 0; k < 20000; ++k) {
      std::vector<double> resample;
      for (int i = 0; i < n; ++i) resample.push_back(values[rng.below(static_cast<uint64_t>(n))]);
      std::sort(resample.begin(), resample.end());
      const bool upper = rng.below(2) == 1;  // either middle value
      resampled.push_back(resample[static_cast<size_t>(upper ? n / 2 : (n - 1) / 2)]);
    }
    for (const double at : values) {
      auto share_below = [&](const std::vector<double>& list) {
        return static_cast<double>(
                   std::count_if(list.begin(), list.end(), [&](double x) { return x <= at; })) /
               static_cast<double>(list.size());
      };
      EXPECT_NEAR(share_below(drawn), share_below(resampled), 0.02) << n;
    }
    EXPECT_EQ(closed.median(), median(values));
  }
}

TEST(BootstrapMedian, IsSymmetric) {
  const Interval interval = BootstrapMedian({-4, -3, -2, -1, 1, 2, 3, 4}).interval(0.9);
  EXPECT_EQ(interval.low, -interval.high);
}

}  // namespace
}  // namespace warpwright::timing
