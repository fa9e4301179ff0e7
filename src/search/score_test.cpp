// Scores: the mean, its zero, its refusals.
#include "src/search/score.h"

#include <gtest/gtest.h>

namespace warpwright::search {
namespace {

using events::ResultSummary;

ResultSummary timed(double small_us, double large_us) {
  ResultSummary r;
  r.status = Status::kPassed;
  r.measure = {"sim", "b200", "sim-estimate", "contest"};
  r.workloads = {{"u0", {}, "small", 3, Status::kPassed, small_us, 0},
                 {"u1", {}, "large", 1, Status::kPassed, large_us, 0}};
  return r;
}

const events::Baseline kBaseline = make_baseline("plain", 0, timed(10, 40)).value();

TEST(Score, IsTheWeightedMeanOfBaselineOverCandidate) {
  EXPECT_DOUBLE_EQ(score(kBaseline, timed(10, 40)).value(), 1.0);
  EXPECT_DOUBLE_EQ(score(kBaseline, timed(5, 40)).value(), (3 * 2.0 + 1 * 1.0) / 4);
  EXPECT_DOUBLE_EQ(score(kBaseline, timed(20, 10)).value(), (3 * 0.5 + 1 * 4.0) / 4);
}

TEST(Score, WorkloadsAreMatchedByNameNotByPlace) {
  ResultSummary swapped = timed(5, 40);
  std::swap(swapped.workloads[0], swapped.workloads[1]);
  EXPECT_DOUBLE_EQ(score(kBaseline, swapped).value(), 1.75);
}

TEST(Score, BandsAreMeansOverTheirWorkloads) {
  const auto bands = band_scores(kBaseline, timed(5, 80)).value();
  EXPECT_EQ(bands.size(), 2u);
  EXPECT_DOUBLE_EQ(bands.at("small"), 2.0);
  EXPECT_DOUBLE_EQ(bands.at("large"), 0.5);
}

TEST(Score, IsZeroIfAnyWorkloadFails) {
  ResultSummary one = timed(1, 1);
  one.workloads[1].status = Status::kIncorrectNumerical;
  EXPECT_EQ(score(kBaseline, one).value(), 0.0);
  ResultSummary failed;
  failed.status = Status::kCompileError;  // never timed, other measure: still a plain zero
  EXPECT_EQ(score(kBaseline, failed).value(), 0.0);
  EXPECT_FALSE(band_scores(kBaseline, failed));
}

TEST(Score, RatiosOfUnlikeRecordsAreRefused) {
  using Measure = events::Measure;
  for (std::string Measure::*field :
       {&Measure::executor, &Measure::device, &Measure::method, &Measure::profile, &Measure::calibration}) {
    ResultSummary other = timed(5, 5);
    other.measure.*field = "other";
    auto result = score(kBaseline, other);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("unlike"), std::string::npos) << result.error().message;
  }
  ResultSummary fewer = timed(5, 5);
  fewer.workloads.pop_back();
  EXPECT_FALSE(score(kBaseline, fewer));
  ResultSummary renamed = timed(5, 5);
  renamed.workloads[1].uuid = "u9";
  EXPECT_FALSE(score(kBaseline, renamed));
  ResultSummary untimed = timed(0, 5);
  EXPECT_FALSE(score(kBaseline, untimed));
}

TEST(Score, ABaselineMustHavePassedAndBeenTimed) {
  ResultSummary failed = timed(1, 1);
  failed.status = Status::kRejected;
  EXPECT_FALSE(make_baseline("plain", 0, failed));
  ResultSummary untimed = timed(1, 1);
  untimed.measure.method.clear();
  EXPECT_FALSE(make_baseline("plain", 0, untimed));
}

TEST(Score, EstimatesWithinTheMarginTie) {
  EXPECT_EQ(compare_estimates(1.50, 1.49, 0.02), EstimatedVerdict::kTie);
  EXPECT_EQ(compare_estimates(1.49, 1.50, 0.02), EstimatedVerdict::kTie);
  EXPECT_EQ(compare_estimates(1.60, 1.50, 0.02), EstimatedVerdict::kEstimatedFaster);
  EXPECT_EQ(compare_estimates(1.40, 1.50, 0.02), EstimatedVerdict::kEstimatedSlower);
  EXPECT_EQ(compare_estimates(1.5, 1.5, 0), EstimatedVerdict::kTie);
}

}  // namespace
}  // namespace warpwright::search
