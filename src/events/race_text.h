// A lost race in words, the same wherever people and models read of it.
#pragma once

#include <string>

#include "src/events/result_summary.h"

namespace warpwright::events {

// "lost its race: at most 1.31 after 3 of 9 workloads"; `all`: the workloads of a whole evaluation, 0:
// unknown. REQUIRES: result.lost_race.
std::string lost_race_text(const ResultSummary& result, size_t all);

}  // namespace warpwright::events
