// What a run did not evaluate, or only in part, and what it measured twice: near duplicates, races,
// finalists.
#pragma once

#include <string>

#include "src/events/run_view.h"

namespace warpwright::report {

std::string economy_text(const events::RunView& view);
Json economy_json(const events::RunView& view);

// "c0012 lost its race: at most 1.31 after 3 of 9 workloads" without the name. REQUIRES: candidate.lost_race.
std::string lost_race_text(const events::RunView& view, const events::Candidate& candidate);

}  // namespace warpwright::report
