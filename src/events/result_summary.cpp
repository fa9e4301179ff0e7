#include "src/events/result_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <optional>

#include "src/base/check.h"
#include "src/events/event_text.h"
#include "src/events/summary_fields.h"

namespace warpwright::events {
namespace {

int feature_of(const KernelReport& kernel, std::string_view name) {
  if (name == "registers") return kernel.registers;
  if (name == "shared_bytes") return kernel.static_shared_bytes + kernel.dynamic_shared_bytes;
  CHECK(name == "threads_per_block");
  return kernel.max_threads_per_block;
}

// An archive (summary_fields.h) that reads a tree. Members are in alphabetical order, as the fields are asked
// for, so one pass finds them all; those that are not known are passed over.
class TreeReader {
 public:
  template <class Structure>
  static void object(const Json& json, const std::string& where, Structure& value,
                     std::optional<Error>& error) {
    if (error) return;
    if (!json.is_object()) {
      error = usage_error(fmt::format("{}: must be a JSON object", where)).value();
      return;
    }
    TreeReader reader(json.get_ref<const Json::object_t&>(), where, error);
    describe(reader, value);
  }

  template <class Value>
  void field(std::string_view name, Value& value, const Value& = {}) {
    if (const Json* json = find(name)) read(name, *json, value);
  }
  template <class Item>
  void field(std::string_view name, std::vector<Item>& items) {
    const Json* json = find(name);
    if (json == nullptr || !check(name, json->is_array(), "an array", *json)) return;
    items.reserve(json->size());
    const std::string where = fmt::format("{}.{}", where_, name);
    for (const Json& item : *json) object(item, where, items.emplace_back(), error_);
  }
  template <class Value>
  void always(std::string_view name, Value& value) {
    if (const Json* json = find(name))
      read(name, *json, value);
    else
      fail(fmt::format("key '{}' is missing", name));
  }
  template <class Structure>
  void structure(std::string_view name, Structure& value) {
    if (const Json* json = find(name)) object(*json, fmt::format("{}.{}", where_, name), value, error_);
  }
  void first_of_list(std::string_view name, std::string& text) {
    const Json* json = find(name);
    if (json == nullptr || !check(name, json->is_array(), "an array", *json) || json->empty()) return;
    read(name, json->front(), text);
  }
  void value_if(std::string_view name, bool& is_there, double& number) {
    const Json* json = find(name);
    is_there = json != nullptr;
    if (is_there) read(name, *json, number);
  }

 private:
  TreeReader(const Json::object_t& members, const std::string& where, std::optional<Error>& error)
      : at_(members.begin()), end_(members.end()), where_(where), error_(error) {}

  // Null as if it were absent: what is not a number was written so.
  const Json* find(std::string_view name) {
    while (at_ != end_ && at_->first < name) ++at_;
    return at_ == end_ || at_->first != name || at_->second.is_null() ? nullptr : &at_->second;
  }

  void fail(const std::string& what) {
    if (!error_) error_ = usage_error(fmt::format("{}: {}", where_, what)).value();
  }
  bool check(std::string_view name, bool is_right, std::string_view expected, const Json& json) {
    if (!is_right) fail(fmt::format("key '{}' must be {}, not {}", name, expected, json.type_name()));
    return is_right;
  }

  void read(std::string_view name, const Json& json, std::string& text) {
    if (check(name, json.is_string(), "a string", json)) text = json.get_ref<const std::string&>();
  }
  void read(std::string_view name, const Json& json, double& number) {
    if (check(name, json.is_number(), "a number", json)) number = json.get<double>();
  }
  template <std::integral Integer>
  void read(std::string_view name, const Json& json, Integer& number) {
    if (check(name, json.is_number_integer(), "an integer", json))
      number = static_cast<Integer>(json.get<int64_t>());
  }
  void read(std::string_view name, const Json& json, std::map<std::string, int64_t>& map) {
    if (!check(name, json.is_object(), "an object", json)) return;
    for (const auto& [key, value] : json.get_ref<const Json::object_t&>()) read(key, value, map[key]);
  }
  void read(std::string_view name, const Json& json, Status& status) {
    read_enum(name, json, status, status_from_string);
  }
  void read(std::string_view name, const Json& json, Stage& stage) {
    read_enum(name, json, stage, stage_from_string);
  }
  template <class Enum>
  void read_enum(std::string_view name, const Json& json, Enum& value,
                 std::optional<Enum> (*from_string)(std::string_view)) {
    std::string text;
    read(name, json, text);
    if (const auto known = from_string(text))
      value = *known;
    else
      fail(fmt::format("unknown {} '{}'", name, text));
  }

  Json::object_t::const_iterator at_, end_;
  const std::string& where_;
  std::optional<Error>& error_;
};

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

Result<ResultSummary> result_summary_from_json(const Json& json) {
  ResultSummary summary;
  std::optional<Error> error;
  TreeReader::object(json, "summary", summary, error);
  if (error) return tl::unexpected(std::move(*error));
  return summary;
}

}  // namespace warpwright::events
