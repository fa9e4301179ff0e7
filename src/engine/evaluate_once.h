// One evaluation by one worker, for `warpwright evaluate`.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "src/contract/messages.h"
#include "src/workers/settings.h"

namespace warpwright::engine {

// $WARPWRIGHT_WORKER, or warpwright-worker beside the running program.
std::string default_worker_path();

// One worker of this program's own, which looks into these datasets first.
workers::WorkerSettings local_worker(const std::vector<std::filesystem::path>& datasets);

struct OneEvaluation {
  EvaluationReport report;
  HelloMessage hello;  // of the worker that answered: which executor and device it took
};

// Starts one worker (settings.count is not read), runs the request, ends the worker. `on_progress` may be
// empty. Errors: infrastructure (the worker cannot start, or was lost three times), interrupted (Ctrl-C).
Result<OneEvaluation> evaluate_once(workers::WorkerSettings settings, EvaluationRequest request,
                                    const std::function<void(Stage)>& on_progress);

}  // namespace warpwright::engine
