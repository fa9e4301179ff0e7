// What a proposal was worth: the measure by which models and operators are chosen.
#pragma once

#include "src/events/run_view.h"

namespace warpwright::search {

// ln(score / reference) where that is positive, else 0. The reference is the score of the nearest ancestor
// that passed, else of the run's best so far; the first candidate of all to pass gains 1. REQUIRES: passed;
// `view` as it stood before the candidate entered the population.
double gain_of(const events::RunView& view, const events::Candidate& candidate);

}  // namespace warpwright::search
