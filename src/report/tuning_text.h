// What the tuning of knobs came to, source by source.
#pragma once

#include <string>

#include "src/events/run_view.h"

namespace warpwright::report {

// A table of the sessions, the best source first: evaluations used and granted, the score before and now, and
// the values of the best setting. Empty for a run that tuned nothing.
std::string tuning_text(const events::RunView& view, size_t max_sessions = 10);
Json tuning_json(const events::RunView& view);

}  // namespace warpwright::report
