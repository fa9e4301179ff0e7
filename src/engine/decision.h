// The next decision with all that its event needs: declared knobs of a seed, the prompt of a request. The
// same for a live run and for a replay, which compares what it gets with what was recorded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/engine/prompting.h"
#include "src/engine/setup.h"
#include "src/search/state.h"

namespace warpwright::engine {

struct Decided {
  std::vector<events::Event> events;  // the decision; behind it a ProposalFailed where no prompt can be made
  std::map<std::string, std::string> blobs;       // by hash
  std::optional<llm::Conversation> conversation;  // of a request: what the prompt's blob says
  std::string exhausted;                          // not empty: the run is over, and why; no events
};

struct DecisionContext {
  const RunConfig& config;
  RunSetup& setup;
  const Agent* agent;  // null: none
  BlobLookup blob;
};

// REQUIRES: search::ready_to_decide(state). Error: a blob is missing.
Result<Decided> decide_next(const DecisionContext& context, const search::State& state);

// Makes the source known to `sources`, from the blobs if it is not there.
Result<void> load_source(SourceStore& sources, const std::string& hash, const BlobLookup& blob);

}  // namespace warpwright::engine
