#include "src/engine/config_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "src/base/check.h"
#include "src/events/result_summary.h"
#include "src/events/setting_specs.h"
#include "src/search/operators.h"

namespace warpwright::engine {
namespace {

constexpr int64_t kMaxInteger = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxSeconds = 1'000'000'000;
constexpr const char* kStages = "plan, compile, smoke, validate, time";

ConfigField text(std::string table, std::string key, std::string& target) {
  return {std::move(table),
          std::move(key),
          "text",
          "",
          [&target] { return Json(target); },
          [&target](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_string()) return usage_error(where + " must be a string");
            target = value.get<std::string>();
            return {};
          }};
}

ConfigField texts(std::string table, std::string key, std::vector<std::string>& target) {
  return {std::move(table),
          std::move(key),
          "list of texts",
          "",
          [&target] { return Json(target); },
          [&target](const Json& value, const std::string& where) -> Result<void> {
            const auto is_string = [](const Json& item) { return item.is_string(); };
            if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_string))
              return usage_error(where + " must be a list of strings");
            target = value.get<std::vector<std::string>>();
            return {};
          }};
}

ConfigField flag(std::string table, std::string key, bool& target) {
  return {std::move(table),
          std::move(key),
          "true or false",
          "",
          [&target] { return Json(target); },
          [&target](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_boolean()) return usage_error(where + " must be true or false");
            target = value.get<bool>();
            return {};
          }};
}

// `scale`: what one unit of the file is worth in the target's unit (seconds in the file, milliseconds here).
template <class T>
ConfigField integer(std::string table, std::string key, T& target, int64_t low, int64_t high,
                    int64_t scale = 1) {
  return {std::move(table),
          std::move(key),
          "whole number",
          range_text(static_cast<double>(low), static_cast<double>(high)),
          [&target, scale] { return Json(static_cast<int64_t>(target) / scale); },
          [&target, low, high, scale](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_number_integer() || value.get<int64_t>() < low || value.get<int64_t>() > high)
              return usage_error(fmt::format("{} must be a whole number in {}..{}", where, low, high));
            target = static_cast<T>(value.get<int64_t>() * scale);
            return {};
          }};
}

ConfigField number(std::string table, std::string key, double& target, double low, double high) {
  return {std::move(table),
          std::move(key),
          "number",
          range_text(low, high),
          [&target] { return Json(target); },
          [&target, low, high](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high))
              return usage_error(fmt::format("{} must be a number in {}..{}", where, low, high));
            target = value.get<double>();
            return {};
          }};
}

ConfigField choice(std::string table, std::string key, std::string& target,
                   std::vector<std::string> allowed) {
  return {std::move(table),
          std::move(key),
          "text",
          fmt::format("{}", fmt::join(allowed, ", ")),
          [&target] { return Json(target); },
          [&target, allowed](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_string() || std::find(allowed.begin(), allowed.end(), value) == allowed.end())
              return usage_error(fmt::format("{} must be one of {}", where, fmt::join(allowed, ", ")));
            target = value.get<std::string>();
            return {};
          }};
}

ConfigField stage(std::string table, std::string key, Stage& target) {
  return {std::move(table),
          std::move(key),
          "text",
          kStages,
          [&target] { return Json(to_string(target)); },
          [&target](const Json& value, const std::string& where) -> Result<void> {
            const auto parsed =
                value.is_string() ? stage_from_string(value.get<std::string>()) : std::nullopt;
            if (!parsed) return usage_error(where + " must be one of " + kStages);
            target = *parsed;
            return {};
          }};
}

// Type and range of a setting of the search, as src/events/setting_specs.h has it.
struct TypeOf {
  std::string operator()(int events::SearchSettings::*) const { return "whole number"; }
  std::string operator()(double events::SearchSettings::*) const { return "number"; }
  std::string operator()(bool events::SearchSettings::*) const { return "true or false"; }
  std::string operator()(std::string events::SearchSettings::*) const { return "text"; }
  std::string operator()(std::vector<std::string> events::SearchSettings::*) const { return "list of texts"; }
};

std::string operator_names() {
  std::vector<std::string_view> names;
  for (const search::Operator& op : search::all_operators()) names.push_back(op.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

void describe_setting(ConfigField& field) {
  if (const events::SettingSpec* spec = events::find_setting_spec(field.key)) {
    field.type = std::visit(TypeOf(), spec->member);
    if (spec->low < spec->high) field.range = range_text(spec->low, spec->high);
    if (!spec->choices.empty()) field.range = fmt::format("{}", fmt::join(spec->choices, ", "));
  } else if (field.key == "dimensions") {
    field.type = "list of {feature = NAME, edges = [NUMBERS, ascending]}";
    field.range = fmt::format("features: {}", fmt::join(events::feature_names(), ", "));
  } else if (field.key == "operators") {
    field.type = "table: operator = weight";
    field.range = "0 or more, of: " + operator_names();
  } else if (field.key == "operator_roles") {
    field.type = "table: operator = role";
  } else {
    CHECK(field.key == "roles");
    field.type = "table: role = {model = weight}";
    field.range = "weights above 0";
  }
}

// A setting of the search: src/events/settings.h reads and writes it.
ConfigField search(std::string table, std::string key, events::SearchSettings& target) {
  ConfigField field{std::move(table),
                    key,
                    "",
                    "",
                    [&target, key] { return events::to_json(target)[key]; },
                    [&target, key](const Json& value, const std::string& where) -> Result<void> {
                      Json all = events::to_json(target);
                      all[key] = value;
                      TRY_ASSIGN(target, events::search_settings_from_json(all, where));
                      return {};
                    }};
  describe_setting(field);
  return field;
}

}  // namespace

std::string range_text(double low, double high) {
  if (high >= static_cast<double>(kMaxInteger)) return fmt::format("{} or more", low);
  return high < 1e15 && high == static_cast<double>(static_cast<int64_t>(high))
             ? fmt::format("{} to {}", low, static_cast<int64_t>(high))
             : fmt::format("{} to {}", low, high);
}

std::vector<ConfigField> config_fields(RunConfig& c) {
  std::vector<ConfigField> fields = {
      text("run", "definition", c.definition),
      integer("run", "seed", c.seed, 0, kMaxInteger),
      integer("run", "max_evaluations", c.max_evaluations, 1, 1'000'000'000),
      number("run", "max_minutes", c.max_minutes, 0, 1e6),
      search("run", "window", c.search),
      text("device", "model", c.device),
      choice("device", "executor", c.executor, {"auto", "sim", "cuda"}),
      text("device", "target", c.target),
      integer("workers", "count", c.worker_count, 0, 10'000),
      texts("workers", "command_prefix", c.worker_prefix),
      text("workers", "path", c.worker_path),
      texts("workers", "arguments", c.worker_arguments),
      integer("workers", "hello_deadline_s", c.hello_deadline_s, 1, kMaxSeconds),
      flag("seeds", "allowed", c.seeds_allowed),
      text("seeds", "folder", c.seeds_folder),
      text("seeds", "baseline", c.baseline_file),
      text("scripted", "folder", c.scripted_folder),
      text("agent", "name", c.agent),
      number("budget", "max_dollars", c.max_dollars, 0, 1e9),
      integer("budget", "max_tokens", c.max_tokens, 0, kMaxInteger),
      integer("budget", "max_calls", c.max_calls, 0, kMaxInteger),
      text("evaluation", "selection", c.selection),
      stage("evaluation", "last_stage", c.last_stage),
      choice("evaluation", "timing_profile", c.timing_profile, {"contest", "strict"}),
      integer("evaluation", "input_seed", c.input_seed, -1, kMaxInteger),
      search("evaluation", "tie_margin", c.search),
      integer("evaluation", "max_warp_instructions", c.limits.warp_instructions, 1, kMaxInteger),
      integer("evaluation", "compile_deadline_s", c.limits.compile_deadline_ms, 1, kMaxSeconds, 1000),
      integer("evaluation", "evaluation_deadline_s", c.limits.evaluation_deadline_ms, 1, kMaxSeconds, 1000),
      flag("evaluation", "red_team", c.red_team),
      texts("data", "datasets", c.datasets)};
  for (const events::SettingSpec& spec : events::setting_specs())
    if (spec.key != "window" && spec.key != "tie_margin")
      fields.push_back(search("search", std::string(spec.key), c.search));
  for (const char* key : {"dimensions", "operators", "operator_roles", "roles"})
    fields.push_back(search("search", key, c.search));
  return fields;
}

}  // namespace warpwright::engine
