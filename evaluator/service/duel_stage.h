// The last stage of a request with a rival: the challenger, which passed, against the incumbent.
#pragma once

#include "evaluator/service/evaluation.h"

namespace warpwright::service {

// Fills evaluation.report.duel. On a device both are sampled in turn in one sampler per workload; on the
// simulator their estimates are compared. An ending is the challenger's failure when it was timed; the
// incumbent's failures stand in the duel's report. REQUIRES: smoke passed.
StageResult hold_duel(Evaluation& evaluation, Resources& resources);

}  // namespace warpwright::service
