// Who is measured once more when a run ends (FinalistMeasured): figures that a report stands by must not be
// the luck of one measurement, and the first measurements of the best are the lucky ones.
#pragma once

#include <vector>

#include "src/events/run_view.h"

namespace warpwright::search {

inline constexpr size_t kFinalists = 3;
inline constexpr int kFinalistSamples = 1000;  // of every workload

// The run's best, then by score, of distinct programs, without those that were measured again already. None
// where times are estimates: they are exact.
std::vector<events::CandidateId> finalists_to_measure(const events::RunView& view);

}  // namespace warpwright::search
