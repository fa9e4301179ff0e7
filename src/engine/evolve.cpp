#include "src/engine/evolve.h"

#include <fmt/format.h>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/subprocess.h"
#include "src/engine/check_config.h"
#include "src/engine/config_effect.h"
#include "src/engine/engine.h"
#include "src/engine/models.h"
#include "src/engine/open_run.h"
#include "src/engine/pool_wait.h"
#include "src/engine/red_team.h"
#include "src/engine/run_directory.h"
#include "src/report/run_report.h"
#include "src/search/strategy.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

Result<void> write_best(const events::RunView& view, const journal::Journal& journal,
                        const RunDirectory& files) {
  if (!view.best) return {};
  const events::Candidate& best = *view.find(*view.best);
  TRY_ASSIGN(const std::string source, journal.blob(best.source_hash));
  TRY_ASSIGN(const std::string report_text, journal.blob(view.report_hash.at(best.result_key)));
  TRY_ASSIGN(Json report, parse_json(report_text, "report"));
  const Json record = {{"candidate", events::format_candidate_id(best.id)},
                       {"definition", view.started->definition},
                       {"score", best.score},
                       {"knobs", best.knobs},
                       {"report", std::move(report)}};
  TRY(write_file_atomic(files.best_source(), with_default_knobs(source, best.knobs)));
  return write_file_atomic(files.best_record(), dump_json(record, 2) + "\n");
}

Result<void> write_report(const events::RunView& view, const RunDirectory& files) {
  report::RunReportOptions options;
  options.run_directory = files.root().string();
  TRY(write_file_atomic(files.report_text(), report::render_text(view, options)));
  return write_file_atomic(files.report_json(), dump_json(report::to_json(view, options), 2) + "\n");
}

std::string describe_executor(const RunConfig& config, const HelloMessage& hello, bool was_auto) {
  const std::string choice = was_auto ? " (chosen automatically)" : "";
  if (config.executor == "sim")
    return fmt::format("executor: sim{}: candidates run on this machine's CPU, times are estimates for {}",
                       choice, config.device);
  return fmt::format("executor: {}{} on {}", config.executor, choice, hello.device);
}

// Everything that a run is made of before it begins, from wherever it comes.
struct Beginning {
  std::optional<OpenRun> run;  // of a resumed one
  std::vector<Seed> seeds;
  std::optional<Agent> agent;
  std::map<std::string, int64_t> operator_limits;  // of one whose answers are given again
};

Result<Beginning> prepare_resumed(RunConfig& config, const fs::path& run_directory) {
  Beginning begin;
  TRY_ASSIGN(begin.run, open_old(config, run_directory));
  config = begin.run->config;
  TRY_ASSIGN(begin.agent, recorded_agent(begin.run->state.view(), begin.run->journal));
  return begin;
}

Result<Beginning> prepare_new(RunConfig& config, const EvolveOptions& options,
                              const fs::path& run_directory) {
  const RunDirectory files(run_directory);
  if (fs::exists(files.journal()))
    return usage_error(fmt::format("{} holds a run already: go on with --resume {}, or choose another folder",
                                   run_directory.string(), run_directory.string()));
  Beginning begin;
  if (!options.answers_from.empty()) {
    TRY_ASSIGN(const auto journal, journal::Journal::open_read_only(options.answers_from));
    TRY_ASSIGN(const search::State state, fold(journal, options.answers_from));
    TRY_ASSIGN(begin.seeds, recorded_seeds(state.view(), journal));
    TRY_ASSIGN(begin.agent, recorded_agent(state.view(), journal));
    begin.operator_limits = state.settings().operator_limits;
    return begin;
  }
  TRY_ASSIGN(SettledConfig settled, settle_config(config, "configuration"));
  if (options.fork_from.empty())  // a fork's settings are those of a run that is there
    for (const KeyWithoutEffect& key : keys_without_effect_beside_agent(config, settled.config))
      return tl::unexpected(error_of(key, Located{"configuration", {}}));
  config = std::move(settled.config);
  begin.agent = std::move(settled.agent);
  return begin;
}

Result<std::unique_ptr<Models>> models_for(const RunConfig& config, const EvolveOptions& options,
                                           const fs::path& run_directory, const std::optional<OpenRun>& run,
                                           Clock& clock) {
  if (!options.answers_from.empty())
    return open_recorded_models(options.answers_from, options.answers_to_any_prompt);
  return open_models(config, run_directory, run ? run->state.view() : events::RunView{}, clock);
}

// "auto" becomes what the first worker's machine is.
Result<void> settle_machine(RunConfig& config, const HelloMessage& hello, RunSetup& setup) {
  if (config.executor == "auto") config.executor = hello.executor;
  if (config.target == "auto") config.target = hello.target;
  if (config.device != "auto" && config.selection != "auto") return {};
  if (config.device == "auto") config.device = hello.device_model;
  config.selection = setup.sources->rules().settle_selection(config.selection, config.executor == "sim");
  TRY_ASSIGN(setup, load_setup(config));
  return {};
}

Result<RunOutcome> run_to_stop(Engine& engine, OpenRun& run, const fs::path& run_directory,
                               report::LiveView& live) {
  const RunDirectory files(run_directory);
  live.note("run: " + run_directory.string());
  const auto keep_best = [&] {
    const auto kept = write_best(run.state.view(), run.journal, files);
    if (!kept) spdlog::warn("best.cu is not written: {}", kept.error().message);
  };
  auto stop = engine.run(keep_best);
  live.finish();
  if (!stop) return tl::unexpected(stop.error());
  const events::RunView& view = run.state.view();
  if (*stop != Stop::kInterrupted) TRY(write_report(view, files));
  return RunOutcome{*stop, engine.stop_reason(), view.counters.evaluations, view.best, run_directory};
}

}  // namespace

Result<RunOutcome> evolve(const RunConfig& asked, const fs::path& run_directory, const EvolveOptions& options,
                          report::LiveView& live, Clock& clock) {
  install_interrupt_handler();
  TRY_ASSIGN(RunConfig config, with_absolute_paths(asked));
  const bool is_resumed = options.resume == Resume::kYes;
  TRY_ASSIGN(Beginning begin, is_resumed ? prepare_resumed(config, run_directory)
                                         : prepare_new(config, options, run_directory));
  TRY_ASSIGN(RunSetup setup, load_setup(config));  // first of all whether there is such a definition
  const bool is_fork = !options.fork_from.empty();
  if (!is_resumed && !is_fork && options.answers_from.empty()) {
    TRY_ASSIGN(begin.seeds, load_seeds(config));
  }
  TRY_ASSIGN(const auto models, models_for(config, options, run_directory, begin.run, clock));
  workers::WorkerPool pool(setup.workers);
  TRY_ASSIGN(const HelloMessage hello, first_hello(pool, clock, config.executor));
  const bool was_auto = config.executor == "auto";
  TRY(settle_machine(config, hello, setup));
  live.note(describe_executor(config, hello, was_auto));
  if (config.search.strategy != "evolve")
    live.note(fmt::format("strategy {}", search::about_strategy(config.search)));
  if (config.red_team) {
    TRY(require_clean_red_team(pool, config, hello, live, clock));
  } else {
    live.note("red team: skipped; whether a cheat would score here is not known");
  }
  const Agent* agent = begin.agent ? &*begin.agent : nullptr;
  setup.operator_limits = begin.operator_limits;
  if (!is_resumed && options.answers_from.empty()) {
    TRY_ASSIGN(setup.operator_limits, count_scripted_answers(config));
  }
  if (is_fork) {
    TRY_ASSIGN(begin.run,
               fork_run(options.fork_from, options.fork_ticket, config, setup, agent, run_directory, clock));
  } else if (!is_resumed) {
    TRY_ASSIGN(begin.run, start_new(config, begin.seeds, setup, agent, run_directory, clock));
  }
  OpenRun& run = *begin.run;
  Engine engine(config, setup, run.journal, run.state, pool, agent, models->desk(), live, clock);
  if (!options.answers_from.empty()) {
    TRY_ASSIGN(const auto journal, journal::Journal::open_read_only(options.answers_from));
    TRY_ASSIGN(const search::State recorded, fold(journal, options.answers_from));
    engine.end_before(recorded.next_ticket());
  }
  if (!options.shared_reports.empty()) engine.share_reports(options.shared_reports);
  if (is_resumed) TRY(engine.commit_now(events::RunResumed{kProgramVersion}));
  return run_to_stop(engine, run, run_directory, live);
}

Result<RunConfig> resumed_config(const fs::path& run_directory) {
  TRY_ASSIGN(LoadedRun run, load_run(run_directory));
  return std::move(run.config);
}

Result<LoadedRun> load_run(const fs::path& run_directory) {
  TRY_ASSIGN(const auto journal, journal::Journal::open_read_only(run_directory));
  TRY_ASSIGN(const search::State state, fold(journal, run_directory));
  LoadedRun run{state.view(), {}};
  TRY_ASSIGN(run.config, recorded_config(run.view, run_directory));
  return run;
}

}  // namespace warpwright::engine
