// What the search found out about the knobs of a source, for a prompt.
#pragma once

#include <string>

#include "src/events/run_view.h"

namespace warpwright::prompt {

// A line per knob that was moved, its values best first, each with the best score of a setting that has it,
// or with what became of all of them:
//   SPLITS: 16 -> 1.420 (best), 8 -> 1.310, 32 -> COMPILE_ERROR
// Empty if fewer than two settings of the source were tried. Only settled candidates count.
std::string knob_table(const events::RunView& view, const events::Candidate& of);

}  // namespace warpwright::prompt
