// Programs that were evaluated before, though under another name: found by the identity of their machine code
// and by the fingerprint of their PTX (EvaluationReport), whatever race they ran in.
//
// Two such programs in flight at once are both evaluated: which of them came first is a fact of arrival, and
// no fact of arrival may show in a run. So a ticket shares results only with those that were applied when it
// was decided.
#pragma once

#include <optional>
#include <string>

#include "src/search/state.h"

namespace warpwright::search {

// The smallest ticket among those that the decision of `ticket` saw applied, of an equal program; none where
// the run does not share results. Empty strings equal nothing.
std::optional<events::CandidateId> evaluated_before(const State& state, events::Ticket ticket,
                                                    const std::string& identity,
                                                    const std::string& fingerprint);

// What is recorded of a candidate that compiled.
events::Compiled compiled_event(const State& state, events::Ticket ticket, const std::string& identity,
                                const std::string& result_key, const std::string& fingerprint,
                                const std::string& sketch);

// Another applied candidate, before this one in turn, that is the same program and came out alike: this one
// adds nothing to a population, though it was evaluated, too.
std::optional<events::CandidateId> same_program(const State& state, const events::Candidate& candidate,
                                                bool passed);

}  // namespace warpwright::search
