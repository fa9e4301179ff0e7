#include "src/engine/config_effect.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/search/strategy.h"

namespace warpwright::engine {
namespace {

struct Rule {
  std::vector<std::string> paths;
  bool (*is_idle)(const RunConfig& config);
  std::string why;
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> kRules = {
      {{"search.archive_size", "search.archive_rank", "search.exploration", "search.exploitation",
        "search.elite", "search.population_size", "search.temperature", "search.dimensions"},
       [](const RunConfig& c) { return c.search.strategy != "evolve"; },
       "there is no population but with search.strategy = \"evolve\""},
      {{"search.migration_interval", "search.migration_count"},
       [](const RunConfig& c) { return c.search.islands == 1; },
       "there is one island: raise search.islands"},
      {{"search.migration_count"},
       [](const RunConfig& c) { return c.search.migration_interval == 0; },
       "search.migration_interval = 0: there is no migration"},
      {{"search.tuning_margin", "search.tuning_share"},
       [](const RunConfig& c) { return c.search.tuning_budget == 0; },
       "search.tuning_budget = 0: there are no tuning sessions"},
      {{"search.trial_share"},
       [](const RunConfig& c) { return c.search.trial_sections.empty(); },
       "no section is on trial: name some in search.trial_sections"},
      {{"search.bandit_memory"},
       [](const RunConfig& c) {
         return c.search.model_choice != "bandit" && c.search.operator_choice != "bandit";
       },
       "no choice is a bandit's: search.model_choice or search.operator_choice = \"bandit\""},
      {{"search.stagnation_actions"},
       [](const RunConfig& c) { return c.search.stagnation_after == 0; },
       "search.stagnation_after = 0: no island counts as stagnant"},
      {{"search.top_inspirations", "search.diverse_inspirations"},
       [](const RunConfig& c) { return c.search.inspirations == 0; },
       "search.inspirations = 0: none is shown"},
      {{"seeds.folder", "seeds.baseline"},
       [](const RunConfig& c) { return !c.seeds_allowed; },
       "seeds.allowed = false: no seed is opened"},
      {{"evaluation.max_warp_instructions"},
       [](const RunConfig& c) { return c.executor == "cuda"; },
       "it bounds the simulator, and device.executor = \"cuda\""}};
  return kRules;
}

const Json& value_at(const Json& json, const std::string& path) {
  const size_t dot = path.find('.');
  return json.at(path.substr(0, dot)).at(path.substr(dot + 1));
}

// Settings that the strategy switches off, whatever they say.
void note_switched_off(const RunConfig& config, const Json& defaults, std::vector<KeyWithoutEffect>& keys) {
  const auto settled = search::settle_strategy(config.search);
  if (!settled) return;  // said elsewhere
  const Json asked = events::to_json(config.search), left = events::to_json(*settled);
  for (const auto& [key, value] : asked.items()) {
    if (key == "operators" || value == left[key] || value == defaults["search"].value(key, value)) continue;
    keys.push_back({"search." + key, fmt::format("has no effect: search.strategy = \"{}\" does without it",
                                                 config.search.strategy)});
  }
}

bool asks_model(const RunConfig& config, const std::string& model) {
  return std::any_of(config.search.roles.begin(), config.search.roles.end(),
                     [&](const auto& role) { return role.second.contains(model); });
}

bool has_weight(const RunConfig& config, const std::string& op) {
  const auto found = config.search.operators.find(op);
  return found != config.search.operators.end() && found->second > 0;
}

// Operators come from the agent: what belongs to them does, too.
void note_agents_own(const RunConfig& asked, const RunConfig& settled, std::vector<KeyWithoutEffect>& keys) {
  const events::SearchSettings defaults;
  const bool brings = !asked.agent.empty() && !asked.operators_given;
  const auto note = [&](const char* path, const char* agents, int value, int default_value) {
    if (value == default_value) return;
    if (brings)
      keys.push_back({path, fmt::format("has no effect: agent '{}' brings its own with its operators ({}); "
                                        "write [search.operators], too, or leave it out",
                                        asked.agent, agents)});
  };
  note("search.inspirations", "memory.diverse", asked.search.inspirations, defaults.inspirations);
  note("search.repair_attempts", "memory.repair_attempts", asked.search.repair_attempts,
       defaults.repair_attempts);
  if (!brings && asked.search.repair_attempts != defaults.repair_attempts && !has_weight(settled, "repair"))
    keys.push_back({"search.repair_attempts", "has no effect: operator 'repair' has no weight"});
}

}  // namespace

Error error_of(const KeyWithoutEffect& key, const Located& located) {
  return {ErrorKind::kUsage, fmt::format("{}: {} {}", located.at(key.path), key.path, key.why)};
}

std::vector<KeyWithoutEffect> keys_without_effect(const RunConfig& config) {
  RunConfig plain;
  const Json defaults = to_json(plain);
  // What a run's folder lists is no belief either: the values that the strategy leaves.
  plain.search.strategy = config.search.strategy;
  const Json left = events::to_json(search::settle_strategy(plain.search).value_or(plain.search));
  const Json json = to_json(config);
  std::vector<KeyWithoutEffect> keys;
  note_switched_off(config, defaults, keys);
  for (const Rule& rule : rules()) {
    if (!rule.is_idle(config)) continue;
    for (const std::string& path : rule.paths) {
      const Json& value = value_at(json, path);
      const bool is_noted =
          std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.path == path; });
      const bool is_left = path.starts_with("search.") && value == left[path.substr(7)];
      if (!is_noted && !is_left && value != value_at(defaults, path))
        keys.push_back({path, "has no effect: " + rule.why});
    }
  }
  return keys;
}

std::vector<KeyWithoutEffect> keys_without_effect_beside_agent(const RunConfig& asked,
                                                               const RunConfig& settled) {
  std::vector<KeyWithoutEffect> keys;
  for (const auto& [name, model] : settled.models)
    if (!asks_model(settled, name))
      keys.push_back({fmt::format("models.{}", name),
                      settled.agent.empty()
                          ? "has no effect: there is no agent who asks models; agent.name = "
                            "\"evolver\""
                          : "has no effect: no role of search.roles asks it"});
  for (const auto& [op, role] : asked.search.operator_roles)
    if (!has_weight(settled, op))
      keys.push_back({fmt::format("search.operator_roles.{}", op),
                      fmt::format("has no effect: operator '{}' has no weight", op)});
  note_agents_own(asked, settled, keys);
  if (settled.models.empty()) {
    const auto note = [&](const char* path, bool is_set) {
      if (is_set) keys.push_back({path, "has no effect: there is no model to spend it on"});
    };
    note("budget.max_dollars", settled.max_dollars > 0);
    note("budget.max_tokens", settled.max_tokens > 0);
    note("budget.max_calls", settled.max_calls > 0);
  }
  return keys;
}

}  // namespace warpwright::engine
