// The population of a run: MAP-Elites cells per island, an archive over all, the best. Functions over
// RunView, used by the fold.
//
// Invariants (tested as properties): only passed candidates enter; a cell's elite is replaced by a strictly
// better one only; a program (result key) stands in the population once, under the candidate that brought it
// first; a migration copies, so it takes nothing from the island it leaves.
#pragma once

#include <vector>

#include "src/events/run_view.h"

namespace warpwright::search {

// The bins of the result's features along the declared dimensions.
std::vector<int> cell_of(const events::SearchSettings& settings, const events::ResultSummary& result);

// Whether the candidate's score would make it the best of the run; `best` is not changed by less.
bool would_lead(const events::RunView& view, events::CandidateId id, double score);

// The candidate enters its island (a seed: every island), the archive and, if it would lead (and, where times
// are measured, has won its duel with the best), becomes best. REQUIRES: passed, scored, not a duplicate.
void enter_population(events::RunView& view, const events::Candidate& candidate);

// Copies of each island's best natives to the next island on the ring, as they stand now.
std::vector<events::Migrated::Move> plan_migration(const events::RunView& view);
// REQUIRES: the move names a passed candidate and islands that exist.
void perform_move(events::RunView& view, const events::Migrated::Move& move);

// The elites of an island, best first (equal scores: the older first).
std::vector<events::CandidateId> elites_of(const events::RunView& view, int island);

// Does the first come before the second? By score, then age.
bool ranks_before(const events::RunView& view, events::CandidateId a, events::CandidateId b);

}  // namespace warpwright::search
