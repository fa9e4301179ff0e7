// From an answer to the event that it comes to. Pure, so that a replay reads an answer as the run did.
#pragma once

#include <string>
#include <vector>

#include "src/engine/prompting.h"
#include "src/llm/provider.h"

namespace warpwright::engine {

struct Answer {
  std::string text;
  std::string finish;  // as in ModelAnswered
};

struct Interpretation {
  events::Event event;  // Proposed, Researched, FollowUpAsked or ProposalFailed
  std::vector<std::string> blobs;
};

// `agent` is null for scripted answers: then nothing is asked again. `parent_source` is empty where there is
// no parent. New sources are added to `sources`. Error: a blob is missing.
Result<Interpretation> interpret(const events::Candidate& candidate, const Answer& answer,
                                 const std::string& parent_source, const Agent* agent, SourceStore& sources,
                                 const BlobLookup& blob);

}  // namespace warpwright::engine
