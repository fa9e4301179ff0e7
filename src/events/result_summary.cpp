#include "src/events/result_summary.h"

#include <algorithm>

#include "src/base/check.h"
#include "src/events/event_text.h"

namespace warpwright::events {
namespace {

int feature_of(const KernelReport& kernel, std::string_view name) {
  if (name == "registers") return kernel.registers;
  if (name == "shared_bytes") return kernel.static_shared_bytes + kernel.dynamic_shared_bytes;
  CHECK(name == "threads_per_block");
  return kernel.max_threads_per_block;
}

}  // namespace

ResultSummary summarize(const EvaluationReport& report, const std::string& executor) {
  ResultSummary summary;
  summary.status = report.status;
  summary.stage = report.stage;
  summary.rule = report.rule;
  summary.message = report.message;
  summary.identity = report.identity;
  summary.launches = report.launches;
  summary.kernels = report.kernels;
  for (const WorkloadReport& w : report.workloads)
    summary.workloads.push_back({w.uuids.empty() ? std::string() : w.uuids.front(), w.axes, w.band, w.weight,
                                 w.status, w.latency_us, w.spread_us});
  summary.measure = {executor, report.timing.device, report.timing.method, report.timing.profile,
                     report.timing.calibration};
  summary.lost_race = report.lost_race;
  summary.race_bound = report.race_bound;
  return summary;
}

const std::vector<std::string>& feature_names() {
  static const std::vector<std::string> kNames = {
      "launches",  "registers",           "shared_bytes",         "threads_per_block",
      "code_size", "tensor_instructions", "arithmetic_intensity", "archive_distance"};
  return kNames;
}

bool is_feature(std::string_view name) {
  return std::find(feature_names().begin(), feature_names().end(), name) != feature_names().end();
}

double feature_value(const ResultSummary& result, std::string_view name) {
  if (name == "launches") return result.launches;
  double instructions = 0, tensor_instructions = 0, operations = 0, bytes = 0;
  for (const KernelReport& kernel : result.kernels) {
    instructions += kernel.instructions;
    tensor_instructions += kernel.tensor_instructions;
    operations += static_cast<double>(kernel.float_operations);
    bytes += static_cast<double>(kernel.global_bytes);
  }
  if (name == "code_size") return instructions;
  if (name == "tensor_instructions") return tensor_instructions;
  if (name == "arithmetic_intensity") return operations / std::max(bytes, 1.0);
  int largest = 0;
  for (const KernelReport& kernel : result.kernels) largest = std::max(largest, feature_of(kernel, name));
  return largest;
}

Json to_json(const ResultSummary& summary) {
  auto json = parse_json(to_json_text(summary), "summary");
  CHECK(json);
  return std::move(*json);
}

// A summary is stored as a report that has only the summary's fields; the report's own codec reads it.
Result<ResultSummary> result_summary_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "summary"));
  TRY_ASSIGN(const std::string executor, reader.string_or("executor", ""));
  Json full = json;
  full["id"] = "";
  TRY_ASSIGN(const EvaluationReport report, evaluation_report_from_json(full));
  return summarize(report, executor);
}

}  // namespace warpwright::events
