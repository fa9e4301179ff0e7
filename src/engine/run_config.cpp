#include "src/engine/run_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/files.h"
#include "src/engine/check_config.h"
#include "src/engine/config_effect.h"
#include "src/engine/config_fields.h"
#include "src/engine/toml_reader.h"
#include "src/llm/endpoint_presets.h"
#include "src/prompt/build_prompt.h"
#include "src/search/operators.h"

namespace warpwright::engine {
namespace {

using Problems = std::vector<Error>;

void note(Problems& problems, const Result<void>& done) {
  if (!done) problems.push_back(done.error());
}

void reject_unknown_key(const std::string& table, const std::string& key,
                        const std::vector<ConfigField>& fields, const Located& located, Problems& problems) {
  std::vector<std::string> known;
  std::string elsewhere;
  for (const ConfigField& field : fields) {
    if (field.table == table) known.push_back(field.key);
    if (field.key == key) elsewhere = field.table;
  }
  if (std::find(known.begin(), known.end(), key) != known.end()) return;
  const std::string hint = elsewhere.empty() ? fmt::format("nearest: '{}'", nearest(key, known))
                                             : fmt::format("it belongs to [{}]", elsewhere);
  note(problems, usage_error(fmt::format("{}: unknown key '{}' in [{}]; {}", located.at(table + "." + key),
                                         key, table, hint)));
}

void reject_unknown(const Json& json, const std::vector<ConfigField>& fields, const Located& located,
                    Problems& problems) {
  std::set<std::string> tables = {kModelsTable};
  for (const ConfigField& field : fields) tables.insert(field.table);
  for (const auto& [table, body] : json.items()) {
    if (!tables.contains(table)) {
      note(problems, usage_error(fmt::format("{}: unknown table [{}]; nearest: [{}]", located.at(table),
                                             table, nearest(table, {tables.begin(), tables.end()}))));
    } else if (!body.is_object()) {
      note(problems, usage_error(fmt::format("{}: [{}] must be a table", located.at(table), table)));
    } else if (table != kModelsTable) {
      for (const auto& [key, value] : body.items()) reject_unknown_key(table, key, fields, located, problems);
    }
  }
}

Result<void> read_model(const llm::EndpointPresets& presets, const std::string& name, const Json& table,
                        const Located& located, RunConfig& config) {
  const std::string path = fmt::format("{}.{}", kModelsTable, name);
  const std::string where = fmt::format("{}: {}", located.at(path), path);
  if (!table.is_object()) return usage_error(fmt::format("{} must be a table: [{}]", where, path));
  TRY_ASSIGN(const Json whole, llm::with_preset(presets, table, where));
  TRY_ASSIGN(config.models[name], llm::model_config_from_json(name, whole, where));
  return {};
}

Result<void> read_models(const Json& json, const Located& located, RunConfig& config, Problems& problems) {
  if (!json.contains(kModelsTable) || !json[kModelsTable].is_object()) return {};
  TRY_ASSIGN(const auto home, find_home());
  TRY_ASSIGN(const auto presets, llm::EndpointPresets::load(home / "configs/models/endpoints.toml"));
  for (const auto& [name, table] : json[kModelsTable].items())
    note(problems, read_model(presets, name, table, located, config));
  return {};
}

// Whatever can be read is; the rest is in `problems`.
RunConfig read(const Json& json, const Located& located, Problems& problems) {
  RunConfig config;
  const std::vector<ConfigField> fields = config_fields(config);
  reject_unknown(json, fields, located, problems);
  for (const ConfigField& field : fields) {
    if (!json.contains(field.table) || !json[field.table].is_object()) continue;
    if (!json[field.table].contains(field.key)) continue;
    const std::string where = fmt::format("{}: {}", located.at(field.path()), field.path());
    note(problems, field.set(json[field.table][field.key], where));
  }
  config.operators_given =
      json.contains("search") && json["search"].is_object() && json["search"].contains("operators");
  note(problems, read_models(json, located, config, problems));
  return config;
}

}  // namespace

CheckedConfig check_config_text(std::string_view toml, const std::string& where) {
  CheckedConfig checked;
  auto parsed = parse_toml(toml, where);
  if (!parsed) {
    checked.problems.push_back(parsed.error());
    return checked;
  }
  checked.located = std::move(parsed->located);
  checked.config = read(parsed->json, checked.located, checked.problems);
  for (const KeyWithoutEffect& key : keys_without_effect(checked.config))
    checked.problems.push_back(error_of(key, checked.located));
  if (checked.problems.empty()) note(checked.problems, check_run_config(checked.config, where));
  return checked;
}

Result<RunConfig> parse_run_config(std::string_view toml, const std::string& where) {
  CheckedConfig checked = check_config_text(toml, where);
  if (!checked.problems.empty()) return tl::unexpected(checked.problems.front());
  return std::move(checked.config);
}

Result<RunConfig> load_run_config(const std::filesystem::path& path) {
  TRY_ASSIGN(const std::string content, read_file(path, 1 << 20));
  return parse_run_config(content, path.string());
}

Json to_json(const RunConfig& config) {
  RunConfig copy = config;
  Json json = Json::object();
  for (const ConfigField& field : config_fields(copy)) json[field.table][field.key] = field.get();
  for (const auto& [name, model] : config.models) json[kModelsTable][name] = llm::to_json(model);
  return json;
}

Result<RunConfig> run_config_from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) return usage_error(where + ": a configuration must be an object");
  Problems problems;
  RunConfig config = read(json, Located{where, {}}, problems);
  if (!problems.empty()) return tl::unexpected(problems.front());
  TRY(check_run_config(config, where));
  return config;
}

std::string to_toml(const RunConfig& config) {
  RunConfig copy = config;
  std::string out, table;
  std::vector<ConfigField> fields = config_fields(copy);
  std::stable_sort(fields.begin(), fields.end(),
                   [](const ConfigField& a, const ConfigField& b) { return a.table < b.table; });
  for (const ConfigField& field : fields) {
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
  if (auto fit = prompt::check_trial_sections(config.search.trial_sections); !fit)
    return add_context(fit.error(), where);
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
