// What to propose next: a pure function of the state. All draws come from Rng::stream(seed, "proposal",
// ticket).
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "src/search/compose.h"
#include "src/search/state.h"

namespace warpwright::search {

struct SeedProposal {  // evaluated with its default knobs
  events::Origin origin;
  events::SeedSource seed;
};
struct KnobProposal {  // a source that passed before, with an assignment never proposed before
  events::Origin origin;
  std::string source_hash;
  KnobValues knobs;
  std::string note;  // "neighbour: SPLITS 16 -> 8"
};
struct ComposeProposal {  // a source that dispatches to the champions, evaluated with its default knobs
  events::Origin origin;
  ComposedSource source;
  std::string note;
};
struct ModelRequest {  // performed by the engine through a provider
  events::Origin origin;
  int64_t request_index = 0;  // of this operator, from 0
  std::string role, model;
  std::vector<std::string> left_out = {};  // sections of the prompt (prompt_trials.h)
};
struct Idle {  // nothing to propose from what this ticket may see; outstanding outcomes may change that
  std::string reason;
};
struct Exhausted {  // nothing to propose and nothing outstanding: the run ends cleanly
  std::string reason;
};
using Decision = std::variant<SeedProposal, KnobProposal, ComposeProposal, ModelRequest, Idle, Exhausted>;

// True if the source's `require` statements accept the assignment. Must be a pure function.
using KnobFilter = std::function<bool(const std::string& source_hash, const KnobValues& knobs)>;

// REQUIRES: ready_to_decide(state). An empty filter accepts everything; a composer without a function
// composes nothing.
Decision decide(const State& state, const KnobFilter& accepts, const Composer& composer = {});

// The event that records a decision for state.next_ticket(). A seed also needs its declared knobs (empty if
// the plan does not parse); a model request gets its prompt from the engine. REQUIRES: not Exhausted.
events::Event event_of(const State& state, const Decision& decision,
                       const std::vector<events::DeclaredKnob>& seed_knobs = {});

// Every knob at its default.
KnobValues default_knobs(const std::vector<events::DeclaredKnob>& declared);

}  // namespace warpwright::search
