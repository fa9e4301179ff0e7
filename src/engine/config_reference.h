// The reference of every option: of a run configuration (run_config.h) with its models, and of agent.toml.
// Words are config_docs.h's; types, ranges and defaults are those of the lists that the readers go by, so
// that none of them is written twice. docs/CONFIGURATION.md is this reference.
#pragma once

#include <string>
#include <vector>

#include "src/base/json.h"

namespace warpwright::engine {

struct ConfigOption {
  std::string table;  // "run", "models.NAME", "agent.toml"
  std::string key;
  std::string type;
  std::string range;         // empty: any
  Json default_value;        // null: none
  std::string unit;          // empty: none
  std::string command_line;  // an option of `warpwright evolve`; empty: the file alone
  std::string about;
  std::vector<std::string> providers;  // of models.NAME: those that use it; empty: all

  std::string path() const { return table + "." + key; }
};

const std::vector<ConfigOption>& config_options();  // in the order of the reference

// "" (all), a table or a key: "search", "search.islands", "models.fast.model" (any name), "agent.toml",
// or a key alone: "islands". Error (usage): there is none; it names the nearest.
Result<std::vector<ConfigOption>> find_options(const std::string& what);

std::string options_text(const std::vector<ConfigOption>& options);
Json options_json(const std::vector<ConfigOption>& options);
std::string configuration_markdown();  // docs/CONFIGURATION.md

}  // namespace warpwright::engine
