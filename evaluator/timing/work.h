// The simulator's counters as input of the time model.
#pragma once

#include "evaluator/sim/simulator.h"
#include "evaluator/timing/estimate.h"

namespace warpwright::timing {

// `block.registers_per_thread` and shared bytes come from the compiler's figures and the plan.
LaunchWork work_from_counters(std::string label, const BlockShape& block, const sim::Counters& counters);

}  // namespace warpwright::timing
