// What the sections of prompts on trial are worth (search/prompt_trials.h): gain per call and per dollar with
// and without each, and whether the difference is more than chance. Pure.
#pragma once

#include <string>

#include "src/events/run_view.h"

namespace warpwright::report {

std::string trials_text(const events::RunView& view);  // empty: nothing was on trial
Json trials_json(const events::RunView& view);

}  // namespace warpwright::report
