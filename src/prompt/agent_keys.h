// Which keys agent.toml may have, with types and ranges. agent_config.cpp reads by it, the reference of the
// configuration (engine/config_reference.h) prints it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warpwright::prompt {

struct AgentKey {
  std::string_view path;      // "memory.top"
  std::string_view type;      // "text", "texts", "integer", or "table" of free names
  int64_t low = 0, high = 0;  // of integers, also of those in a table
};

const std::vector<AgentKey>& agent_keys();
const AgentKey& agent_key(std::string_view path);  // REQUIRES: there is one
// The keys right below a table ("": the file), its sub-tables included.
std::vector<std::string> agent_keys_of(std::string_view table);

}  // namespace warpwright::prompt
