// Choosing parents and inspirations, in the manner of OpenEvolve: exploration (any elite of the island),
// exploitation (the archive, the own island's members first), elite (the island's elites by score). Only
// passed candidates are ever chosen.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "src/base/rng.h"
#include "src/events/run_view.h"

namespace warpwright::search {

using Eligible = std::function<bool(const events::Candidate&)>;

// None: no passed candidate of the whole run is eligible.
std::optional<events::CandidateId> select_parent(const events::RunView& view, int island, Rng& rng,
                                                 const Eligible& eligible);

// Up to `count` others than the parent, distinct: the island's best, then draws from the archive.
std::vector<events::CandidateId> select_inspirations(const events::RunView& view, int island,
                                                     events::CandidateId parent, int count, Rng& rng);

}  // namespace warpwright::search
