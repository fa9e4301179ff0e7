// A run from its configuration to its end: the engine's one entry for `warpwright evolve`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "src/base/clock.h"
#include "src/engine/run_config.h"
#include "src/events/run_view.h"
#include "src/report/live_view.h"

namespace warpwright::engine {

enum class Resume { kNo, kYes };

struct EvolveOptions {
  EvolveOptions(Resume how = Resume::kNo) : resume(how) {}  // NOLINT: the usual case in one word
  Resume resume = Resume::kNo;
  std::filesystem::path fork_from;       // not empty: branch off this run ...
  events::Ticket fork_ticket = 0;        // ... where this ticket is decided
  std::filesystem::path answers_from;    // not empty: models' answers, agent and seeds are those of this run
  std::filesystem::path shared_reports;  // not empty: a folder of estimates that runs share (report_memory.h)
  bool answers_to_any_prompt = false;    // an answer is given although the prompt is not the recorded one
};

enum class Stop {
  kBudget,        // max_evaluations reached, or what may be spent on models
  kTime,          // max_minutes used
  kExhausted,     // nothing left to propose
  kInterrupted,   // Ctrl-C or SIGTERM: all that had finished is committed; exit code 130
  kModelsPaused,  // no model can be asked until a person mends something (money, a key): exit code 3
};

struct RunOutcome {
  Stop stop = Stop::kBudget;
  std::string reason;  // one line
  int64_t evaluations = 0;
  std::optional<events::CandidateId> best;
  std::filesystem::path run_directory;
};

// Runs until a stop. With kYes, `config` may differ from the recorded one in budgets, workers and limits of
// processes only (see resumed_config). The run's folder ends with report.txt, best.cu and best.json.
//
// Errors: usage (unknown definition, no seed, run folder in use or of another configuration), infrastructure
// (no worker can start: in the workers' own words; disk full; a baseline whose reports cannot be believed).
// After an error the journal holds all that had finished and the run can be resumed.
Result<RunOutcome> evolve(const RunConfig& config, const std::filesystem::path& run_directory,
                          const EvolveOptions& options, report::LiveView& live, Clock& clock);

// The configuration that a run was started with, to override budgets and workers in before resuming it.
Result<RunConfig> resumed_config(const std::filesystem::path& run_directory);

// A run read from its journal: for show, report, export. Works beside a running writer.
struct LoadedRun {
  events::RunView view;
  RunConfig config;
};
Result<LoadedRun> load_run(const std::filesystem::path& run_directory);

}  // namespace warpwright::engine
