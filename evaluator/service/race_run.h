// The race of an evaluation (src/contract/race.h) on its way through the stages.
//
// A workload counts as soon as its time is known. On the simulator that is when it was simulated, so stage
// validate ends with the race: what is not run is neither validated nor estimated, and the adversarial cases
// that follow a whole selection are left out. On a device all workloads are validated first, which is cheap
// there, and only the timing ends with the race. The smoke stage's workloads, one of each band, are run in
// any case: on the simulator they count before the race begins, and no band goes unseen.
#pragma once

#include <vector>

#include "evaluator/service/evaluation.h"

namespace warpwright::service {

// Sets evaluation.race if the request has one that can be run: it must know exactly the selected workloads,
// and the evaluation must end with their times. Else a warning says why there is none.
void enter_race(Evaluation& evaluation);

// The selected workloads, those of the race first and in its order.
std::vector<BoundWorkload*> in_race_order(Evaluation& evaluation);

// Is the race lost by the times known so far? Then the report says so.
bool is_race_lost(Evaluation& evaluation);

}  // namespace warpwright::service
