// An agent: how a search proposes, apart from where its models are, what they cost and how long it may run
// (those stand in the run's configuration). agents/<name>/agent.toml; agents/README.md shows every key.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "src/base/json.h"
#include "src/prompt/build_prompt.h"

namespace warpwright::prompt {

struct AgentConfig {
  std::string name;
  std::string approach = "agent-assisted";  // or "full-agent": from the definition alone, without seeds
  bool opens_seeds() const { return approach == "agent-assisted"; }

  std::map<std::string, double> operators;  // by weight, at least one above zero
  std::map<std::string, std::string>
      roles;  // operator -> role of the model asked, where it is not the operator's own

  // [memory]
  int repair_attempts = 2;  // on one failure, in a row
  size_t shown_top = 2, shown_diverse = 2, shown_failures = 4, shown_lessons = 24;

  PromptSettings prompt;
};

// Strict: an unknown key, a wrong type or a value out of range is a usage error that begins with
// where("<dotted path of the key>"), e.g. its file and line, and names the nearest key there is.
using Where = std::function<std::string(const std::string& dotted_path)>;
Result<AgentConfig> agent_config_from_json(const Json& json, const Where& where);
Json to_json(const AgentConfig& config);  // reading it back gives the same

}  // namespace warpwright::prompt
