// The worker's request loop: JSON lines on stdin and stdout (src/contract/messages.h), logs on stderr.
//
// The main thread reads, answers heartbeats and watches for end-of-file; one thread evaluates. End-of-file
// means that the orchestrator is gone: the process ends at once, even in the middle of an evaluation, so that
// no orphan keeps a GPU.
#pragma once

#include "evaluator/service/evaluator.h"

namespace warpwright::service {

// Returns the process's exit code.
int run_worker(const EvaluatorOptions& options);

}  // namespace warpwright::service
