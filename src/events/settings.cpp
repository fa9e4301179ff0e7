#include "src/events/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "src/events/result_summary.h"
#include "src/events/setting_specs.h"

namespace warpwright::events {
namespace {

Result<void> check_range(const JsonObjectReader& reader, const SettingSpec& spec, double value) {
  if (value >= spec.low && value <= spec.high) return {};
  return usage_error(fmt::format("{}: key '{}' is {}, it must be in {}..{}", reader.where(), spec.key, value,
                                 spec.low, spec.high));
}

Result<void> check_choice(const JsonObjectReader& reader, const SettingSpec& spec, const std::string& value) {
  const auto& choices = spec.choices;
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
  return usage_error(fmt::format("{}: key '{}' is '{}', it must be one of {}", reader.where(), spec.key,
                                 value, fmt::join(choices, ", ")));
}

// One value, of the type of the member that it belongs to.
Result<void> read_value(JsonObjectReader& reader, const SettingSpec& spec, int& value) {
  TRY_ASSIGN(const int64_t read, reader.integer(spec.key));
  TRY(check_range(reader, spec, static_cast<double>(read)));
  value = static_cast<int>(read);
  return {};
}
Result<void> read_value(JsonObjectReader& reader, const SettingSpec& spec, double& value) {
  TRY_ASSIGN(value, reader.number(spec.key));
  return check_range(reader, spec, value);
}
Result<void> read_value(JsonObjectReader& reader, const SettingSpec& spec, bool& value) {
  TRY_ASSIGN(value, reader.boolean(spec.key));
  return {};
}
Result<void> read_value(JsonObjectReader& reader, const SettingSpec& spec, std::string& value) {
  TRY_ASSIGN(value, reader.string(spec.key));
  return check_choice(reader, spec, value);
}
Result<void> read_value(JsonObjectReader& reader, const SettingSpec& spec, std::vector<std::string>& value) {
  TRY_ASSIGN(value, reader.strings_or(spec.key, {}));
  for (const std::string& item : value) TRY(check_choice(reader, spec, item));
  return {};
}

Result<void> read_setting(JsonObjectReader& reader, const SettingSpec& spec, SearchSettings& settings) {
  return std::visit(
      [&](auto member) -> Result<void> {
        if (reader.find(spec.key) != nullptr) return read_value(reader, spec, settings.*member);
        if (!spec.absent.is_null()) spec.absent.get_to(settings.*member);
        return {};
      },
      spec.member);
}

Result<std::vector<FeatureDimension>> read_dimensions(const Json& array, const std::string& where) {
  std::vector<FeatureDimension> dimensions;
  for (const Json& item : array) {
    TRY_ASSIGN(auto reader, JsonObjectReader::open(item, where + ".dimensions"));
    FeatureDimension dimension;
    TRY_ASSIGN(dimension.feature, reader.string("feature"));
    if (!is_feature(dimension.feature))
      return usage_error(fmt::format("{}: unknown feature '{}' ({})", reader.where(), dimension.feature,
                                     fmt::join(feature_names(), ", ")));
    TRY_ASSIGN(const Json* edges, reader.array("edges"));
    for (const Json& edge : *edges) {
      if (!edge.is_number()) return usage_error(fmt::format("{}: edges must be numbers", reader.where()));
      dimension.edges.push_back(edge.get<double>());
    }
    if (std::adjacent_find(dimension.edges.begin(), dimension.edges.end(), std::greater_equal<>()) !=
        dimension.edges.end())
      return usage_error(fmt::format("{}: edges of '{}' must ascend", reader.where(), dimension.feature));
    TRY(reader.reject_unknown_keys());
    dimensions.push_back(std::move(dimension));
  }
  return dimensions;
}

Result<void> read_operators(JsonObjectReader& reader, SearchSettings& settings) {
  if (reader.has("operators")) {
    TRY_ASSIGN(const Json* object, reader.object("operators"));
    settings.operators.clear();
    for (const auto& [name, weight] : object->items()) {
      if (!weight.is_number() || !(weight.get<double>() >= 0) || !std::isfinite(weight.get<double>()))
        return usage_error(
            fmt::format("{}: operator '{}' needs a weight of 0 or more", reader.where(), name));
      if (name == "seed")
        return usage_error(fmt::format("{}: 'seed' is not an operator to choose", reader.where()));
      settings.operators[name] = weight.get<double>();
    }
  }
  if (reader.has("operator_limits")) {
    TRY_ASSIGN(const Json* object, reader.object("operator_limits"));
    for (const auto& [name, limit] : object->items()) {
      if (!limit.is_number_integer() || limit.get<int64_t>() < 0)
        return usage_error(
            fmt::format("{}: limit of operator '{}' must be an integer of 0 or more", reader.where(), name));
      settings.operator_limits[name] = limit.get<int64_t>();
    }
  }
  return {};
}

Result<void> read_roles(JsonObjectReader& reader, SearchSettings& settings) {
  if (reader.has("operator_roles")) {
    TRY_ASSIGN(const Json* object, reader.object("operator_roles"));
    for (const auto& [op, role] : object->items()) {
      if (!role.is_string())
        return usage_error(fmt::format("{}: the role of '{}' must be a name", reader.where(), op));
      settings.operator_roles[op] = role.get<std::string>();
    }
  }
  if (!reader.has("roles")) return {};
  TRY_ASSIGN(const Json* object, reader.object("roles"));
  for (const auto& [role, models] : object->items()) {
    if (!models.is_object() || models.empty())
      return usage_error(fmt::format("{}: role '{}' must name its models with weights, as {{ fast = 1.0 }}",
                                     reader.where(), role));
    for (const auto& [model, weight] : models.items()) {
      if (!weight.is_number() || !(weight.get<double>() > 0) || !std::isfinite(weight.get<double>()))
        return usage_error(
            fmt::format("{}: model '{}' of role '{}' needs a weight above 0", reader.where(), model, role));
      settings.roles[role][model] = weight.get<double>();
    }
  }
  return {};
}

}  // namespace

Json to_json(const SearchSettings& settings) {
  Json dimensions = Json::array();
  for (const FeatureDimension& d : settings.dimensions)
    dimensions.push_back({{"feature", d.feature}, {"edges", d.edges}});
  Json json = {{"dimensions", std::move(dimensions)},
               {"operators", settings.operators},
               {"operator_limits", settings.operator_limits},
               {"operator_roles", settings.operator_roles},
               {"roles", settings.roles}};
  for (const SettingSpec& spec : setting_specs())
    std::visit([&](auto member) { json[std::string(spec.key)] = settings.*member; }, spec.member);
  return json;
}

Result<SearchSettings> search_settings_from_json(const Json& json, std::string where) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, where));
  SearchSettings s;
  for (const SettingSpec& spec : setting_specs()) TRY(read_setting(reader, spec, s));
  if (s.exploration + s.exploitation + s.elite <= 0)
    return usage_error(fmt::format("{}: exploration, exploitation and elite are all 0", where));
  if (reader.has("dimensions")) {
    TRY_ASSIGN(const Json* array, reader.array("dimensions"));
    TRY_ASSIGN(s.dimensions, read_dimensions(*array, where));
  }
  TRY(read_operators(reader, s));
  TRY(read_roles(reader, s));
  TRY(reader.reject_unknown_keys());
  return s;
}

}  // namespace warpwright::events
