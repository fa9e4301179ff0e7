#include "src/engine/evolve.h"

#include <fmt/format.h>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/subprocess.h"
#include "src/engine/engine.h"
#include "src/engine/pool_wait.h"
#include "src/engine/red_team.h"
#include "src/engine/run_directory.h"
#include "src/report/run_report.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgramVersion = "0.1.0";

// What may change when a run is resumed: budgets and processes. Everything else decides its sequence.
Json fixed_part(const RunConfig& config) {
  Json json = to_json(config);
  for (const char* key : {"max_evaluations", "max_minutes"}) json["run"].erase(key);
  for (const char* key : {"compile_deadline_s", "evaluation_deadline_s", "red_team"})
    json["evaluation"].erase(key);
  json.erase("workers");
  json.erase("data");
  return json;
}

Result<void> check_unchanged(const RunConfig& recorded, const RunConfig& asked,
                             const fs::path& run_directory) {
  const Json before = fixed_part(recorded), now = fixed_part(asked);
  for (const auto& [table, keys] : before.items()) {
    for (const auto& [key, value] : keys.items()) {
      if (now[table][key] == value) continue;
      return usage_error(fmt::format("{}: the run was started with {}.{} = {} and cannot go on with {}",
                                     run_directory.string(), table, key, dump_json(value),
                                     dump_json(now[table][key])));
    }
  }
  return {};
}

Result<search::State> fold(const journal::Journal& journal, const fs::path& run_directory) {
  TRY_ASSIGN(const auto records, journal.read_events());
  auto state = search::State::fold(records);
  if (!state) return add_context(state.error(), run_directory.string());
  if (!state->started())
    return usage_error(run_directory.string() + ": the run ended before it began; start a new one");
  return std::move(*state);
}

Result<RunConfig> recorded_config(const events::RunView& view, const fs::path& run_directory) {
  const std::string where = run_directory.string() + ": recorded configuration";
  TRY_ASSIGN(const Json json, parse_json(view.started->config_json, where));
  return run_config_from_json(json, where);
}

// A run that is open for writing, with its state and the configuration it goes on with.
struct OpenRun {
  RunConfig config;
  journal::Journal journal;
  search::State state;
};

Result<OpenRun> start_new(const RunConfig& config, const std::vector<Seed>& seeds, const RunSetup& setup,
                          const fs::path& run_directory, Clock& clock) {
  TRY_ASSIGN(auto journal, journal::Journal::create(run_directory));
  events::RunStarted started;
  started.program_version = kProgramVersion;
  started.definition = config.definition;
  started.dataset = setup.dataset;
  started.seed = config.seed;
  started.config_json = dump_json(to_json(config));
  started.search = config.search;
  started.search.operator_limits = setup.operator_limits;
  std::vector<std::string> blobs;
  for (const Seed& seed : seeds) {
    started.seeds.push_back({seed.name, sha256_hex(seed.text)});
    blobs.push_back(seed.text);
  }
  search::State state;
  TRY(state.apply(started));
  TRY(journal.append({started}, clock.wall_unix_ms(), blobs));
  TRY(write_file_atomic(RunDirectory(run_directory).config(), to_toml(config)));
  return OpenRun{config, std::move(journal), std::move(state)};
}

Result<OpenRun> open_old(const RunConfig& asked, const fs::path& run_directory) {
  TRY_ASSIGN(auto journal, journal::Journal::open(run_directory));
  TRY_ASSIGN(auto state, fold(journal, run_directory));
  TRY_ASSIGN(const RunConfig recorded, recorded_config(state.view(), run_directory));
  RunConfig config = asked;
  for (auto field : {&RunConfig::executor, &RunConfig::device, &RunConfig::target, &RunConfig::selection})
    if (config.*field == "auto") config.*field = recorded.*field;
  TRY(check_unchanged(recorded, config, run_directory));
  return OpenRun{std::move(config), std::move(journal), std::move(state)};
}

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

}  // namespace

Result<RunOutcome> evolve(const RunConfig& asked, const fs::path& run_directory, Resume resume,
                          report::LiveView& live, Clock& clock) {
  install_interrupt_handler();
  const RunDirectory files(run_directory);
  TRY_ASSIGN(RunConfig config, with_absolute_paths(asked));
  std::optional<OpenRun> run;
  std::vector<Seed> seeds;
  if (resume == Resume::kYes) {
    TRY_ASSIGN(run, open_old(config, run_directory));
    config = run->config;
  } else {
    if (fs::exists(files.journal()))
      return usage_error(
          fmt::format("{} holds a run already: go on with --resume {}, or choose another folder",
                      run_directory.string(), run_directory.string()));
  }
  TRY_ASSIGN(RunSetup setup, load_setup(config));  // first of all whether there is such a definition
  if (!run) {
    TRY_ASSIGN(seeds, load_seeds(config));
  }
  workers::WorkerPool pool(setup.workers);
  TRY_ASSIGN(const HelloMessage hello, first_hello(pool, clock, config.executor));
  const bool was_auto = config.executor == "auto";
  if (was_auto) config.executor = hello.executor;
  if (config.target == "auto") config.target = hello.target;
  if (config.device == "auto" || config.selection == "auto") {
    if (config.device == "auto") config.device = hello.device_model;
    config.selection = setup.sources->rules().settle_selection(config.selection, config.executor == "sim");
    TRY_ASSIGN(setup, load_setup(config));
  }
  live.note(describe_executor(config, hello, was_auto));
  if (config.red_team) {
    TRY(require_clean_red_team(pool, config, hello, live, clock));
  } else {
    live.note("red team: skipped; whether a cheat would score here is not known");
  }
  if (!run) {
    TRY_ASSIGN(run, start_new(config, seeds, setup, run_directory, clock));
  }
  Engine engine(config, setup, run->journal, run->state, pool, live, clock);
  if (resume == Resume::kYes) TRY(engine.commit_now(events::RunResumed{kProgramVersion}));
  live.note("run: " + run_directory.string());
  const auto keep_best = [&] {
    const auto kept = write_best(run->state.view(), run->journal, files);
    if (!kept) spdlog::warn("best.cu is not written: {}", kept.error().message);
  };
  auto stop = engine.run(keep_best);
  live.finish();
  if (!stop) return tl::unexpected(stop.error());
  const events::RunView& view = run->state.view();
  if (*stop != Stop::kInterrupted) TRY(write_report(view, files));
  return RunOutcome{*stop, engine.stop_reason(), view.counters.evaluations, view.best, run_directory};
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
