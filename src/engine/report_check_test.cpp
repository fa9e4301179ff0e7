#include "src/engine/report_check.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace warpwright::engine {
namespace {

EvaluationReport passed() {
  EvaluationReport report;
  report.status = Status::kPassed;
  report.timing.method = "cupti";
  for (const char* uuid : {"a", "b"}) {
    WorkloadReport& workload = report.workloads.emplace_back();
    workload.uuids = {uuid};
    workload.latency_us = 10;
  }
  return report;
}

events::Baseline baseline() {
  events::Baseline baseline;
  baseline.workloads.resize(2);
  baseline.workloads[0].uuid = "a";
  baseline.workloads[1].uuid = "b";
  return baseline;
}

Race held() {
  Race race;
  race.floor = 0.5;
  race.workloads = {{"a", 1, 10, 2}, {"b", 1, 10, 2}};
  return race;
}

TEST(ReportCheck, AnHonestReportIsBelieved) {
  const events::Baseline base = baseline();
  EXPECT_EQ(why_not_believed(passed(), nullptr), std::nullopt);
  EXPECT_EQ(why_not_believed(passed(), &base), std::nullopt);
  EvaluationReport failed;
  failed.status = Status::kIncorrectNumerical;
  EXPECT_EQ(why_not_believed(failed, &base), std::nullopt);
  EvaluationReport lost = passed();
  lost.workloads.pop_back();
  lost.lost_race = true;
  lost.race_bound = 0.4;
  const Race race = held();
  EXPECT_EQ(why_not_believed(lost, &base, &race), std::nullopt);
}

TEST(ReportCheck, WhatWouldEndTheRunOrWinItByALieIsNotBelieved) {
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               infinity = std::numeric_limits<double>::infinity();
  const std::vector<std::function<void(EvaluationReport&)>> lies = {
      [](auto& r) { r.workloads.clear(); },
      [](auto& r) { r.workloads[1].latency_us = 0; },
      [](auto& r) { r.workloads[1].latency_us = -5; },
      [nan](auto& r) { r.workloads[1].latency_us = nan; },
      [infinity](auto& r) { r.workloads[1].latency_us = infinity; },
      [](auto& r) { r.workloads[1].latency_us = 1e300; },
      [](auto& r) { r.workloads[1].latency_us = 1e-300; },
      [](auto& r) { r.workloads[1].weight = 1e300; },
      [](auto& r) { r.workloads[1].weight = -1; },
      [](auto& r) { r.workloads[1].spread_us = -1; },
      [](auto& r) { r.workloads.push_back(r.workloads[0]); },
      [](auto& r) { r.status = Status::kWorkerLost; },
      [](auto& r) { r.lost_race = true, r.race_bound = 0.6; },
      [](auto& r) { r.lost_race = true, r.race_bound = 0.4, r.workloads[0].uuids = {"c"}; },
      [](auto& r) { r.workloads[1].weight = 0; },
      [nan](auto& r) { r.workloads[0].weight = nan; },
      [nan](auto& r) { r.workloads[0].spread_us = nan; },
      [](auto& r) { r.workloads[1].uuids = {"a"}; },
      [](auto& r) { r.workloads[1].uuids.clear(); },
      [](auto& r) { r.workloads[1].uuids = {"c"}; },
      [](auto& r) { r.workloads.pop_back(); },
      [](auto& r) { r.workloads.push_back(r.workloads[0]), r.workloads.back().uuids = {"c"}; },
      [](auto& r) { r.workloads[0].status = Status::kRejected; },
      [](auto& r) { r.timing.method.clear(); },
      [nan](auto& r) { r.lost_race = true, r.race_bound = nan; },
      [](auto& r) { r.lost_race = true, r.race_bound = -1; }};
  const events::Baseline base = baseline();
  const Race race = held();
  for (size_t i = 0; i < lies.size(); ++i) {
    EvaluationReport report = passed();
    lies[i](report);
    EXPECT_NE(why_not_believed(report, &base, &race), std::nullopt) << "lie " << i;
  }
  EvaluationReport lost = passed();
  lost.lost_race = true;
  EXPECT_NE(why_not_believed(lost, &base), std::nullopt) << "no race was held";
}

}  // namespace
}  // namespace warpwright::engine
