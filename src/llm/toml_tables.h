// The tables of a configuration file of ours (endpoints.toml, prices.toml) as JSON, with the line each begins
// at.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"

namespace warpwright::llm {

struct TomlTable {
  std::string name;   // "openai" of [openai] and of [[openai]]
  std::string where;  // "<file>:<line>"
  Json json;
};

// In the order of lines. What stands outside of tables is an error.
Result<std::vector<TomlTable>> read_toml_tables(std::string_view text, const std::string& file);
Result<std::vector<TomlTable>> read_toml_tables(const std::filesystem::path& path);

}  // namespace warpwright::llm
