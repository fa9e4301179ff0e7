#include "src/engine/report_memory.h"

#include <algorithm>
#include <cctype>

#include "src/base/files.h"
#include "src/contract/report_text.h"
#include "src/base/json.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxBytes = 64 << 20;

bool is_reproducible(const EvaluationReport& report) {
  if (report.status == Status::kPassed) return report.timing.method == "sim-estimate";
  return report.status != Status::kWorkerLost && report.status != Status::kTimeout;
}

bool is_plain_name(const std::string& key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c); });
}

}  // namespace

fs::path ReportMemory::file_of(const std::string& result_key, bool profiled) const {
  return folder_ / (result_key + (profiled ? ".profiled.json" : ".json"));
}

std::optional<EvaluationReport> ReportMemory::find(const std::string& result_key, bool profiled) const {
  if (!is_plain_name(result_key)) return std::nullopt;
  const auto text = read_file(file_of(result_key, profiled), kMaxBytes);
  if (!text) return std::nullopt;
  const auto json = parse_json(*text, "remembered report");
  if (!json) return std::nullopt;
  auto report = evaluation_report_from_json(*json);
  if (!report || report->result_key != result_key || !is_reproducible(*report)) return std::nullopt;
  return std::move(*report);
}

void ReportMemory::keep(const std::string& result_key, bool profiled, const EvaluationReport& report) const {
  if (!is_plain_name(result_key) || report.result_key != result_key || !is_reproducible(report)) return;
  if (!warpwright::create_directories(folder_)) return;
  (void)write_file_atomic(file_of(result_key, profiled), to_json_text(report));
}

}  // namespace warpwright::engine
