#include "src/engine/agent.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "src/base/files.h"
#include "src/engine/toml_reader.h"
#include "src/search/operators.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAgentFile = "agent.toml";

std::string names_of_agents(const fs::path& home) {
  std::string names;
  std::error_code ignored;
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(home / "agents", ignored))
    if (fs::exists(entry.path() / kAgentFile, ignored)) found.push_back(entry.path().filename().string());
  std::sort(found.begin(), found.end());
  for (const std::string& name : found) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  return names.empty() ? "none" : names;
}

Result<prompt::AgentConfig> parse_agent(const std::string& text, const std::string& where) {
  TRY_ASSIGN(const LocatedJson parsed, parse_toml(text, where));
  return prompt::agent_config_from_json(parsed.json,
                                        [&](const std::string& path) { return parsed.located.at(path); });
}

}  // namespace

Result<Agent> load_agent(const std::string& name, const fs::path& home) {
  std::error_code ignored;
  const bool is_name = name.find('/') == std::string::npos;
  const fs::path folder = is_name ? home / "agents" / name : fs::path(name);
  if (!fs::exists(folder / kAgentFile, ignored))
    return usage_error(fmt::format("{}: no such file; agents there are: {}", (folder / kAgentFile).string(),
                                   names_of_agents(home)));
  TRY_ASSIGN(const std::string text, read_file(folder / kAgentFile, 1 << 20));
  Agent agent;
  TRY_ASSIGN(agent.config, parse_agent(text, (folder / kAgentFile).string()));
  TRY_ASSIGN(agent.library, prompt::PromptLibrary::load(home, folder));
  return agent;
}

std::string agent_blob(const Agent& agent) {
  return dump_json(Json(agent.library.files()));
}

Result<Agent> agent_from_blob(const std::string& blob) {
  TRY_ASSIGN(const Json json, parse_json(blob, "recorded agent"));
  std::map<std::string, std::string> files;
  for (const auto& [path, text] : json.items()) {
    if (!text.is_string()) return usage_error("recorded agent: " + path + " is no text");
    files[path] = text.get<std::string>();
  }
  if (!files.contains(kAgentFile)) return usage_error("recorded agent: it holds no agent.toml");
  Agent agent;
  TRY_ASSIGN(agent.config, parse_agent(files[kAgentFile], kAgentFile));
  TRY_ASSIGN(agent.library, prompt::PromptLibrary::from_files(std::move(files)));
  return agent;
}

Result<void> settle_agent(RunConfig& config, const Agent& agent) {
  events::SearchSettings& search = config.search;
  if (!config.operators_given) {
    search.operators = agent.config.operators;
    search.repair_attempts = agent.config.repair_attempts;
    search.inspirations = static_cast<int>(agent.config.shown_diverse);
    config.operators_given = true;
  }
  for (const auto& [op, role] : agent.config.roles) search.operator_roles.try_emplace(op, role);
  std::set<std::string> roles;
  for (const auto& [op, weight] : search.operators) {
    const search::Operator* kind = search::find_operator(op);
    if (kind == nullptr || kind->role.empty() || op == "scripted") continue;
    const auto named = search.operator_roles.find(op);
    roles.insert(named == search.operator_roles.end() ? std::string(kind->role) : named->second);
  }
  for (const auto& [role, models] : search.roles) {
    if (roles.contains(role)) continue;
    return usage_error(fmt::format("search.roles: no operator of agent '{}' asks a '{}' (it asks: {})",
                                   config.agent, role, fmt::join(roles, ", ")));
  }
  for (const std::string& role : roles)
    if (!search.roles.contains(role))
      for (const auto& [name, model] : config.models) search.roles[role][name] = 1;
  TRY(prompt::check_trial_sections_used(search.trial_sections, agent.library));
  if (!agent.config.opens_seeds()) config.seeds_allowed = false;
  return {};
}

}  // namespace warpwright::engine
