// The plain moves in a space of knobs that strategies without a population are made of (strategy.h). What
// each field of a TuneInput means is said in tune.h; mates are ignored.
#pragma once

#include <optional>

#include "src/search/tune.h"

namespace warpwright::search {

// An acceptable assignment never tried, each with the same probability while there are many; of few, the
// first in a fixed order from a random place. None: all were tried (tune.h says how exactly that is known).
std::optional<TuneMove> random_assignment(const TuneInput& input, Rng& rng);

// An acceptable assignment never tried that is one step of one knob away from the parent, each with the same
// probability. None: all neighbours were tried or are refused.
std::optional<TuneMove> neighbour_step(const TuneInput& input, Rng& rng);

}  // namespace warpwright::search
