// warpwright evolve: a search from its configuration, or on from where it was.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/cli/commands.h"
#include "src/engine/evolve.h"
#include "src/engine/run_directory.h"

namespace warpwright::cli {
namespace {

void apply_overrides(const EvolveOptions& options, engine::RunConfig& config) {
  if (options.seed) config.seed = *options.seed;
  if (options.max_evaluations) config.max_evaluations = *options.max_evaluations;
  if (options.max_minutes) config.max_minutes = *options.max_minutes;
  if (options.workers) config.worker_count = *options.workers;
  if (!options.executor.empty()) config.executor = options.executor;
  if (options.skip_red_team) config.red_team = false;
  for (auto it = options.datasets.rbegin(); it != options.datasets.rend(); ++it)
    config.datasets.insert(config.datasets.begin(), it->string());
}

struct Prepared {
  engine::RunConfig config;
  std::filesystem::path run_directory;
  engine::Resume resume = engine::Resume::kNo;
};

Result<Prepared> prepare(const EvolveOptions& options) {
  Prepared prepared;
  if (!options.resume.empty()) {
    if (options.seed) return usage_error("--seed cannot change when a run is resumed");
    TRY_ASSIGN(prepared.config, engine::resumed_config(options.resume));
    prepared.run_directory = options.resume;
    prepared.resume = engine::Resume::kYes;
  } else if (!options.config.empty()) {
    TRY_ASSIGN(prepared.config, engine::load_run_config(options.config));
    prepared.run_directory = options.run_dir.empty()
                                 ? engine::default_run_directory("runs", options.config.stem().string(),
                                                                 SystemClock().wall_unix_ms())
                                 : options.run_dir;
  } else {
    return usage_error("give --config FILE for a new run or --resume DIR for an old one");
  }
  apply_overrides(options, prepared.config);
  TRY(engine::check_run_config(prepared.config, "command line"));
  return prepared;
}

}  // namespace

int run_evolve(const EvolveOptions& options) {
  auto prepared = prepare(options);
  if (!prepared) return report_error(prepared.error());
  auto live = report::make_live_view(stderr);
  SystemClock clock;
  auto outcome = engine::evolve(prepared->config, prepared->run_directory, prepared->resume, *live, clock);
  if (!outcome) return report_error(outcome.error());
  if (outcome->stop == engine::Stop::kInterrupted) {
    std::cerr << fmt::format(
        "warpwright: interrupted; nothing finished is lost. Go on with:\n"
        "  warpwright evolve --resume {}\n",
        prepared->run_directory.string());
    return 130;
  }
  auto text = read_file(engine::RunDirectory(prepared->run_directory).report_text());
  if (!text) return report_error(text.error());
  std::cout << *text;
  return outcome->best ? 0 : 1;
}

}  // namespace warpwright::cli
