#include "src/prompt/agent_keys.h"

#include <algorithm>

#include "src/base/check.h"

namespace warpwright::prompt {

const std::vector<AgentKey>& agent_keys() {
  static const std::vector<AgentKey> kKeys = {{"name", "text"},
                                              {"approach", "text"},
                                              {"operators", "table", 0, 1'000'000},
                                              {"roles", "table"},
                                              {"memory.repair_attempts", "integer", 0, 8},
                                              {"memory.top", "integer", 0, 20},
                                              {"memory.diverse", "integer", 0, 20},
                                              {"memory.failures", "integer", 0, 50},
                                              {"memory.lessons", "integer", 0, 200},
                                              {"prompt.system_tokens", "integer", 2000, 1'000'000},
                                              {"prompt.user_tokens", "integer", 1000, 1'000'000},
                                              {"prompt.workloads", "integer", 2, 200},
                                              {"prompt.knowledge", "texts"},
                                              {"prompt.sections", "table", 0, 1'000'000}};
  return kKeys;
}

const AgentKey& agent_key(std::string_view path) {
  const auto& keys = agent_keys();
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const AgentKey& key) { return key.path == path; });
  CHECK(found != keys.end());
  return *found;
}

std::vector<std::string> agent_keys_of(std::string_view table) {
  std::vector<std::string> names;
  for (const AgentKey& key : agent_keys()) {
    std::string_view rest = key.path;
    if (!table.empty()) {
      if (!rest.starts_with(table) || rest.size() <= table.size() || rest[table.size()] != '.') continue;
      rest.remove_prefix(table.size() + 1);
    }
    const std::string name(rest.substr(0, rest.find('.')));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace warpwright::prompt
