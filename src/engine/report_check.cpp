#include "src/engine/report_check.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

namespace warpwright::engine {
namespace {

// Far beyond what a clock can tell, a call may last, or a dataset holds; within them sums and ratios are
// finite.
constexpr double kShortestUs = 1e-4, kLongestUs = 1e12, kMostWeight = 1e9;

bool is_within(double value, double least, double most) {
  return std::isfinite(value) && value >= least && value <= most;
}

std::optional<std::string> check_workload(const WorkloadReport& workload, std::set<std::string>& seen) {
  const std::string uuid = workload.uuids.empty() ? "" : workload.uuids.front();
  if (uuid.empty()) return "it passed a workload without a name";
  if (!seen.insert(uuid).second) return fmt::format("it passed workload {} twice", uuid);
  if (workload.status != Status::kPassed)
    return fmt::format("it passed, but workload {} is {}", uuid, to_string(workload.status));
  if (!is_within(workload.latency_us, kShortestUs, kLongestUs))
    return fmt::format("workload {} took {} us", uuid, workload.latency_us);
  if (!(workload.weight > 0) || !is_within(workload.weight, 0, kMostWeight))
    return fmt::format("workload {} weighs {}", uuid, workload.weight);
  if (!is_within(workload.spread_us, 0, kLongestUs))
    return fmt::format("the times of workload {} spread by {} us", uuid, workload.spread_us);
  return std::nullopt;
}

std::optional<std::string> check_lost_race(const EvaluationReport& report, const std::set<std::string>& seen,
                                           const Race* race) {
  if (race == nullptr) return "it lost a race that was not held";
  std::set<std::string> laps;
  for (const RaceWorkload& lap : race->workloads) laps.insert(lap.uuid);
  for (const std::string& uuid : seen)
    if (!laps.contains(uuid)) return fmt::format("it lost a race on workload {}, which is not of it", uuid);
  if (is_within(report.race_bound, 0, race->floor)) return std::nullopt;
  return fmt::format("a lost race with a bound of {}, where {} is asked for", report.race_bound, race->floor);
}

}  // namespace

std::optional<std::string> why_not_believed(const EvaluationReport& report, const events::Baseline* baseline,
                                            const Race* race) {
  if (report.status == Status::kWorkerLost) return "its worker was lost";
  if (report.status != Status::kPassed) return std::nullopt;
  if (report.workloads.empty()) return "it passed without a workload";
  std::set<std::string> seen;
  for (const WorkloadReport& workload : report.workloads)
    if (auto why = check_workload(workload, seen)) return why;
  if (report.lost_race) return check_lost_race(report, seen, race);
  if (report.timing.method.empty()) return "it passed and was not timed";
  if (baseline == nullptr) return std::nullopt;
  for (const events::WorkloadSummary& workload : baseline->workloads)
    if (!seen.contains(workload.uuid)) return fmt::format("it passed without workload {}", workload.uuid);
  if (seen.size() != baseline->workloads.size())
    return fmt::format("it passed {} workloads, and there are {}", seen.size(), baseline->workloads.size());
  return std::nullopt;
}

}  // namespace warpwright::engine
