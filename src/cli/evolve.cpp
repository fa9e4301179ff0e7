// warpwright evolve: a search from its configuration, or on from where it was.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/cli/commands.h"
#include "src/cli/overrides.h"
#include "src/engine/evolve.h"
#include "src/engine/run_directory.h"
#include "src/engine/track_run.h"
#include "src/llm/endpoint_presets.h"

namespace warpwright::cli {
namespace {

// Models of the command line take the place of the configuration's.
Result<void> apply_models(const EvolveOptions& options, engine::RunConfig& config) {
  if (!options.models.empty()) {
    TRY_ASSIGN(const auto home, find_home());
    TRY_ASSIGN(const auto presets, llm::EndpointPresets::load(home / "configs/models/endpoints.toml"));
    config.models.clear();
    if (options.resume.empty()) config.search.roles.clear();
    for (const std::string& spec : options.models) {
      const std::string name = fmt::format("model{}", config.models.size() + 1);
      TRY_ASSIGN(llm::ModelConfig model, llm::model_from_spec(presets, spec));
      model.name = name;
      config.models[name] = std::move(model);
    }
  }
  std::string agent = options.agent;
  if (agent.empty() && config.agent.empty() && !options.models.empty() && options.resume.empty())
    agent = "evolver";
  if (agent.empty()) return {};
  config.agent = agent;
  config.operators_given = false;  // the agent brings its own
  config.search.operators = events::SearchSettings().operators;
  return {};
}

}  // namespace

Result<void> apply_overrides(const EvolveOptions& options, engine::RunConfig& config) {
  TRY(apply_models(options, config));
  if (options.max_dollars) config.max_dollars = *options.max_dollars;
  if (options.max_tokens) config.max_tokens = *options.max_tokens;
  if (options.max_calls) config.max_calls = *options.max_calls;
  if (options.seed) config.seed = *options.seed;
  if (options.max_evaluations) config.max_evaluations = *options.max_evaluations;
  if (options.max_minutes) config.max_minutes = *options.max_minutes;
  if (options.workers) config.worker_count = *options.workers;
  if (!options.executor.empty()) config.executor = options.executor;
  if (!options.strategy.empty()) config.search.strategy = options.strategy;
  if (options.skip_red_team) config.red_team = false;
  for (auto it = options.datasets.rbegin(); it != options.datasets.rend(); ++it)
    config.datasets.insert(config.datasets.begin(), it->string());
  return {};
}

namespace {

struct ForkPoint {
  std::filesystem::path run;
  events::Ticket ticket = 0;
};

Result<ForkPoint> parse_fork(const std::string& text) {
  const size_t at = text.rfind('@');
  const auto ticket =
      at == std::string::npos ? std::nullopt : events::parse_candidate_id(text.substr(at + 1));
  if (!ticket)
    return usage_error(
        fmt::format("--fork {}: say RUN@STEP, where STEP is the number of the first candidate to be "
                    "decided anew: --fork runs/first@40",
                    text));
  return ForkPoint{text.substr(0, at), *ticket};
}

Result<engine::RunConfig> new_config(const EvolveOptions& options) {
  if (!options.config.empty()) return engine::load_run_config(options.config);
  TRY_ASSIGN(const auto home, find_home());
  return engine::config_of_definition(home, options.definition);
}

std::filesystem::path new_run_directory(const EvolveOptions& options, const std::string& name) {
  if (!options.run_dir.empty()) return options.run_dir;
  return engine::default_run_directory("runs", name, SystemClock().wall_unix_ms());
}

struct Prepared {
  engine::RunConfig config;
  std::filesystem::path run_directory;
  engine::EvolveOptions how;
};

Result<Prepared> prepare_fork(const EvolveOptions& options) {
  Prepared prepared;
  TRY_ASSIGN(const ForkPoint fork, parse_fork(options.fork));
  if (options.config.empty()) {
    TRY_ASSIGN(prepared.config, engine::resumed_config(fork.run));
  } else {
    TRY_ASSIGN(prepared.config, engine::load_run_config(options.config));
  }
  prepared.how.fork_from = fork.run;
  prepared.how.fork_ticket = fork.ticket;
  prepared.run_directory =
      new_run_directory(options, fmt::format("{}-at-{}", fork.run.filename().string(), fork.ticket));
  return prepared;
}

Result<Prepared> prepare(const EvolveOptions& options) {
  Prepared prepared;
  if (!options.fork.empty()) {
    TRY_ASSIGN(prepared, prepare_fork(options));
  } else if (!options.resume.empty()) {
    if (options.seed) return usage_error("--seed cannot change when a run is resumed");
    if (!options.strategy.empty()) return usage_error("--strategy cannot change when a run is resumed");
    if (!options.agent.empty()) return usage_error("--agent cannot change when a run is resumed; --fork can");
    TRY_ASSIGN(prepared.config, engine::resumed_config(options.resume));
    prepared.run_directory = options.resume;
    prepared.how = engine::Resume::kYes;
  } else if (!options.config.empty() || !options.definition.empty()) {
    TRY_ASSIGN(prepared.config, new_config(options));
    prepared.run_directory = new_run_directory(
        options, options.config.empty() ? options.definition : options.config.stem().string());
  } else {
    return usage_error(
        "give --config FILE, --definition NAME or --track A|B|C for a new run, or --resume DIR for an old "
        "one");
  }
  TRY(apply_overrides(options, prepared.config));
  TRY(engine::check_run_config(prepared.config, "command line"));
  return prepared;
}

void say_how_to_go_on(const std::filesystem::path& folder) {
  std::cerr << fmt::format(
      "warpwright: interrupted; nothing finished is lost. Go on with:\n"
      "  warpwright evolve --resume {}\n",
      folder.string());
}

struct PreparedTrack {
  engine::TrackPlan plan;
  std::filesystem::path folder;
};

Result<PreparedTrack> prepare_track(const EvolveOptions& options) {
  PreparedTrack prepared;
  if (!options.resume.empty()) {
    if (options.seed) return usage_error("--seed cannot change when a track is resumed");
    prepared.folder = options.resume;
    TRY_ASSIGN(prepared.plan, engine::resumed_track(options.resume));
  } else {
    TRY_ASSIGN(const auto home, find_home());
    TRY_ASSIGN(prepared.plan, engine::plan_track(home, options.track));
    prepared.folder = new_run_directory(options, "track-" + options.track);
    if (engine::is_track_folder(prepared.folder))
      return usage_error(
          fmt::format("{} holds a track already: go on with --resume {}, or choose another folder",
                      prepared.folder.string(), prepared.folder.string()));
  }
  if (options.max_evaluations) prepared.plan.max_evaluations = *options.max_evaluations;
  if (options.max_minutes) prepared.plan.max_minutes = *options.max_minutes;
  if (options.max_dollars) prepared.plan.max_dollars = *options.max_dollars;
  if (options.max_tokens) prepared.plan.max_tokens = *options.max_tokens;
  if (options.max_calls) prepared.plan.max_calls = *options.max_calls;
  for (engine::RunConfig& part : prepared.plan.parts) {
    TRY(apply_overrides(options, part));
    TRY(engine::check_run_config(part, "command line"));
  }
  return prepared;
}

int evolve_a_track(const EvolveOptions& options) {
  auto prepared = prepare_track(options);
  if (!prepared) return report_error(prepared.error());
  auto live = report::make_live_view(stderr);
  SystemClock clock;
  auto outcome = engine::evolve_track(prepared->plan, prepared->folder, *live, clock);
  if (!outcome) {
    const int code = report_error(outcome.error());
    std::cerr << fmt::format("  go on with: warpwright evolve --resume {}\n", prepared->folder.string());
    return code;
  }
  if (outcome->interrupted) {
    say_how_to_go_on(prepared->folder);
    return 130;
  }
  bool all_found = true;
  for (const engine::TrackPart& part : outcome->parts) {
    auto text = read_file(engine::RunDirectory(part.folder).report_text());
    if (!text) return report_error(text.error());
    std::cout << *text << "\n";
    all_found = all_found && part.score > 0;
  }
  std::cout << engine::to_text(prepared->plan, *outcome);
  return all_found ? 0 : 1;
}

}  // namespace

int run_evolve(const EvolveOptions& options) {
  if (!options.track.empty() || engine::is_track_folder(options.resume)) return evolve_a_track(options);
  auto prepared = prepare(options);
  if (!prepared) return report_error(prepared.error());
  auto live = report::make_live_view(stderr);
  SystemClock clock;
  auto outcome = engine::evolve(prepared->config, prepared->run_directory, prepared->how, *live, clock);
  if (!outcome) return report_error(outcome.error());
  if (outcome->stop == engine::Stop::kInterrupted) {
    say_how_to_go_on(prepared->run_directory);
    return 130;
  }
  if (outcome->stop == engine::Stop::kModelsPaused) {
    std::cerr << fmt::format(
        "warpwright: no model can be asked: {}\n  nothing is lost; when it is mended, go on with: "
        "warpwright evolve --resume {}\n",
        outcome->reason, prepared->run_directory.string());
    return 3;
  }
  auto text = read_file(engine::RunDirectory(prepared->run_directory).report_text());
  if (!text) return report_error(text.error());
  std::cout << *text;
  return outcome->best ? 0 : 1;
}

}  // namespace warpwright::cli
