// Choosing parents and inspirations, in the manner of OpenEvolve, and champions beside it. Only passed
// candidates are ever chosen. Shares (SearchSettings):
//
//   exploration   any member of the island, uniformly (population_size 0: any elite)
//   exploitation  the archive, uniformly, the island's own first
//   elite         the island's elites by score
//   portfolio     the champions of bands, in proportion to what their portfolio would lose without them
//
// A draw by score takes a candidate in proportion to score^(1 / T), a softmax of log scores at temperature T:
// scores are ratios of times, so that it is ratios that count, whatever the baseline; T = 1 is in proportion
// to the score, 0 the best alone. T is the settings' temperature times the island's. On a heated island
// (above 1) exploration is as many times more frequent: draws by score alone are too few to bring it
// elsewhere.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "src/base/rng.h"
#include "src/search/state.h"

namespace warpwright::search {

using Eligible = std::function<bool(const events::Candidate&)>;  // empty: everybody

// None: no passed candidate of the whole run is eligible. O(elites of the island + archive) at most, and O(1)
// of the number of members as long as a fair share of them is eligible.
std::optional<events::CandidateId> select_parent(const State& state, int island, Rng& rng,
                                                 const Eligible& eligible);

// Up to `count` others than the parent, distinct: top_inspirations of them the island's best (none if that is
// the parent) and then the archive's, then diverse_inspirations members of the archive least like the parent,
// the rest drawn from the archive.
std::vector<events::CandidateId> select_inspirations(const State& state, int island,
                                                     events::CandidateId parent, int count, Rng& rng);

}  // namespace warpwright::search
