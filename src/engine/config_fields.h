// The keys of a run configuration: where each stands, its type and range, how it is read and written. The one
// list that reading, writing, checking and the reference (config_reference.h) go by. [models.NAME] is
// llm/model_keys.h's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "src/engine/run_config.h"

namespace warpwright::engine {

struct ConfigField {
  std::string table, key;
  std::string type;   // for people: "whole number", "text", ...
  std::string range;  // "1 to 4096", "auto, sim, cuda"; empty: any
  std::function<Json()> get;
  // `where` begins the error: "<file>:<line>: table.key".
  std::function<Result<void>(const Json& value, const std::string& where)> set;

  std::string path() const { return table + "." + key; }
};

inline constexpr const char* kModelsTable = "models";

// REQUIRES: `config` outlives the list.
std::vector<ConfigField> config_fields(RunConfig& config);

// "1 to 4096"; "0 or more" where nothing bounds it above.
std::string range_text(double low, double high);

}  // namespace warpwright::engine
