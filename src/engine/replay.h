// A recorded run again, offline. Two ways, for two questions:
//
// `replay`      Would this program decide the same? Goes through the journal and makes every decision, prompt
// and
//               reading of an answer anew, with what had arrived by then, and compares each with the record.
//               Needs no worker and no network; the result is a journal of its own, event for event the same.
// `rerun`       Does the whole thing come out the same? The engine itself runs with the recorded answers
// behind its
//               models, and evaluates every kernel again; what the window promises (src/search/window.h) is
//               compared.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "src/engine/evolve.h"

namespace warpwright::engine {

// A program that words its prompts better than the one that recorded the run decides alike all the same.
enum class Prompts { kCompared, kAsRecorded };

struct ReplayOutcome {
  int64_t events = 0;                     // compared, or taken over as facts
  int64_t decisions = 0;                  // proposals, requests, applications, migrations
  int64_t prompts = 0;                    // rendered again
  int64_t other_prompts = 0;              // of them, those that this program words otherwise (kAsRecorded)
  int64_t answers = 0;                    // read again
  int64_t evaluations = 0;                // recorded ones used (replay), or done again (rerun)
  std::optional<std::string> divergence;  // the first, one line: where, what was recorded, what came now
};

// Writes the new journal into `out` (which holds no run yet). Error: the run cannot be read, the disk is
// full.
Result<ReplayOutcome> replay(const std::filesystem::path& run_directory, const std::filesystem::path& out,
                             Prompts prompts, Clock& clock);

// `workers` as in RunConfig; 0: one per core.
Result<ReplayOutcome> rerun(const std::filesystem::path& run_directory, const std::filesystem::path& out,
                            int workers, Prompts prompts, report::LiveView& live, Clock& clock);

}  // namespace warpwright::engine
