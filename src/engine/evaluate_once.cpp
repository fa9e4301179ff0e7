#include "src/engine/evaluate_once.h"

#include <cstdlib>

#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/engine/pool_wait.h"

namespace warpwright::engine {

std::string default_worker_path() {
  if (const char* path = std::getenv("WARPWRIGHT_WORKER"); path != nullptr && *path != '\0') return path;
  return (program_directory() / "warpwright-worker").string();
}

workers::WorkerSettings local_worker(const std::vector<std::filesystem::path>& datasets) {
  workers::WorkerSettings settings;
  settings.worker_path = default_worker_path();
  for (const auto& dataset : datasets) {
    settings.arguments.emplace_back("--dataset");
    settings.arguments.push_back(dataset.string());
  }
  return settings;
}

Result<OneEvaluation> evaluate_once(workers::WorkerSettings settings, EvaluationRequest request,
                                    const std::function<void(Stage)>& on_progress) {
  settings.count = 1;
  SystemClock clock;
  workers::WorkerPool pool(std::move(settings));
  OneEvaluation result;
  TRY_ASSIGN(result.hello, first_hello(pool, clock, request.executor));
  pool.submit(std::move(request));
  while (!interrupted()) {
    for (workers::PoolEvent& event : turn(pool, clock)) {
      if (auto* finished = std::get_if<workers::RequestFinished>(&event)) {
        if (finished->quarantined) return infrastructure_error(finished->report.message);
        result.report = std::move(finished->report);
        return result;
      }
      if (auto* started = std::get_if<workers::WorkerStarted>(&event)) {
        result.hello = std::move(started->hello);
      } else if (const auto* progress = std::get_if<workers::RequestProgress>(&event)) {
        if (on_progress) on_progress(progress->stage);
      } else if (const auto* unusable = std::get_if<workers::PoolUnusable>(&event)) {
        return infrastructure_error("no worker can be started: " + unusable->reason);
      }
    }
  }
  return tl::unexpected(Error{ErrorKind::kInterrupted, "interrupted"});
}

}  // namespace warpwright::engine
