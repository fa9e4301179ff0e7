// Waiting for workers alone: before a run's loop begins, and for single evaluations.
#pragma once

#include "src/base/clock.h"
#include "src/workers/pool.h"

namespace warpwright::engine {

// One turn: tick, wait until something happens (at most 200 ms, so that Ctrl-C is seen), read what came.
std::vector<workers::PoolEvent> turn(workers::WorkerPool& pool, Clock& clock);

// Waits for the first worker. Errors: none can start, it has no executor of this name (no retry would mend
// that), interrupted.
Result<HelloMessage> first_hello(workers::WorkerPool& pool, Clock& clock, const std::string& executor);

}  // namespace warpwright::engine
