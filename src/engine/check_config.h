// Every problem of a run configuration at once, where load_run_config (run_config.h) names the first: what
// `warpwright config --check` prints. The rules are the same.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/engine/agent.h"
#include "src/engine/run_config.h"
#include "src/engine/toml_reader.h"

namespace warpwright::engine {

struct CheckedConfig {
  RunConfig config;  // as far as it could be read
  Located located;
  std::vector<Error> problems;  // "<file>:<line>: ..."
};
CheckedConfig check_config_text(std::string_view toml, const std::string& where);

// The configuration as a run would begin with it: the agent's operators, roles and memory in their places,
// what its strategy does without switched off. "auto" stays: the machine settles it. `agent` is none where
// there is no [agent].
struct SettledConfig {
  RunConfig config;
  std::optional<Agent> agent;
};
Result<SettledConfig> settle_config(const RunConfig& asked, const std::string& where);

// The file with all that evolve looks up before its first worker: agent, definition, rules, device,
// selection, seeds. `config` is settled where there is no problem.
CheckedConfig check_config_file(const std::filesystem::path& path);

}  // namespace warpwright::engine
