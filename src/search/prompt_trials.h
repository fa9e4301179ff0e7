// Randomised trials of prompt sections: each section on trial (SearchSettings::trial_sections) is left out of
// a share of the prompts, drawn by a stream of its own, and what came of prompts with it and without it is
// counted. Since chance alone decides who gets it, the difference is the section's doing.
//
// Left out: requests whose outcome has no gain by nature (research) or that have no prompt (scripted).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/events/run_view.h"

namespace warpwright::search {

// In the order of the settings. A pure function of its arguments.
std::vector<std::string> draw_left_out(const events::SearchSettings& settings, uint64_t seed,
                                       events::Ticket ticket, std::string_view op);

// Counts an applied request in view.trials. `gain` as of gain.h; 0 if it brought nothing.
void record_trials(events::RunView& view, const events::Candidate& candidate, double gain);

}  // namespace warpwright::search
