#include "src/engine/run_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "src/base/files.h"
#include "src/engine/toml_reader.h"
#include "src/llm/endpoint_presets.h"
#include "src/search/operators.h"

namespace warpwright::engine {
namespace {

// One key of the file: where it stands, how it is read and written. The list of all of them is the only
// place that knows the layout.
struct Field {
  std::string table, key;
  std::function<Json()> get;
  std::function<Result<void>(const Json& value, const std::string& where)> set;
};

Field text(std::string table, std::string key, std::string& target) {
  return {std::move(table), std::move(key), [&target] { return Json(target); },
          [&target](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_string()) return usage_error(where + " must be a string");
            target = value.get<std::string>();
            return {};
          }};
}

Field texts(std::string table, std::string key, std::vector<std::string>& target) {
  return {std::move(table), std::move(key), [&target] { return Json(target); },
          [&target](const Json& value, const std::string& where) -> Result<void> {
            const auto is_string = [](const Json& item) { return item.is_string(); };
            if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_string))
              return usage_error(where + " must be a list of strings");
            target = value.get<std::vector<std::string>>();
            return {};
          }};
}

Field flag(std::string table, std::string key, bool& target) {
  return {std::move(table), std::move(key), [&target] { return Json(target); },
          [&target](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_boolean()) return usage_error(where + " must be true or false");
            target = value.get<bool>();
            return {};
          }};
}

// `scale`: what one unit of the file is worth in the target's unit (seconds in the file, milliseconds here).
template <class T>
Field integer(std::string table, std::string key, T& target, int64_t low, int64_t high, int64_t scale = 1) {
  return {std::move(table), std::move(key),
          [&target, scale] { return Json(static_cast<int64_t>(target) / scale); },
          [&target, low, high, scale](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_number_integer() || value.get<int64_t>() < low || value.get<int64_t>() > high)
              return usage_error(fmt::format("{} must be a whole number in {}..{}", where, low, high));
            target = static_cast<T>(value.get<int64_t>() * scale);
            return {};
          }};
}

Field number(std::string table, std::string key, double& target, double low, double high) {
  return {std::move(table), std::move(key), [&target] { return Json(target); },
          [&target, low, high](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high))
              return usage_error(fmt::format("{} must be a number in {}..{}", where, low, high));
            target = value.get<double>();
            return {};
          }};
}

Field choice(std::string table, std::string key, std::string& target, std::vector<std::string> allowed) {
  return {std::move(table), std::move(key), [&target] { return Json(target); },
          [&target, allowed](const Json& value, const std::string& where) -> Result<void> {
            if (!value.is_string() || std::find(allowed.begin(), allowed.end(), value) == allowed.end())
              return usage_error(fmt::format("{} must be one of {}", where, fmt::join(allowed, ", ")));
            target = value.get<std::string>();
            return {};
          }};
}

Field stage(std::string table, std::string key, Stage& target) {
  return {std::move(table), std::move(key), [&target] { return Json(to_string(target)); },
          [&target](const Json& value, const std::string& where) -> Result<void> {
            const auto parsed =
                value.is_string() ? stage_from_string(value.get<std::string>()) : std::nullopt;
            if (!parsed) return usage_error(where + " must be one of plan, compile, smoke, validate, time");
            target = *parsed;
            return {};
          }};
}

// A setting of the search: src/events/settings.h knows its type and range.
Field search(std::string table, std::string key, events::SearchSettings& target) {
  return {std::move(table), key, [&target, key] { return events::to_json(target)[key]; },
          [&target, key](const Json& value, const std::string& where) -> Result<void> {
            Json all = events::to_json(target);
            all[key] = value;
            TRY_ASSIGN(target, events::search_settings_from_json(all, where));
            return {};
          }};
}

constexpr int64_t kMaxInteger = std::numeric_limits<int64_t>::max();
constexpr const char* kModelsTable = "models";
constexpr int64_t kMaxSeconds = 1'000'000'000;

std::vector<Field> fields_of(RunConfig& c) {
  std::vector<Field> fields = {
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
      integer("evaluation", "input_seed", c.input_seed, -1, kMaxInteger),
      stage("evaluation", "last_stage", c.last_stage),
      choice("evaluation", "timing_profile", c.timing_profile, {"contest", "strict"}),
      search("evaluation", "tie_margin", c.search),
      integer("evaluation", "max_warp_instructions", c.limits.warp_instructions, 1, kMaxInteger),
      integer("evaluation", "compile_deadline_s", c.limits.compile_deadline_ms, 1, kMaxSeconds, 1000),
      integer("evaluation", "evaluation_deadline_s", c.limits.evaluation_deadline_ms, 1, kMaxSeconds, 1000),
      flag("evaluation", "red_team", c.red_team),
      texts("data", "datasets", c.datasets)};
  for (const char* key : {"islands",
                          "archive_size",
                          "migration_interval",
                          "migration_count",
                          "exploration",
                          "exploitation",
                          "elite",
                          "inspirations",
                          "dimensions",
                          "operators",
                          "roles",
                          "operator_roles",
                          "model_choice",
                          "operator_choice",
                          "repair_attempts",
                          "best_settings",
                          "strategy",
                          "top_inspirations",
                          "diverse_inspirations",
                          "portfolio",
                          "population_size",
                          "archive_rank",
                          "temperature",
                          "share_near_duplicates",
                          "tuning_budget",
                          "tuning_margin",
                          "tuning_share",
                          "race_margin",
                          "stagnation_after",
                          "stagnation_actions",
                          "trial_sections",
                          "trial_share",
                          "bandit_memory"})
    fields.push_back(search("search", key, c.search));
  return fields;
}

Result<void> reject_unknown(const Json& json, const std::vector<Field>& fields, const Located& located) {
  std::set<std::string> tables;
  for (const Field& field : fields) tables.insert(field.table);
  tables.insert(kModelsTable);
  for (const auto& [table, body] : json.items()) {
    if (!tables.contains(table))
      return usage_error(fmt::format("{}: unknown table [{}]; nearest: [{}]", located.at(table), table,
                                     nearest(table, {tables.begin(), tables.end()})));
    if (!body.is_object())
      return usage_error(fmt::format("{}: [{}] must be a table", located.at(table), table));
    if (table == kModelsTable) continue;
    for (const auto& [key, value] : body.items()) {
      std::vector<std::string> known;
      std::string elsewhere;
      for (const Field& field : fields) {
        if (field.table == table) known.push_back(field.key);
        if (field.key == key) elsewhere = field.table;
      }
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const std::string hint = elsewhere.empty() ? fmt::format("nearest: '{}'", nearest(key, known))
                                                 : fmt::format("it belongs to [{}]", elsewhere);
      return usage_error(
          fmt::format("{}: unknown key '{}' in [{}]; {}", located.at(table + "." + key), key, table, hint));
    }
  }
  return {};
}

Result<void> read_models(const Json& json, const Located& located, RunConfig& config) {
  if (!json.contains(kModelsTable)) return {};
  TRY_ASSIGN(const auto home, find_home());
  TRY_ASSIGN(const auto presets, llm::EndpointPresets::load(home / "configs/models/endpoints.toml"));
  for (const auto& [name, table] : json[kModelsTable].items()) {
    const std::string path = fmt::format("{}.{}", kModelsTable, name);
    const std::string where = fmt::format("{}: {}", located.at(path), path);
    if (!table.is_object()) return usage_error(fmt::format("{} must be a table: [{}]", where, path));
    TRY_ASSIGN(const Json whole, llm::with_preset(presets, table, where));
    TRY_ASSIGN(config.models[name], llm::model_config_from_json(name, whole, where));
  }
  return {};
}

Result<RunConfig> read(const Json& json, const Located& located) {
  RunConfig config;
  const std::vector<Field> fields = fields_of(config);
  TRY(reject_unknown(json, fields, located));
  for (const Field& field : fields) {
    if (!json.contains(field.table) || !json[field.table].contains(field.key)) continue;
    const std::string where = located.at(field.table + "." + field.key);
    auto done =
        field.set(json[field.table][field.key], fmt::format("{}: {}.{}", where, field.table, field.key));
    if (!done) return tl::unexpected(done.error());
  }
  config.operators_given = json.contains("search") && json["search"].contains("operators");
  TRY(read_models(json, located, config));
  TRY(check_run_config(config, located.file));
  return config;
}

}  // namespace

Result<RunConfig> parse_run_config(std::string_view toml, const std::string& where) {
  TRY_ASSIGN(const LocatedJson parsed, parse_toml(toml, where));
  return read(parsed.json, parsed.located);
}

Result<RunConfig> load_run_config(const std::filesystem::path& path) {
  TRY_ASSIGN(const std::string content, read_file(path, 1 << 20));
  return parse_run_config(content, path.string());
}

Json to_json(const RunConfig& config) {
  RunConfig copy = config;
  Json json = Json::object();
  for (const Field& field : fields_of(copy)) json[field.table][field.key] = field.get();
  for (const auto& [name, model] : config.models) json[kModelsTable][name] = llm::to_json(model);
  return json;
}

Result<RunConfig> run_config_from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) return usage_error(where + ": a configuration must be an object");
  return read(json, Located{where, {}});
}

std::string to_toml(const RunConfig& config) {
  RunConfig copy = config;
  std::string out, table;
  std::vector<Field> fields = fields_of(copy);
  std::stable_sort(fields.begin(), fields.end(),
                   [](const Field& a, const Field& b) { return a.table < b.table; });
  for (const Field& field : fields) {
    if (field.table != table) out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", field.table);
    table = field.table;
    out += fmt::format("{} = {}\n", field.key, toml_value(field.get()));
  }
  for (const auto& [name, model] : config.models) {
    out += fmt::format("\n[{}.{}]\n", kModelsTable, toml_key(name));
    const Json fields_of_model = llm::to_json(model);
    for (const auto& [key, value] : fields_of_model.items())
      out += fmt::format("{} = {}\n", key, toml_value(value));
  }
  return out;
}

namespace {

std::string operator_names() {
  std::string names;
  for (const search::Operator& op : search::all_operators())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", op.name);
  return names;
}

// Every operator that asks a model has one to ask; roles name models that there are.
Result<void> check_operators(const RunConfig& config, const std::string& where) {
  for (const auto& [role, models] : config.search.roles)
    for (const auto& [model, weight] : models)
      if (!config.models.contains(model))
        return usage_error(fmt::format("{}: role '{}' asks model '{}', and there is no [models.{}]", where,
                                       role, model, model));
  for (const auto& [name, weight] : config.search.operators) {
    const search::Operator* op = search::find_operator(name);
    if (op == nullptr)
      return usage_error(
          fmt::format("{}: unknown operator '{}' in search.operators ({})", where, name, operator_names()));
    const bool asks = !op->role.empty() && name != "scripted" && weight > 0;
    if (asks && config.models.empty())
      return usage_error(
          fmt::format("{}: operator '{}' asks a model, and there is none: add a [models.NAME] table, or "
                      "--model openai:NAME on the command line",
                      where, name));
    if (asks && config.agent.empty())
      return usage_error(fmt::format(
          "{}: operator '{}' needs an agent, who knows what to ask: agent.name = \"evolver\"", where, name));
  }
  const auto scratch = config.search.operators.find("scratch");
  if (!config.seeds_allowed && config.operators_given &&
      (scratch == config.search.operators.end() || scratch->second <= 0))
    return usage_error(
        where + ": without seeds (seeds.allowed = false) search.operators needs a weight for 'scratch'");
  if (config.models.empty() && !config.agent.empty())
    return usage_error(
        fmt::format("{}: agent '{}' has no model to ask: add a [models.NAME] table, or --model openai:NAME",
                    where, config.agent));
  return {};
}

}  // namespace

Result<void> check_run_config(const RunConfig& config, const std::string& where) {
  if (config.definition.empty())
    return usage_error(where + ": run.definition is missing: the name of what to make faster");
  if (config.last_stage != Stage::kTime)
    return usage_error(where + ": evaluation.last_stage must be \"time\": the search ranks by time");
  TRY(check_operators(config, where));
  const auto& operators = config.search.operators;
  const auto scripted = operators.find("scripted");
  const bool uses_scripted = scripted != operators.end() && scripted->second > 0;
  if (uses_scripted && config.scripted_folder.empty())
    return usage_error(where + ": operator 'scripted' needs scripted.folder, the folder with its answers");
  if (!uses_scripted && !config.scripted_folder.empty())
    return usage_error(where +
                       ": scripted.folder is not used: give search.operators a weight for 'scripted'");
  return {};
}

}  // namespace warpwright::engine
