// Waiting for workers alone: before a run's loop begins, and for single evaluations.
#pragma once

#include <functional>
#include <vector>

#include "src/base/clock.h"
#include "src/workers/pool.h"

namespace warpwright::engine {

// One turn: tick, wait until something happens (at most 200 ms, so that Ctrl-C is seen), read what came.
std::vector<workers::PoolEvent> turn(workers::WorkerPool& pool, Clock& clock);

// Waits for the first worker. Errors: none can start, it has no executor of this name (no retry would mend
// that), interrupted.
Result<HelloMessage> first_hello(workers::WorkerPool& pool, Clock& clock, const std::string& executor);

// Submits them all and waits for the last: what became of each, in the order of the requests. Their ids
// differ, and nothing else is outstanding in the pool. Errors: no worker can be started, interrupted.
Result<std::vector<workers::RequestFinished>> evaluate_all(
    workers::WorkerPool& pool, std::vector<EvaluationRequest> requests, Clock& clock,
    const std::function<void(size_t done, size_t of)>& on_progress = [](size_t, size_t) {});

}  // namespace warpwright::engine
