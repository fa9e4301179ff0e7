#include "src/trace/evaluation_trace.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "src/trace/json_reader.h"

namespace warpwright::trace {
namespace {

constexpr double kUsPerMs = 1000;

bool is_null_or_absent(const OrderedJson& json, const char* key) {
  const auto it = json.find(key);
  return it == json.end() || it->is_null();
}

Result<Axes> parse_axes(const OrderedJson& json, const std::string& where) {
  Axes axes;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX)
      return usage_error(
          fmt::format("{}: workload.axes: '{}' must be a whole number, not negative", where, name));
    axes[name] = value.get<int64_t>();
  }
  return axes;
}

Result<double> parse_latency_us(const OrderedJson& evaluation, const std::string& where) {
  TRY_ASSIGN(const OrderedJson* performance, require_object(evaluation, "performance", where));
  const auto latency = performance->find("latency_ms");
  if (latency == performance->end() || !latency->is_number())
    return usage_error(
        fmt::format("{}: performance.latency_ms must be a number: the status is PASSED", where));
  const double latency_us = latency->get<double>() * kUsPerMs;
  if (!std::isfinite(latency_us) || latency_us <= 0)
    return usage_error(
        fmt::format("{}: performance.latency_ms must be positive, not {}", where, latency->dump()));
  return latency_us;
}

Result<void> parse_evaluation(const OrderedJson& json, EvaluationTrace& parsed) {
  const std::string where = parsed.where + ": evaluation";
  TRY_ASSIGN(const std::string status, require_string(json, "status", where));
  const auto known = status_from_string(status);
  if (!known || *known == Status::kRejected || *known == Status::kWorkerLost)
    return usage_error(
        fmt::format("{}: status must be PASSED, COMPILE_ERROR, RUNTIME_ERROR, INCORRECT_SHAPE, "
                    "INCORRECT_DTYPE, INCORRECT_NUMERICAL or TIMEOUT, not '{}'",
                    where, status));
  parsed.status = *known;
  TRY_ASSIGN(const OrderedJson* environment, require_object(json, "environment", where));
  TRY_ASSIGN(parsed.hardware, require_string(*environment, "hardware", where + ".environment"));
  if (parsed.status == Status::kPassed) {
    TRY_ASSIGN(parsed.latency_us, parse_latency_us(json, where));
  }
  return {};
}

// Nothing for a line that only names a workload.
Result<std::optional<EvaluationTrace>> parse_line(std::string_view line, const std::string& where) {
  TRY_ASSIGN(const OrderedJson json, parse_ordered_json(line, where));
  if (!json.is_object()) return usage_error(fmt::format("{}: must be a JSON object", where));
  EvaluationTrace parsed;
  parsed.where = where;
  TRY_ASSIGN(parsed.definition, require_string(json, "definition", where));
  TRY_ASSIGN(const OrderedJson* workload, require_object(json, "workload", where));
  TRY_ASSIGN(parsed.uuid, require_string(*workload, "uuid", where + ": workload"));
  if (is_null_or_absent(json, "solution") && is_null_or_absent(json, "evaluation")) return std::nullopt;
  TRY_ASSIGN(const OrderedJson* axes, require_object(*workload, "axes", where + ": workload"));
  TRY_ASSIGN(parsed.axes, parse_axes(*axes, where));
  TRY_ASSIGN(parsed.solution, require_string(json, "solution", where));
  TRY_ASSIGN(const OrderedJson* evaluation, require_object(json, "evaluation", where));
  TRY(parse_evaluation(*evaluation, parsed));
  return parsed;
}

}  // namespace

Result<std::vector<EvaluationTrace>> parse_evaluation_traces(std::string_view jsonl,
                                                             const std::string& path) {
  std::vector<EvaluationTrace> traces;
  for (int line_number = 1; !jsonl.empty(); ++line_number) {
    const size_t end = jsonl.find('\n');
    const std::string_view line = jsonl.substr(0, end);
    jsonl.remove_prefix(end == std::string_view::npos ? jsonl.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    TRY_ASSIGN(std::optional<EvaluationTrace> parsed,
               parse_line(line, fmt::format("{}:{}", path, line_number)));
    if (parsed) traces.push_back(std::move(*parsed));
  }
  return traces;
}

}  // namespace warpwright::trace
