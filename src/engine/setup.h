// What a run needs before its first decision, loaded and checked: definition, rules, seeds, and how
// workers are started. All errors of a user's making surface here, before anything is written.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/engine/prompt_memory.h"
#include "src/engine/run_config.h"
#include "src/engine/sources.h"
#include "src/workers/settings.h"

namespace warpwright::engine {

struct Seed {
  std::string name;  // file name
  std::string text;
};

struct RunSetup {
  std::string dataset;           // folder that the definition came from
  trace::Definition definition;  // as the dataset has it
  std::unique_ptr<SourceStore> sources;
  std::map<std::string, int64_t> operator_limits;  // see events::SearchSettings; evolve fills it in
  workers::WorkerSettings workers;
  PromptMemory memory;
};

// Relative paths of the configuration that do not exist in the working directory are looked up in the home.
Result<RunSetup> load_setup(const RunConfig& config);

// The baseline first, then by name. For a new run only: a resumed one has its seeds in the journal.
Result<std::vector<Seed>> load_seeds(const RunConfig& config);

// How often an operator may be used that asks nobody but folders of answers: as often as the longest of them
// lasts. Of a new run only: folders may be gone when it is resumed or replayed, and its journal has the
// counts. REQUIRES: absolute paths.
Result<std::map<std::string, int64_t>> count_scripted_answers(const RunConfig& config);

// The same configuration with absolute paths, so that the run can be resumed from another directory.
Result<RunConfig> with_absolute_paths(RunConfig config);

workers::WorkerSettings worker_settings(const RunConfig& config);

}  // namespace warpwright::engine
