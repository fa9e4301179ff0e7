// warpwright study: strategies held against each other at equal budget.
#include "src/engine/study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <iostream>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/cli/commands.h"
#include "src/cli/overrides.h"
#include "src/engine/run_directory.h"
#include "src/engine/track_run.h"
#include "src/report/study_text.h"

namespace warpwright::cli {
namespace {

constexpr int64_t kDefaultEvaluations = 64;
constexpr int64_t kNoEvaluationCap = 1'000'000'000;

Result<engine::StudyPlan> new_plan(const StudyOptions& options) {
  TRY_ASSIGN(const auto home, find_home());
  engine::StudyPlan plan;
  plan.strategies = options.strategies;
  plan.seeds = options.seeds;
  plan.max_dollars = options.run.max_dollars.value_or(0);
  plan.max_evaluations =
      options.run.max_evaluations.value_or(plan.max_dollars > 0 ? kNoEvaluationCap : kDefaultEvaluations);
  for (const std::string& name : options.definitions) {
    TRY_ASSIGN(engine::RunConfig config, engine::config_of_definition(home, name));
    TRY(apply_overrides(options.run, config));
    if (options.window) config.search.window = *options.window;
    TRY(engine::check_run_config(config, "command line"));
    plan.definitions.push_back(std::move(config));
  }
  return plan;
}

// Of a study that goes on, only processes are the caller's.
Result<engine::StudyPlan> old_plan(const StudyOptions& options) {
  TRY_ASSIGN(engine::StudyPlan plan, engine::resumed_study(options.resume));
  EvolveOptions processes;
  processes.workers = options.run.workers;
  processes.datasets = options.run.datasets;
  for (engine::RunConfig& config : plan.definitions) TRY(apply_overrides(processes, config));
  return plan;
}

// As it can be given again, for the study's document.
std::string command_of(const StudyOptions& options, const engine::StudyPlan& plan) {
  if (!options.resume.empty()) return "warpwright study --resume " + options.resume.string();
  std::string text = "warpwright study";
  for (const std::string& name : options.definitions) text += " --definition " + name;
  text +=
      fmt::format(" --strategies {} --seeds {}", fmt::join(plan.strategies, ","), fmt::join(plan.seeds, ","));
  if (plan.max_evaluations != kNoEvaluationCap)
    text += fmt::format(" --max-evaluations {}", plan.max_evaluations);
  if (plan.max_dollars > 0) text += fmt::format(" --max-dollars {:g}", plan.max_dollars);
  if (options.window) text += fmt::format(" --window {}", *options.window);
  if (!options.run.executor.empty()) text += " --executor " + options.run.executor;
  if (!options.run.agent.empty()) text += " --agent " + options.run.agent;
  for (const std::string& model : options.run.models) text += " --model " + model;
  return text;
}

std::filesystem::path folder_of(const StudyOptions& options) {
  if (!options.resume.empty()) return options.resume;
  if (!options.out.empty()) return options.out;
  return engine::default_run_directory("studies", "study", SystemClock().wall_unix_ms());
}

}  // namespace

int run_study(const StudyOptions& options) {
  auto plan = options.resume.empty() ? new_plan(options) : old_plan(options);
  if (!plan) return report_error(plan.error());
  const std::filesystem::path folder = folder_of(options);
  auto live = report::make_live_view(stderr);
  SystemClock clock;
  const auto outcome = engine::run_study(*plan, folder, command_of(options, *plan), *live, clock);
  if (!outcome) {
    const int code = report_error(outcome.error());
    if (engine::is_study_folder(folder))
      std::cerr << fmt::format("  go on with: warpwright study --resume {}\n", folder.string());
    return code;
  }
  if (options.form == OutputForm::kJson)
    std::cout << dump_json(report::to_json(outcome->study), 2) << "\n";
  else
    std::cout << report::render_study_text(outcome->study)
              << fmt::format("\nthe study is in {}: study.md, result.json, and every run in its folder\n",
                             folder.string());
  if (!outcome->interrupted) return 0;
  std::cerr << fmt::format(
      "warpwright: interrupted; nothing finished is lost. Go on with:\n  warpwright study --resume {}\n",
      folder.string());
  return 130;
}

}  // namespace warpwright::cli
