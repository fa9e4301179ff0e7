// What the state asks to be done: pure functions, so that a fresh run and a resumed one do the same.
#pragma once

#include <set>
#include <vector>

#include "src/search/state.h"
#include "src/search/window.h"

namespace warpwright::engine {

// An evaluation has two phases (equal programs are evaluated once): compile gives the identity; the rest
// follows only if no other ticket has, or is getting, the result of that identity.
enum class WorkKind { kAskProvider, kCompile, kEvaluate, kDuel, kFinal };

struct WorkItem {
  WorkKind kind = WorkKind::kCompile;
  events::Ticket ticket = 0;
  auto operator<=>(const WorkItem&) const = default;
};

// The open work in ticket order, without what is `in_flight`. A duel that settling waits for comes first.
std::vector<WorkItem> open_work(const search::State& state, const std::set<WorkItem>& in_flight,
                                search::Drain drain = search::Drain::kNo);

// At the end of a run, when nothing else is left to do: the finalists that have not been measured once more.
std::vector<WorkItem> final_work(const search::State& state, const std::set<WorkItem>& in_flight);

// Results there are, plus those the open tickets may still bring. A new ticket is decided only below the
// budget: so a run ends with exactly max_evaluations, and which ones does not depend on timing.
int64_t evaluations_bound(const search::State& state);

}  // namespace warpwright::engine
