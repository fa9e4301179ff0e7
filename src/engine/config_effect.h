// Keys of a run configuration that change nothing beside the other keys: refused, so that nobody believes in
// a setting that is not at work. A key that has its default value may stand anywhere, since the config.toml
// of a run's folder lists all keys.
#pragma once

#include <string>
#include <vector>

#include "src/engine/run_config.h"
#include "src/engine/toml_reader.h"

namespace warpwright::engine {

struct KeyWithoutEffect {
  std::string path;  // "search.migration_interval", "models.fast"
  std::string why;   // follows the path: "has no effect: there is one island ..."
};

Error error_of(const KeyWithoutEffect& key, const Located& located);

// What the file alone tells: neither the command line nor an agent can change it.
std::vector<KeyWithoutEffect> keys_without_effect(const RunConfig& config);

// What is known when the agent's operators and roles are settled: `asked` is the configuration before, with
// what the command line gave.
std::vector<KeyWithoutEffect> keys_without_effect_beside_agent(const RunConfig& asked,
                                                               const RunConfig& settled);

}  // namespace warpwright::engine
