// Numeric tuning: the declared knobs of promising sources, searched by a model of their scores with a stated
// budget of evaluations, in the same population as everything else (each setting is a candidate like any
// other).
//
// Which sources have sessions, and their budgets: tuning_table.h. Which of them gets a ticket: the source
// with the best score, and of equal ones the one that was opened last, unless a third of its last grant (at
// least two) is under way already, for a model learns from outcomes; then the next. Which values: the
// assignment, never tried before, from which the model of knob_choice.h expects most, outstanding ones taken
// into account. A session rests once its model expects less than kLeastGain of any, until something new is
// known of its source; one that was overtaken by more than tuning_margin rests, too.
//
// There is no successive halving on top: a race (contract/race.h) cuts every loser short after the first
// workloads that show it, which is halving with the workload as its unit, and the bound that remains of it is
// what the model learns.
//
// Pure: a function of the state, by its own streams of random numbers.
#pragma once

#include <optional>

#include "src/search/decide.h"

namespace warpwright::search {

inline constexpr double kLeastGain = 0.001;  // of the log score

enum class Urgency {
  kShare,        // the ticket is one of the sessions' with the probability tuning_share
  kNothingElse,  // no operator can use it: neither the share nor the limit of what is under way holds
};

// What a session proposes for the next ticket. None: no session is awake, or the ticket is for the others.
std::optional<KnobProposal> propose_tuning(const State& state, const KnobFilter& accepts, Urgency urgency);

// The operator `tune` drew this source for its ticket: what the source's session proposes, if it has one that
// is awake.
std::optional<KnobProposal> tune_in_session(const State& state, const KnobFilter& accepts,
                                            const std::string& source_hash);

}  // namespace warpwright::search
