// No warp of the launch can go on: says what each waits for.
#pragma once

#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// Ends the launch. REQUIRES: in none of `blocks` (at least one) a warp can do anything that matters;
// `unstarted` more blocks have no room. Runs spinning warps once more around their loops, to see what they
// read.
void report_deadlock(LaunchState& launch, const std::vector<Block*>& blocks, uint64_t unstarted);

}  // namespace warpwright::sim
