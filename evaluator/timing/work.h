// The simulator's counters as input of the time model, and as JSON.
#pragma once

#include "evaluator/sim/simulator.h"
#include "src/estimate/launch_work.h"

namespace warpwright::timing {

// `block.registers_per_thread` and shared bytes come from the compiler's figures and the plan.
estimate::LaunchWork work_from_counters(std::string label, const estimate::BlockShape& block,
                                        const sim::Counters& counters);

// All counters of a launch: LaunchWork's keys, and what the time model does not use.
Json counters_json(const estimate::LaunchWork& work, const sim::Counters& counters);

}  // namespace warpwright::timing
