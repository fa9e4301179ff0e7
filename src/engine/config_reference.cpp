#include "src/engine/config_reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "src/base/check.h"
#include "src/engine/config_docs.h"
#include "src/engine/config_fields.h"
#include "src/engine/toml_reader.h"
#include "src/llm/model_keys.h"
#include "src/prompt/agent_config.h"
#include "src/prompt/agent_keys.h"

namespace warpwright::engine {
namespace {

constexpr const char* kModels = "models.NAME";
constexpr const char* kAgent = "agent.toml";

const std::vector<llm::ProviderKind>& providers() {
  using enum llm::ProviderKind;
  static const std::vector<llm::ProviderKind> kAll = {
      kOpenAiChat, kOpenAiResponses, kAnthropicMessages, kGemini, kCommand, kManual, kScripted, kReplay};
  return kAll;
}

std::vector<std::string> users_of(const std::string& key) {
  std::vector<std::string> users;
  for (const llm::ProviderKind kind : providers()) {
    const auto keys = llm::model_keys_of(kind);
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) users.emplace_back(llm::to_string(kind));
  }
  if (users.size() == providers().size()) users.clear();
  return users;
}

std::string type_text(llm::ModelKeyType type) {
  switch (type) {
    case llm::ModelKeyType::kText:
      return "text";
    case llm::ModelKeyType::kTexts:
      return "list of texts";
    case llm::ModelKeyType::kFlag:
      return "true or false";
    case llm::ModelKeyType::kInteger:
      return "whole number";
    case llm::ModelKeyType::kNumber:
      return "number";
    case llm::ModelKeyType::kTable:
      return "table";
    case llm::ModelKeyType::kPrice:
      return "table, or \"free\"";
  }
  CHECK(false);
}

// What a model has of which nothing is said, with as little said as each provider allows.
Json model_defaults() {
  Json defaults = Json::object();
  for (const llm::ProviderKind kind : providers()) {
    llm::ModelConfig model;
    model.provider = kind;
    defaults.update(llm::to_json(model));
  }
  defaults.erase("provider");
  return defaults;
}

void add_run_options(std::vector<ConfigOption>& options) {
  RunConfig defaults;
  for (const ConfigField& field : config_fields(defaults))
    options.push_back({field.table, field.key, field.type, field.range, field.get(), "", "", "", {}});
}

void add_model_options(std::vector<ConfigOption>& options) {
  const Json defaults = model_defaults();
  options.push_back({kModels, "preset", "text", "", Json(), "", "", "", {}});
  for (const std::string& key : llm::all_model_keys()) {
    const llm::ModelKey spec = llm::model_key(key);
    ConfigOption option{kModels, key, type_text(spec.type), "", Json(), "", "", "", users_of(key)};
    if (spec.low < spec.high) option.range = range_text(spec.low, spec.high);
    if (defaults.contains(key)) option.default_value = defaults[key];
    options.push_back(std::move(option));
  }
}

void add_agent_options(std::vector<ConfigOption>& options) {
  const Json defaults = prompt::to_json(prompt::AgentConfig());
  const std::map<std::string_view, std::string> types = {
      {"text", "text"}, {"texts", "list of texts"}, {"integer", "whole number"}, {"table", "table"}};
  for (const prompt::AgentKey& key : prompt::agent_keys()) {
    std::string pointer = "/" + std::string(key.path);
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    ConfigOption option{kAgent, std::string(key.path), types.at(key.type), "", Json(), "", "", "", {}};
    if (key.low < key.high)
      option.range = range_text(static_cast<double>(key.low), static_cast<double>(key.high));
    const bool is_required = key.path == "approach" || key.path == "operators";
    if (!is_required && defaults.contains(Json::json_pointer(pointer)))
      option.default_value = defaults.at(Json::json_pointer(pointer));
    if (key.path == "prompt.sections") {
      for (const auto& section : prompt::default_section_tokens())
        option.default_value[std::string(section.name)] = section.tokens;
    }
    options.push_back(std::move(option));
  }
}

std::string doc_path(const ConfigOption& option) {
  return option.table == kAgent ? fmt::format("{}: {}", kAgent, option.key) : option.path();
}

size_t rank_of(const std::string& table) {
  const auto& tables = table_docs();
  const auto found =
      std::find_if(tables.begin(), tables.end(), [&](const TableDoc& doc) { return doc.table == table; });
  return static_cast<size_t>(found - tables.begin());
}

std::string_view about_table(const std::string& table) {
  const size_t rank = rank_of(table);
  return rank < table_docs().size() ? table_docs()[rank].about : std::string_view();
}

std::string default_text(const ConfigOption& option) {
  if (option.default_value.is_null()) return "none";
  return toml_value(option.default_value);
}

// "whole number, 1 to 4096; tickets", "one of auto, sim, cuda"
std::string kind_text(const ConfigOption& option) {
  std::string text = option.type;
  if (!option.range.empty()) {
    text = option.type == "text"            ? "one of " + option.range
           : option.type == "list of texts" ? "list of " + option.range
                                            : option.type + ", " + option.range;
  }
  if (!option.unit.empty()) text += "; " + option.unit;
  return text;
}

// "models.fast.model" asks for models.NAME.model.
std::string without_name(const std::string& what) {
  if (!what.starts_with("models")) return what;
  const size_t dot = what.find('.');
  const size_t second = dot == std::string::npos ? dot : what.find('.', dot + 1);
  return second == std::string::npos ? kModels : kModels + what.substr(second);
}

std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

}  // namespace

const std::vector<ConfigOption>& config_options() {
  static const std::vector<ConfigOption> kOptions = [] {
    std::vector<ConfigOption> options;
    add_run_options(options);
    add_model_options(options);
    add_agent_options(options);
    std::map<std::string, size_t> rank;
    for (size_t i = 0; i < option_docs().size(); ++i) rank[std::string(option_docs()[i].path)] = i;
    for (ConfigOption& option : options) {
      const auto doc = rank.find(doc_path(option));
      if (doc == rank.end()) continue;  // the test finds it
      option.unit = option_docs()[doc->second].unit;
      option.command_line = option_docs()[doc->second].command_line;
      option.about = option_docs()[doc->second].about;
    }
    std::stable_sort(options.begin(), options.end(), [&](const ConfigOption& a, const ConfigOption& b) {
      return std::pair(rank_of(a.table), rank[doc_path(a)]) < std::pair(rank_of(b.table), rank[doc_path(b)]);
    });
    return options;
  }();
  return kOptions;
}

Result<std::vector<ConfigOption>> find_options(const std::string& what) {
  if (what.empty()) return config_options();
  const std::string wanted = without_name(what);
  std::vector<ConfigOption> found, by_key;
  std::vector<std::string> names;
  for (const ConfigOption& option : config_options()) {
    if (option.table == wanted || option.path() == wanted) found.push_back(option);
    if (option.key == wanted) by_key.push_back(option);
    if (std::find(names.begin(), names.end(), option.table) == names.end()) names.push_back(option.table);
    names.push_back(option.path());
  }
  if (found.empty()) found = std::move(by_key);
  if (found.empty())
    return usage_error(fmt::format("there is no option '{}'; nearest: '{}'", what, nearest(wanted, names)));
  return found;
}

std::string options_text(const std::vector<ConfigOption>& options) {
  std::string text, table;
  for (const ConfigOption& option : options) {
    if (option.table != table)
      text += fmt::format("{}[{}]  {}\n", text.empty() ? "" : "\n", option.table, about_table(option.table));
    table = option.table;
    text += fmt::format("\n{} = {}\n  {}\n", option.key, default_text(option), kind_text(option));
    if (!option.command_line.empty()) text += fmt::format("  on the command line: {}\n", option.command_line);
    if (!option.providers.empty()) text += fmt::format("  of {}\n", fmt::join(option.providers, ", "));
    text += fmt::format("  {}\n", option.about);
  }
  return text;
}

Json options_json(const std::vector<ConfigOption>& options) {
  Json json = Json::array();
  for (const ConfigOption& option : options)
    json.push_back({{"table", option.table},
                    {"key", option.key},
                    {"type", option.type},
                    {"range", option.range},
                    {"default", option.default_value},
                    {"unit", option.unit},
                    {"command_line", option.command_line},
                    {"providers", option.providers},
                    {"about", option.about}});
  return json;
}

std::string configuration_markdown() {
  std::string text =
      "# Configuration\n\n"
      "<!-- Made by `warpwright config --explain --markdown`; do not edit. -->\n\n"
      "Every option of a run configuration (`configs/*.toml`) and of an agent (`agents/*/agent.toml`). Every "
      "key "
      "may be left out but `run.definition`. A key that is unknown, out of range or without effect beside "
      "the "
      "others is an error that names file, line and mend; a key that has its default value may stand "
      "anywhere.\n\n"
      "    warpwright config --explain search.islands    one option\n"
      "    warpwright config --check FILE.toml           all that is wrong with a file\n"
      "    warpwright config --show FILE.toml            the whole configuration that it makes\n\n"
      "Options with `--` can also be given to `warpwright evolve`, where they win over the file.\n";
  std::string table;
  for (const ConfigOption& option : config_options()) {
    if (option.table != table) {
      const std::string title = option.table == kAgent ? "`agent.toml`" : fmt::format("`[{}]`", option.table);
      text += fmt::format(
          "\n## {}\n\n{}\n\n| key | type, range, unit | default | what it does |\n|---|---|---|---|\n", title,
          about_table(option.table));
      table = option.table;
    }
    std::string about = option.about;
    if (!option.command_line.empty()) about += fmt::format(" `{}`", option.command_line);
    if (!option.providers.empty()) about += fmt::format(" Of {}.", fmt::join(option.providers, ", "));
    text += fmt::format("| `{}` | {} | {} | {} |\n", option.key, cell(kind_text(option)),
                        option.default_value.is_null() ? "" : fmt::format("`{}`", cell(default_text(option))),
                        cell(about));
  }
  return text;
}

}  // namespace warpwright::engine
