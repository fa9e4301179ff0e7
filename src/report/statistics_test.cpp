// Intervals against values that are known otherwise.
#include "src/report/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/base/rng.h"

namespace warpwright::report {
namespace {

TEST(Statistics, QuantilesLieBetweenNeighbours) {
  EXPECT_DOUBLE_EQ(median_of({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median_of({4, 1, 2, 3}), 2.5);
  EXPECT_DOUBLE_EQ(quantile_of({10, 20, 30, 40, 50}, 0.1), 14);
  EXPECT_DOUBLE_EQ(quantile_of({7}, 0.9), 7);
  EXPECT_DOUBLE_EQ(quantile_of({}, 0.5), 0);
}

// The tables' values.
TEST(Statistics, StudentsTIsTheTables) {
  EXPECT_NEAR(student_t(1), 12.706, 1e-3);
  EXPECT_NEAR(student_t(4), 2.776, 1e-3);
  EXPECT_NEAR(student_t(6), 2.447, 2e-3);
  EXPECT_NEAR(student_t(7), 2.365, 2e-3);
  EXPECT_NEAR(student_t(10), 2.228, 1e-3);
  EXPECT_NEAR(student_t(30), 2.042, 1e-3);
  EXPECT_NEAR(student_t(1e6), 1.960, 1e-3);
  for (double freedom = 1; freedom < 50; freedom += 0.25)
    EXPECT_GT(student_t(freedom), student_t(freedom + 0.25));
}

// Of two values a resample is low, middle or high with 1/4, 1/2, 1/4: both tails reach the ends.
TEST(Statistics, TheBootstrapOfTwoValuesSpansThem) {
  const Interval interval = bootstrap_mean({1, 3});
  EXPECT_DOUBLE_EQ(interval.value, 2);
  EXPECT_DOUBLE_EQ(interval.low, 1);
  EXPECT_DOUBLE_EQ(interval.high, 3);
}

// Many values: the central limit theorem says what the interval must be.
TEST(Statistics, TheBootstrapOfManyIsTheNormalInterval) {
  Rng rng(3);
  std::vector<double> values;
  double squares = 0;
  for (int i = 0; i < 400; ++i) values.push_back(rng.uniform());
  const double mean = mean_of(values);
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double half = 1.96 * std::sqrt(squares / 400 / 400);
  const Interval interval = bootstrap_mean(values);
  EXPECT_NEAR(interval.low, mean - half, 0.06 * half);
  EXPECT_NEAR(interval.high, mean + half, 0.06 * half);
}

TEST(Statistics, TheBootstrapIsReproducibleAndOfEqualValuesAPoint) {
  const std::vector<double> values = {0.3, 0.1, 0.7, 0.2, 0.9};
  EXPECT_EQ(bootstrap_mean(values).low, bootstrap_mean(values).low);
  const Interval point = bootstrap_mean({0.1, 0.1, 0.1});
  EXPECT_DOUBLE_EQ(point.low, 0.1);
  EXPECT_DOUBLE_EQ(point.high, 0.1);
  EXPECT_DOUBLE_EQ(bootstrap_mean({4}).high, 4);
  EXPECT_EQ(bootstrap_mean({}).count, 0u);
}

TEST(Statistics, GroupsWeighAlikeWhateverTheirSize) {
  const Interval interval = bootstrap_mean_of_groups({{0, 0, 0, 0, 0, 0}, {1, 1}, {}});
  EXPECT_DOUBLE_EQ(interval.value, 0.5);
  EXPECT_DOUBLE_EQ(interval.low, 0.5);
  EXPECT_EQ(interval.count, 8u);
}

// Coverage: of fifteen normal values the interval should hold the mean in about nine of ten cases or more.
TEST(Statistics, TheBootstrapsIntervalHoldsTheMeanMostly) {
  int held = 0;
  for (uint64_t trial = 0; trial < 60; ++trial) {
    Rng rng = Rng::stream(11, "coverage", trial);
    std::vector<double> values;
    for (int i = 0; i < 15; ++i) {
      double sum = -6;
      for (int k = 0; k < 12; ++k) sum += rng.uniform();
      values.push_back(sum);
    }
    const Interval interval = bootstrap_mean(values);
    held += interval.low <= 0 && interval.high >= 0 ? 1 : 0;
  }
  EXPECT_GE(held, 49);
  EXPECT_LT(held, 60);
}

// {27.5, 21, 19, 23.6, 17, 17.9} and {27.1, 22, 20.8, 23.4, 23.4, 23.5}: variances 15.724 and 4.48267, so
// the difference's standard error is 1.83515 with 7.6366 degrees of freedom; Student's t there is 2.3255.
TEST(Statistics, WelchsIntervalIsTheHandComputedOne) {
  const std::vector<double> x = {27.5, 21, 19, 23.6, 17, 17.9}, y = {27.1, 22, 20.8, 23.4, 23.4, 23.5};
  Sums a, b;
  for (const double value : x) a.count += 1, a.sum += value, a.squares += value * value;
  for (const double value : y) b.count += 1, b.sum += value, b.squares += value * value;
  EXPECT_NEAR(a.variance(), 15.724, 1e-3);
  const Interval interval = difference_of_means(a, b);
  EXPECT_NEAR(interval.value, -2.3667, 1e-4);
  EXPECT_NEAR(interval.high - interval.value, 2.3255 * 1.83515, 0.005);
}

TEST(Statistics, EqualSamplesWithoutSpreadDifferByNothing) {
  const Sums zeros{5, 0, 0};
  const Interval interval = difference_of_means(zeros, zeros);
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 0);
}

}  // namespace
}  // namespace warpwright::report
