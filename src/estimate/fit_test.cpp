#include "src/estimate/fit.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <cmath>

#include "src/base/rng.h"

namespace warpwright::estimate {
namespace {

using rules::Calibration;
using rules::Resource;

size_t at(Resource resource) {
  return static_cast<size_t>(resource);
}

// Between low and high, even on a logarithmic scale.
double spread(Rng& rng, double low, double high) {
  return low * std::exp(rng.uniform() * std::log(high / low));
}

// Kernels of three definitions, each bound by another resource to another degree, timed by `truth` with
// a relative error of up to `noise` either way.
std::vector<Sample> synthetic(const Calibration& truth, double noise) {
  Rng rng(7);
  std::vector<Sample> samples;
  for (int k = 0; k < 90; ++k) {
    Sample sample;
    sample.definition = fmt::format("definition {}", k % 3);
    sample.workload = fmt::format("workload {}", k / 3 % 2);
    sample.kernel = fmt::format("kernel {}", k);
    const int launches = 1 + k % 4;
    for (int launch = 0; launch < launches; ++launch) {
      LaunchTerms terms;
      terms.kind = launch == 0  ? LaunchTerms::Kind::kFirst
                   : k % 2 == 0 ? LaunchTerms::Kind::kNext
                                : LaunchTerms::Kind::kDependent;
      for (double& us : terms.resource_us) us = spread(rng, 0.01, 3);
      terms.resource_us[static_cast<size_t>(k % rules::kResourceCount)] = spread(rng, 5, 50);
      terms.latency_us = spread(rng, 0.1, 20);
      sample.launches.push_back(terms);
    }
    sample.measured_us = call_us(truth, sample.launches) * (1 + noise * (2 * rng.uniform() - 1));
    samples.push_back(sample);
  }
  return samples;
}

Calibration some_truth() {
  Calibration truth;
  truth.weights = {1.6, 0.8, 1.2, 2.0, 1.1, 0.7, 1.5, 1.3, 2.5, 1.15, 3.0};
  truth.latency_weight = 0.3;
  truth.exponent = 2;
  truth.first_launch_us = 3;
  truth.next_launch_us = 2;
  truth.dependent_launch_us = 0.8;
  return truth;
}

void expect_close(const Calibration& fitted, const Calibration& truth, double tolerance) {
  EXPECT_EQ(fitted.exponent, truth.exponent);
  for (size_t k = 0; k < truth.weights.size(); ++k)
    EXPECT_NEAR(fitted.weights[k] / truth.weights[k], 1, tolerance) << name_of(static_cast<Resource>(k));
  EXPECT_NEAR(fitted.latency_weight / truth.latency_weight, 1, tolerance);
  EXPECT_NEAR(fitted.first_launch_us / truth.first_launch_us, 1, 2 * tolerance);
  EXPECT_NEAR(fitted.next_launch_us / truth.next_launch_us, 1, 2 * tolerance);
  EXPECT_NEAR(fitted.dependent_launch_us / truth.dependent_launch_us, 1, 3 * tolerance);
}

TEST(Fit, FindsTheWeightsThatMadeTheTimes) {
  expect_close(fit(synthetic(some_truth(), 0), Calibration(), 1e-9), some_truth(), 0.001);
}

TEST(Fit, FindsThemThroughNoise) {
  const auto samples = synthetic(some_truth(), 0.05);
  const Calibration fitted = fit(samples, Calibration());
  expect_close(fitted, some_truth(), 0.12);
  const Quality before = judge(samples, estimates_of(samples, Calibration()));
  const Quality after = judge(samples, estimates_of(samples, fitted));
  EXPECT_LT(after.median_abs_log_ratio, 0.04);
  EXPECT_LT(after.median_abs_log_ratio, before.median_abs_log_ratio / 3);
  EXPECT_GT(after.kendall_tau, before.kendall_tau);
}

TEST(Fit, IsGoodOnDefinitionsItHasNotSeen) {
  const auto samples = synthetic(some_truth(), 0.05);
  const LeftOut left_out = estimate_left_out(samples, Calibration());
  EXPECT_EQ(left_out.what, "definition");
  EXPECT_GT(judge(samples, left_out.estimates_us).clear_pairs_right, 0.95);
}

TEST(Fit, LeavesAloneWhatTheMeasurementsSayNothingAbout) {
  auto samples = synthetic(some_truth(), 0);
  for (Sample& sample : samples) {
    for (LaunchTerms& terms : sample.launches) terms.resource_us[at(Resource::kFp64)] = 0;
    sample.measured_us = call_us(some_truth(), sample.launches);
  }
  Calibration start;
  start.weights[at(Resource::kFp64)] = 1.7;
  EXPECT_NEAR(fit(samples, start).weights[at(Resource::kFp64)], 1.7, 1e-6);
}

TEST(Fit, IsTheSameEachTime) {
  const auto samples = synthetic(some_truth(), 0.05);
  EXPECT_EQ(fit(samples, Calibration()).identity(), fit(samples, Calibration()).identity());
}

TEST(Fit, NoWeightIsNegativeWhateverTheTimes) {
  Rng rng(11);
  auto samples = synthetic(some_truth(), 0);
  for (Sample& sample : samples) sample.measured_us = spread(rng, 0.01, 1000);
  const Calibration fitted = fit(samples, Calibration());
  for (const double weight : fitted.weights) EXPECT_GE(weight, 0);
  EXPECT_GE(fitted.first_launch_us, 0);
}

Sample timed(const std::string& definition, const std::string& workload, const std::string& kernel,
             double us) {
  return {definition, workload, kernel, {LaunchTerms()}, us};
}

TEST(Judge, ComparesOnlyWhatCompetes) {
  const std::vector<Sample> samples = {timed("d", "1", "a", 10), timed("d", "1", "b", 10.5),
                                       timed("d", "1", "c", 20), timed("d", "2", "a", 100),
                                       timed("e", "1", "z", 50)};
  const Quality right = judge(samples, {1, 2, 3, 10, 5});
  EXPECT_EQ(right.pairs, 3);
  EXPECT_EQ(right.clear_pairs, 2) << "10 and 10.5 are within 10 %";
  EXPECT_EQ(right.kendall_tau, 1);
  EXPECT_EQ(right.spearman, 1);
  EXPECT_EQ(right.clear_pairs_right, 1);
  EXPECT_NEAR(right.median_abs_log_ratio, std::log(10.0), 1e-12);
  const Quality wrong = judge(samples, {3, 2, 1, 0.1, 0.5});
  EXPECT_EQ(wrong.kendall_tau, -1);
  EXPECT_EQ(wrong.clear_pairs_right, 0);
}

TEST(Judge, LeavesOutKernelsWhereThereIsOneDefinition) {
  EXPECT_EQ(estimate_left_out({timed("d", "1", "a", 1), timed("d", "1", "b", 2)}, {}).what, "kernel");
  EXPECT_EQ(estimate_left_out({timed("d", "1", "a", 1), timed("d", "2", "a", 2)}, {}).what, "");
}

}  // namespace
}  // namespace warpwright::estimate
