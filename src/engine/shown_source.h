// The text of a candidate as models are shown it, and as their edits of it are read.
#pragma once

#include <string>

#include "src/events/run_view.h"

namespace warpwright::engine {

// In runs that tune knobs (SearchSettings: best_settings, tuning_budget): with the candidate's values as the
// defaults of its knobs, so that what a model builds on begins where the search has got to. Elsewhere, and
// for scripted answers, which were written for the file as it lies, the source itself. A function of the
// candidate alone: an answer that arrives late is read against what was shown.
std::string shown_source(const events::SearchSettings& settings, const events::Candidate& candidate,
                         const std::string& source, const std::string& op);

}  // namespace warpwright::engine
