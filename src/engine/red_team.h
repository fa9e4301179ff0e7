// Runs the red team (src/contract/red_team.h) through workers, for `warpwright doctor --red-team`, and before
// a search: an evaluator that lets a cheat score would make a search find cheats.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/contract/messages.h"
#include "src/contract/red_team.h"
#include "src/engine/run_config.h"
#include "src/report/live_view.h"
#include "src/workers/pool.h"

namespace warpwright::engine {

struct RedTeamResult {
  RedTeamKernel kernel;
  RedTeamVerdict verdict;
  double seconds = 0;
};

struct RedTeamOptions {
  std::string executor = "auto", device = "auto", target = "auto";
  std::vector<std::string> only;  // beginnings of names ("k_", "constant_table"); empty: all
  std::function<void(size_t done, size_t of)> on_progress = [](size_t, size_t) {};
};

// One result for each kernel that applies to `executor_taken` (sim | cuda), in order of `kernels`. Nothing
// else may be outstanding in the pool. Errors: no worker left, interrupted.
Result<std::vector<RedTeamResult>> run_red_team(workers::WorkerPool& pool,
                                                const std::vector<RedTeamKernel>& kernels,
                                                const std::string& executor_taken,
                                                const RedTeamOptions& options, Clock& clock);

// The first that shows that this evaluator is not to be believed here: a villain that scores, an honest
// kernel that is refused, one that could not be judged. Null if there is none.
const RedTeamResult* worst_of(const std::vector<RedTeamResult>& results);
std::string describe(const RedTeamResult& result);  // one line

// Before a search: the red team was clean on this machine with this worker, executor, device and these rules
// and kernels, or is run now (a stamp in the cache folder remembers it). Error: infrastructure, naming the
// kernel. REQUIRES: config.executor is sim or cuda.
Result<void> require_clean_red_team(workers::WorkerPool& pool, const RunConfig& config,
                                    const HelloMessage& hello, report::LiveView& live, Clock& clock);

}  // namespace warpwright::engine
