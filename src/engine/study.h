// A study: strategies held against each other at equal budget, over definitions and random seeds. Every
// (definition, strategy, seed) is an ordinary run in a folder of its own,
// `<root>/<definition>/<strategy>-seed<N>`; `<root>/study.json` says what they share.
//
// All see the same random inputs, run every evaluation to its end (no races) and share their estimates
// (`<root>/reports`, report_memory.h): an equal program is evaluated once, and counts in the budget of every
// run that proposes it.
//
// Runs that finished are not run again and interrupted ones are resumed, so a study may be stopped at any
// moment, or grown by definitions, strategies and seeds. Seeds are gone through first, so that what there is
// after an interruption is balanced.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/engine/evolve.h"
#include "src/report/study_result.h"

namespace warpwright::engine {

struct StudyPlan {
  std::vector<RunConfig> definitions;   // one for each, complete but for strategy, seed and budget
  std::vector<std::string> strategies;  // the first is the one that the others are held against
  std::vector<uint64_t> seeds;
  int64_t max_evaluations = 0;  // of each run
  double max_dollars = 0;       // of each run; 0: no cap, evaluations are the budget
};

struct StudyOutcome {
  bool interrupted = false;
  report::Study study;  // of all runs below the folder that finished
};

bool is_study_folder(const std::filesystem::path& folder);
Result<StudyPlan> resumed_study(const std::filesystem::path& root);

// Error (usage): nothing to run, a name twice, an agent without seeds (its runs have no common measure).
Result<void> check_study(const StudyPlan& plan);

// Runs or goes on with every run, and writes study.json, study.md and result.json below `root`. Errors as
// evolve; also (usage) if the folder holds a study of another budget or of other configurations.
Result<StudyOutcome> run_study(const StudyPlan& plan, const std::filesystem::path& root,
                               const std::string& command, report::LiveView& live, Clock& clock);

// What has finished, without running anything.
Result<report::Study> read_study(const StudyPlan& plan, const std::filesystem::path& root);

std::filesystem::path study_run_folder(const std::filesystem::path& root, const std::string& definition,
                                       const std::string& strategy, uint64_t seed);

}  // namespace warpwright::engine
