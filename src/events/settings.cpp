#include "src/events/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "src/events/result_summary.h"

namespace warpwright::events {
namespace {

Result<int> read_int(JsonObjectReader& reader, std::string_view key, int fallback, int low, int high) {
  TRY_ASSIGN(const int64_t value, reader.integer_or(key, fallback));
  if (value < low || value > high)
    return usage_error(
        fmt::format("{}: key '{}' is {}, it must be in {}..{}", reader.where(), key, value, low, high));
  return static_cast<int>(value);
}

Result<double> read_fraction(JsonObjectReader& reader, std::string_view key, double fallback) {
  TRY_ASSIGN(const double value, reader.number_or(key, fallback));
  if (!(value >= 0 && value <= 1))
    return usage_error(fmt::format("{}: key '{}' is {}, it must be in 0..1", reader.where(), key, value));
  return value;
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

Result<std::string> read_choice(JsonObjectReader& reader, std::string_view key, std::string fallback,
                                const std::vector<std::string>& allowed) {
  TRY_ASSIGN(std::string value, reader.string_or(key, std::move(fallback)));
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
    return usage_error(fmt::format("{}: key '{}' is '{}', it must be one of {}", reader.where(), key, value,
                                   fmt::join(allowed, ", ")));
  return value;
}

Result<double> read_number(JsonObjectReader& reader, std::string_view key, double fallback, double low,
                           double high) {
  TRY_ASSIGN(const double value, reader.number_or(key, fallback));
  if (!(value >= low && value <= high))
    return usage_error(
        fmt::format("{}: key '{}' is {}, it must be in {}..{}", reader.where(), key, value, low, high));
  return value;
}

// Younger than the first journals: what is absent means what those runs did.
Result<void> read_younger(JsonObjectReader& reader, SearchSettings& s) {
  TRY_ASSIGN(s.strategy, read_choice(reader, "strategy", "evolve", {"evolve", "best-of-n", "hill-climb"}));
  TRY_ASSIGN(s.top_inspirations, read_int(reader, "top_inspirations", 1, 0, 100));
  TRY_ASSIGN(s.diverse_inspirations, read_int(reader, "diverse_inspirations", 0, 0, 100));
  TRY_ASSIGN(s.portfolio, read_fraction(reader, "portfolio", 0));
  TRY_ASSIGN(s.population_size, read_int(reader, "population_size", 0, 0, 10'000'000));
  TRY_ASSIGN(s.archive_rank, read_choice(reader, "archive_rank", "score", {"score", "pareto"}));
  TRY_ASSIGN(s.temperature, read_number(reader, "temperature", 1, 0, 100));
  TRY_ASSIGN(s.share_near_duplicates, reader.boolean_or("share_near_duplicates", false));
  TRY_ASSIGN(s.tuning_budget, read_int(reader, "tuning_budget", 0, 0, 100'000));
  TRY_ASSIGN(s.tuning_margin, read_fraction(reader, "tuning_margin", 0.1));
  TRY_ASSIGN(s.tuning_share, read_fraction(reader, "tuning_share", 0.5));
  TRY_ASSIGN(s.race_margin, read_fraction(reader, "race_margin", 0));
  TRY_ASSIGN(s.stagnation_after, read_int(reader, "stagnation_after", 0, 0, 10'000'000));
  TRY_ASSIGN(s.stagnation_actions, reader.strings_or("stagnation_actions", s.stagnation_actions));
  for (const std::string& action : s.stagnation_actions)
    if (action != "research" && action != "model" && action != "reset" && action != "heat")
      return usage_error(fmt::format("{}: unknown stagnation action '{}' (research, model, reset, heat)",
                                     reader.where(), action));
  TRY_ASSIGN(s.trial_sections, reader.strings_or("trial_sections", {}));
  TRY_ASSIGN(s.trial_share, read_fraction(reader, "trial_share", 0.25));
  TRY_ASSIGN(s.bandit_memory, read_number(reader, "bandit_memory", 1, 0.5, 1));
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
  return {{"window", settings.window},
          {"islands", settings.islands},
          {"archive_size", settings.archive_size},
          {"migration_interval", settings.migration_interval},
          {"migration_count", settings.migration_count},
          {"exploration", settings.exploration},
          {"exploitation", settings.exploitation},
          {"elite", settings.elite},
          {"inspirations", settings.inspirations},
          {"tie_margin", settings.tie_margin},
          {"dimensions", std::move(dimensions)},
          {"operators", settings.operators},
          {"operator_limits", settings.operator_limits},
          {"operator_roles", settings.operator_roles},
          {"roles", settings.roles},
          {"model_choice", settings.model_choice},
          {"operator_choice", settings.operator_choice},
          {"repair_attempts", settings.repair_attempts},
          {"best_settings", settings.best_settings},
          {"strategy", settings.strategy},
          {"top_inspirations", settings.top_inspirations},
          {"diverse_inspirations", settings.diverse_inspirations},
          {"portfolio", settings.portfolio},
          {"population_size", settings.population_size},
          {"archive_rank", settings.archive_rank},
          {"temperature", settings.temperature},
          {"share_near_duplicates", settings.share_near_duplicates},
          {"tuning_budget", settings.tuning_budget},
          {"tuning_margin", settings.tuning_margin},
          {"tuning_share", settings.tuning_share},
          {"race_margin", settings.race_margin},
          {"stagnation_after", settings.stagnation_after},
          {"stagnation_actions", settings.stagnation_actions},
          {"trial_sections", settings.trial_sections},
          {"trial_share", settings.trial_share},
          {"bandit_memory", settings.bandit_memory}};
}

Result<SearchSettings> search_settings_from_json(const Json& json, std::string where) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, where));
  SearchSettings s;
  TRY_ASSIGN(s.window, read_int(reader, "window", s.window, 1, 4096));
  TRY_ASSIGN(s.islands, read_int(reader, "islands", s.islands, 1, 1000));
  TRY_ASSIGN(s.archive_size, read_int(reader, "archive_size", s.archive_size, 1, 1'000'000));
  TRY_ASSIGN(s.migration_interval,
             read_int(reader, "migration_interval", s.migration_interval, 0, 1'000'000));
  TRY_ASSIGN(s.migration_count, read_int(reader, "migration_count", s.migration_count, 1, 1000));
  TRY_ASSIGN(s.exploration, read_fraction(reader, "exploration", s.exploration));
  TRY_ASSIGN(s.exploitation, read_fraction(reader, "exploitation", s.exploitation));
  TRY_ASSIGN(s.elite, read_fraction(reader, "elite", s.elite));
  if (s.exploration + s.exploitation + s.elite <= 0)
    return usage_error(fmt::format("{}: exploration, exploitation and elite are all 0", where));
  TRY_ASSIGN(s.inspirations, read_int(reader, "inspirations", s.inspirations, 0, 100));
  TRY_ASSIGN(s.tie_margin, read_fraction(reader, "tie_margin", s.tie_margin));
  if (reader.has("dimensions")) {
    TRY_ASSIGN(const Json* array, reader.array("dimensions"));
    TRY_ASSIGN(s.dimensions, read_dimensions(*array, where));
  }
  TRY(read_operators(reader, s));
  TRY(read_roles(reader, s));
  TRY_ASSIGN(s.model_choice, read_choice(reader, "model_choice", s.model_choice, {"weights", "bandit"}));
  TRY_ASSIGN(s.operator_choice,
             read_choice(reader, "operator_choice", s.operator_choice, {"weights", "bandit"}));
  TRY_ASSIGN(s.repair_attempts, read_int(reader, "repair_attempts", s.repair_attempts, 0, 100));
  TRY_ASSIGN(s.best_settings, reader.boolean_or("best_settings", false));
  TRY(read_younger(reader, s));
  TRY(reader.reject_unknown_keys());
  return s;
}

}  // namespace warpwright::events
