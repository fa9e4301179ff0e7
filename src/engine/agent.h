// The agent of a run: how it goes about proposing, and the texts its prompts are made of. A value that the
// journal keeps as one blob, so that a run goes on, replays and forks with what it began with, whatever
// became of the files.
#pragma once

#include <filesystem>
#include <string>

#include "src/engine/run_config.h"
#include "src/prompt/agent_config.h"
#include "src/prompt/library.h"

namespace warpwright::engine {

struct Agent {
  prompt::AgentConfig config;
  prompt::PromptLibrary library;
};

// `name`: a folder below <home>/agents, or the path of one. Errors (usage) name file and line.
Result<Agent> load_agent(const std::string& name, const std::filesystem::path& home);

std::string agent_blob(const Agent& agent);  // the same agent, the same bytes
Result<Agent> agent_from_blob(const std::string& blob);

// What the run's configuration leaves open: operators with their roles, whom the roles ask (all models
// alike), how often a failure is repaired; a full-agent run opens no seeds. Error: a role that is given and
// that nobody has.
Result<void> settle_agent(RunConfig& config, const Agent& agent);

}  // namespace warpwright::engine
