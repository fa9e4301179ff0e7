#include "src/engine/report_check.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

namespace warpwright::engine {
namespace {

bool is_positive(double value) {
  return std::isfinite(value) && value > 0;
}

std::optional<std::string> check_workload(const WorkloadReport& workload, std::set<std::string>& seen) {
  const std::string uuid = workload.uuids.empty() ? "" : workload.uuids.front();
  if (uuid.empty()) return "it passed a workload without a name";
  if (!seen.insert(uuid).second) return fmt::format("it passed workload {} twice", uuid);
  if (workload.status != Status::kPassed)
    return fmt::format("it passed, but workload {} is {}", uuid, to_string(workload.status));
  if (!is_positive(workload.latency_us))
    return fmt::format("workload {} took {} us", uuid, workload.latency_us);
  if (!is_positive(workload.weight)) return fmt::format("workload {} weighs {}", uuid, workload.weight);
  if (!std::isfinite(workload.spread_us) || workload.spread_us < 0)
    return fmt::format("the times of workload {} spread by {} us", uuid, workload.spread_us);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> why_not_believed(const EvaluationReport& report,
                                            const events::Baseline* baseline) {
  if (report.status != Status::kPassed) return std::nullopt;
  if (report.workloads.empty()) return "it passed without a workload";
  std::set<std::string> seen;
  for (const WorkloadReport& workload : report.workloads)
    if (auto why = check_workload(workload, seen)) return why;
  if (report.lost_race) {
    if (std::isfinite(report.race_bound) && report.race_bound >= 0) return std::nullopt;
    return fmt::format("a lost race with a bound of {}", report.race_bound);
  }
  if (report.timing.method.empty()) return "it passed and was not timed";
  if (baseline == nullptr) return std::nullopt;
  for (const events::WorkloadSummary& workload : baseline->workloads)
    if (!seen.contains(workload.uuid)) return fmt::format("it passed without workload {}", workload.uuid);
  if (seen.size() != baseline->workloads.size())
    return fmt::format("it passed {} workloads, and there are {}", seen.size(), baseline->workloads.size());
  return std::nullopt;
}

}  // namespace warpwright::engine
