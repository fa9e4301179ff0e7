// The part of an evaluation report that the search, the reports and the prompts decide on. The whole report
// is a blob of the journal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/contract/evaluation.h"

namespace warpwright::events {

// Times are comparable only between equal measures (contracts: a ratio of unlike records is refused).
struct Measure {
  std::string executor;  // sim | cuda
  std::string device;
  std::string method;            // cupti | events | sim-estimate; empty: nothing was timed
  std::string profile;           // contest | strict
  std::string calibration = {};  // of an estimate: which weights made it
  bool operator==(const Measure&) const = default;
  bool is_estimate() const { return method == "sim-estimate"; }
};

struct WorkloadSummary {
  std::string uuid;  // the first of those it stands for: its key
  std::map<std::string, int64_t> axes;
  std::string band;
  double weight = 1;
  Status status = Status::kPassed;
  double latency_us = 0;  // 0: not timed
  double spread_us = 0;
};

struct ResultSummary {
  Status status = Status::kWorkerLost;
  Stage stage = Stage::kPlan;
  std::string rule;
  std::string message;
  std::string identity;  // empty before compile
  int launches = 0;
  std::vector<KernelReport> kernels;
  std::vector<WorkloadSummary> workloads;
  Measure measure;
  bool lost_race = false;  // contract/race.h: passed as far as it got, and clearly slower
  double race_bound = 0;
};

ResultSummary summarize(const EvaluationReport& report, const std::string& executor);

// What a kernel can be told apart by, as a dimension of the MAP-Elites grid:
//   launches             per call
//   registers, shared_bytes (static + dynamic), threads_per_block   the largest over the kernels
//   tensor_instructions, code_size   PTX instructions, summed over the kernels
//   arithmetic_intensity float operations per global byte in the kernels' instructions
// and archive_distance, which is not of the result but of its place among others (search/population.h).
const std::vector<std::string>& feature_names();
bool is_feature(std::string_view name);
double feature_value(const ResultSummary& result,
                     std::string_view name);  // REQUIRES: is_feature(name), not archive_distance

Json to_json(const ResultSummary& summary);
Result<ResultSummary> result_summary_from_json(const Json& json);

}  // namespace warpwright::events
