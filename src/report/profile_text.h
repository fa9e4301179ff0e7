// The profile of a workload for people and models: per kernel what stands out, then the lines that cost most.
#pragma once

#include <string>

#include "src/contract/evaluation.h"

namespace warpwright::report {

// Of the workload with the longest estimate; empty if the report has no profile. `lines` per kernel at most.
std::string render_profile(const EvaluationReport& report, size_t lines = 12);

// Per launch of the workload with the longest time: estimate, occupancy, what the SMs did. Empty if the
// report has no counters.
std::string render_launches(const EvaluationReport& report);

}  // namespace warpwright::report
