#include "src/prompt/agent_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "src/base/edit_distance.h"
#include "src/prompt/agent_keys.h"

namespace warpwright::prompt {
namespace {

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
  return *std::min_element(candidates.begin(), candidates.end(),
                           [&](const std::string& a, const std::string& b) {
                             return edit_distance(word, a) < edit_distance(word, b);
                           });
}

// One table of the file.
class Table {
 public:
  static Result<Table> open(const Json& json, std::string path, const Where& where) {
    if (!json.is_object()) return usage_error(fmt::format("{}: '{}' must be a table", where(path), path));
    return Table(json, std::move(path), where);
  }

  std::string path_of(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }
  tl::unexpected<Error> refuse(const std::string& key, std::string_view problem) const {
    return usage_error(fmt::format("{}: key '{}' {}", where_(path_of(key)), path_of(key), problem));
  }
  const Json* find(const std::string& key) const {
    const auto it = json_.find(key);
    return it == json_.end() ? nullptr : &*it;
  }
  const Json& json() const { return json_; }
  const Where& where() const { return where_; }

  // Only the keys that agent_keys() has for this table.
  Result<void> only_known() const { return only(agent_keys_of(path_)); }
  Result<void> only(const std::vector<std::string>& known) const {
    for (const auto& [key, ignored] : json_.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        return refuse(key, fmt::format("is unknown; did you mean '{}'?", nearest(key, known)));
    return {};
  }
  template <class Integer>
  Result<void> integer(const std::string& key, Integer& value) const {
    return integer(key, agent_key(path_of(key)), value);
  }
  template <class Integer>
  Result<void> integer(const std::string& key, const AgentKey& range, Integer& value) const {
    const Json* json = find(key);
    if (json == nullptr) return {};
    if (!json->is_number_integer() || json->get<int64_t>() < range.low || json->get<int64_t>() > range.high)
      return refuse(key, fmt::format("must be an integer of {} to {}", range.low, range.high));
    value = static_cast<Integer>(json->get<int64_t>());
    return {};
  }
  Result<void> string(const std::string& key, std::string& value) const {
    const Json* json = find(key);
    if (json == nullptr) return {};
    if (!json->is_string() || json->get<std::string>().empty())
      return refuse(key, "must be a string that is not empty");
    value = json->get<std::string>();
    return {};
  }

 private:
  Table(const Json& json, std::string path, const Where& where)
      : json_(json), path_(std::move(path)), where_(where) {}
  const Json& json_;
  std::string path_;
  const Where& where_;
};

// The table `key` of a table; nothing if it is not there.
Result<std::optional<Table>> sub_table(const Table& table, const std::string& key) {
  const Json* json = table.find(key);
  if (json == nullptr) return std::optional<Table>();
  TRY_ASSIGN(Table sub, Table::open(*json, table.path_of(key), table.where()));
  return std::optional<Table>(std::move(sub));
}

Result<void> read_approach(const Table& table, AgentConfig& config) {
  TRY(table.string("name", config.name));
  if (table.find("approach") == nullptr)
    return table.refuse("approach", "is missing: write \"full-agent\" or \"agent-assisted\"");
  TRY(table.string("approach", config.approach));
  if (config.approach != "full-agent" && config.approach != "agent-assisted")
    return table.refuse("approach", "must be \"full-agent\" (no seeds) or \"agent-assisted\"");
  return {};
}

Result<void> read_operators(const Table& table, AgentConfig& config) {
  TRY_ASSIGN(const auto operators, sub_table(table, "operators"));
  if (!operators)
    return table.refuse("operators", "is missing: [operators] gives each its weight, e.g. diff = 1.0");
  double sum = 0;
  for (const auto& [name, weight] : operators->json().items()) {
    const AgentKey& range = agent_key("operators");
    const double value = weight.is_number() ? weight.get<double>() : -1;
    if (!(value >= static_cast<double>(range.low) && value <= static_cast<double>(range.high)))
      return operators->refuse(name, fmt::format("must be a weight of {} to {}", range.low, range.high));
    config.operators[name] = weight.get<double>();
    sum += weight.get<double>();
  }
  if (!(sum > 0)) return table.refuse("operators", "must give at least one operator a weight above 0");
  return {};
}

Result<void> read_roles(const Table& table, AgentConfig& config) {
  TRY_ASSIGN(const auto roles, sub_table(table, "roles"));
  if (!roles) return {};
  for (const auto& [name, role] : roles->json().items()) {
    if (!config.operators.contains(name))
      return roles->refuse(name, "names no operator of [operators]: a role without effect");
    TRY(roles->string(name, config.roles[name]));
  }
  return {};
}

Result<void> read_memory(const Table& table, AgentConfig& config) {
  TRY_ASSIGN(const auto memory, sub_table(table, "memory"));
  if (!memory) return {};
  TRY(memory->only_known());
  TRY(memory->integer("repair_attempts", config.repair_attempts));
  TRY(memory->integer("top", config.shown_top));
  TRY(memory->integer("diverse", config.shown_diverse));
  TRY(memory->integer("failures", config.shown_failures));
  return memory->integer("lessons", config.shown_lessons);
}

Result<void> read_section_tokens(const Table& prompt, PromptSettings& settings) {
  TRY_ASSIGN(const auto sections, sub_table(prompt, "sections"));
  if (!sections) return {};
  std::vector<std::string> known;
  for (const SectionBudget& budget : default_section_tokens()) known.emplace_back(budget.name);
  TRY(sections->only(known));
  for (const auto& [name, ignored] : sections->json().items())
    TRY(sections->integer(name, agent_key("prompt.sections"), settings.section_tokens[name]));
  return {};
}

Result<void> read_prompt(const Table& table, PromptSettings& settings) {
  TRY_ASSIGN(const auto prompt, sub_table(table, "prompt"));
  if (!prompt) return {};
  TRY(prompt->only_known());
  TRY(prompt->integer("system_tokens", settings.system_tokens));
  TRY(prompt->integer("user_tokens", settings.user_tokens));
  TRY(prompt->integer("workloads", settings.shown_workloads));
  if (const Json* tags = prompt->find("knowledge")) {
    const bool is_list = tags->is_array() &&
                         std::all_of(tags->begin(), tags->end(), [](const Json& t) { return t.is_string(); });
    if (!is_list) return prompt->refuse("knowledge", "must be a list of tags, e.g. [\"split-k\"]");
    settings.knowledge_tags = tags->get<std::vector<std::string>>();
  }
  return read_section_tokens(*prompt, settings);
}

}  // namespace

Result<AgentConfig> agent_config_from_json(const Json& json, const Where& where) {
  AgentConfig config;
  TRY_ASSIGN(const Table table, Table::open(json, "", where));
  TRY(table.only_known());
  TRY(read_approach(table, config));
  TRY(read_operators(table, config));
  TRY(read_roles(table, config));
  TRY(read_memory(table, config));
  TRY(read_prompt(table, config.prompt));
  return config;
}

Json to_json(const AgentConfig& config) {
  Json json = {{"approach", config.approach},
               {"operators", config.operators},
               {"roles", config.roles},
               {"memory",
                {{"repair_attempts", config.repair_attempts},
                 {"top", config.shown_top},
                 {"diverse", config.shown_diverse},
                 {"failures", config.shown_failures},
                 {"lessons", config.shown_lessons}}},
               {"prompt",
                {{"system_tokens", config.prompt.system_tokens},
                 {"user_tokens", config.prompt.user_tokens},
                 {"workloads", config.prompt.shown_workloads},
                 {"knowledge", config.prompt.knowledge_tags},
                 {"sections", config.prompt.section_tokens}}}};
  if (!config.name.empty()) json["name"] = config.name;
  return json;
}

}  // namespace warpwright::prompt
