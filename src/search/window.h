// The window: which outcomes a ticket's proposal sees, and what follows from the state by itself.
//
// Ticket t is proposed from exactly the state in which the outcomes of tickets 0..t-W are applied (W =
// window), none beyond, and never before all seeds are: so the sequence of candidates is a function of
// (configuration, seed, answers, evaluation results), with any number of workers and any order of arrival. W
// is also the most tickets in flight: a larger one keeps more workers busy, a smaller one searches from
// fresher parents.
//
// The engine's loop over it:
//   while (next_settlement(state)) commit and apply it;
//   while (ready_to_decide(state) && there is budget) { decide; commit and apply the event; settle again; }
#pragma once

#include <optional>

#include "src/search/state.h"

namespace warpwright::search {

// How many tickets are applied when `ticket` is decided.
int64_t outcomes_needed(events::Ticket ticket, int64_t seeds, int window);

// True if the state is exactly the one from which the next ticket is decided.
bool ready_to_decide(const State& state);

enum class Drain {
  kNo,       // settle what the next ticket may see, no more
  kYes,      // the run ends: settle all that is known, in order, as far as the duels held allow
  kNoDuels,  // it ends at once: a duel that was not held counts as not won
};

// The duel that the next ticket to be applied needs first: it passed, its times are measured and would make
// it the best, and nobody has held the duel yet. Nothing is settled before it is.
struct DuelNeeded {
  events::CandidateId challenger = 0, incumbent = 0;
  auto operator<=>(const DuelNeeded&) const = default;
};
Result<std::optional<DuelNeeded>> needed_duel(const State& state, Drain drain = Drain::kNo);

// The next event that follows from the state alone: Applied of the next ticket in order, a Migrated or a
// RacePlanned that is due, or what is done about an island that stagnates. None: nothing follows until
// something arrives or is decided. A result that cannot be scored against the baseline (other workloads,
// unlike measures, no finite score) is nobody's: an Abandoned comes before its Applied, which has no status.
Result<std::optional<events::Event>> next_settlement(const State& state, Drain drain = Drain::kNo);

// Is it one of those that follow from the state alone?
bool is_settlement(const events::Event& event);

}  // namespace warpwright::search
