// From a decision to what the model is told: gathers what a prompt may show from the run's state and blobs.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "src/engine/agent.h"
#include "src/engine/prompt_memory.h"
#include "src/engine/sources.h"
#include "src/llm/conversation.h"
#include "src/search/state.h"

namespace warpwright::engine {

using BlobLookup = std::function<Result<std::string>(const std::string& hash)>;

// What stands about the run in every prompt. References must outlive the call.
struct PromptTask {
  const Agent& agent;
  const trace::Definition& definition;  // as the dataset has it; the selection may scale it
  const SourceStore& sources;
  const RunConfig& config;  // settled: no "auto" left
  PromptMemory& memory;     // of this run
};

struct RenderedPrompt {
  std::string blob;
  std::optional<llm::Conversation>
      conversation;  // none: the blob's text is not to the letter what was rendered
};
// The conversation for a request that is about to be decided, as the blob that the journal keeps:
// {"conversation": ..., "sections": [{name, tokens, cut_tokens, cut}]}. A pure function of its arguments:
// `state` is the one that the decision was made from. Error: the operator has no template, or a needed source
// is larger than its budget (a usage error of the configuration), or a blob is missing.
Result<RenderedPrompt> render_prompt(const PromptTask& task, const search::State& state,
                                     const events::ModelRequested& request, const BlobLookup& blob);

// The same conversation, one turn longer: the reply, and why it could not be used.
Result<std::string> render_follow_up(const Agent& agent, const std::string& prompt_blob,
                                     const std::string& reply, const prompt::ReplyProblem& problem);

Result<llm::Conversation> conversation_of(const std::string& prompt_blob);

}  // namespace warpwright::engine
