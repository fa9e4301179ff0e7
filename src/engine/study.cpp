#include "src/engine/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/files.h"
#include "src/engine/agent.h"
#include "src/engine/run_directory.h"
#include "src/report/study_text.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

fs::path study_file(const fs::path& root) {
  return root / "study.json";
}

Json to_json(const StudyPlan& plan) {
  Json definitions = Json::array();
  for (const RunConfig& config : plan.definitions) definitions.push_back(to_json(config));
  return {{"strategies", plan.strategies},
          {"seeds", plan.seeds},
          {"max_evaluations", plan.max_evaluations},
          {"max_dollars", plan.max_dollars},
          {"definitions", std::move(definitions)}};
}

// What every run of a definition has in common.
RunConfig shared_part(RunConfig config) {
  config.seed = 1;
  config.search.strategy = "evolve";
  config.max_minutes = 0;  // a machine's load must not decide who is ahead
  // Every evaluation runs to its end: a lost race costs the budget one too and teaches less, and a race,
  // being each run's own, would keep equal programs from sharing their estimate.
  config.search.race_margin = 0;
  // The same inputs everywhere: seeds stand for the search's luck alone, and equal programs cost one
  // estimate.
  if (config.input_seed < 0) config.input_seed = 1;
  return config;
}

// Processes may differ from one call to the next.
Json comparable(const RunConfig& config) {
  Json json = to_json(shared_part(config));
  for (const char* table : {"workers", "data"}) json.erase(table);
  return json;
}

// The plan as the folder's study has it, grown by what is new. Error: it was begun otherwise.
Result<StudyPlan> merged_plan(StudyPlan plan, const fs::path& root) {
  if (!is_study_folder(root)) return plan;
  TRY_ASSIGN(StudyPlan before, resumed_study(root));
  const auto differs = [&](const std::string& what) {
    return usage_error(
        fmt::format("{} holds a study with {}: choose another folder with --out", root.string(), what));
  };
  if (before.max_evaluations != plan.max_evaluations)
    return differs(fmt::format("{} evaluations for each run", before.max_evaluations));
  if (before.max_dollars != plan.max_dollars)
    return differs(fmt::format("${:g} for each run", before.max_dollars));
  for (RunConfig& config : plan.definitions) {
    const auto same = std::find_if(before.definitions.begin(), before.definitions.end(),
                                   [&](const RunConfig& c) { return c.definition == config.definition; });
    if (same == before.definitions.end()) continue;
    if (comparable(*same) != comparable(config))
      return differs("another configuration of " + config.definition);
  }
  for (RunConfig& config : before.definitions)
    if (std::none_of(plan.definitions.begin(), plan.definitions.end(),
                     [&](const RunConfig& c) { return c.definition == config.definition; }))
      plan.definitions.push_back(std::move(config));
  for (const std::string& strategy : before.strategies)
    if (std::find(plan.strategies.begin(), plan.strategies.end(), strategy) == plan.strategies.end())
      plan.strategies.push_back(strategy);
  for (const uint64_t seed : before.seeds)
    if (std::find(plan.seeds.begin(), plan.seeds.end(), seed) == plan.seeds.end()) plan.seeds.push_back(seed);
  return plan;
}

struct Cell {
  const RunConfig* config;
  std::string strategy;
  uint64_t seed;
  fs::path folder;
};

std::vector<Cell> cells_of(const StudyPlan& plan, const fs::path& root) {
  std::vector<Cell> cells;
  for (const uint64_t seed : plan.seeds)
    for (const RunConfig& config : plan.definitions)
      for (const std::string& strategy : plan.strategies)
        cells.push_back({&config, strategy, seed, study_run_folder(root, config.definition, strategy, seed)});
  return cells;
}

RunConfig config_of(const StudyPlan& plan, const Cell& cell) {
  RunConfig config = shared_part(*cell.config);
  config.search.strategy = cell.strategy;
  config.seed = cell.seed;
  config.max_evaluations = plan.max_evaluations;
  config.max_dollars = plan.max_dollars;
  return config;
}

bool has_begun(const Cell& cell) {
  std::error_code ignored;
  return fs::exists(RunDirectory(cell.folder).journal(), ignored);
}

Result<bool> is_finished(const Cell& cell) {
  if (!has_begun(cell)) return false;
  TRY_ASSIGN(const LoadedRun run, load_run(cell.folder));
  return !run.view.finished_reason.empty();
}

// Went on with as it was begun; only processes are the caller's.
Result<RunOutcome> run_cell(const StudyPlan& plan, const Cell& cell, const fs::path& reports,
                            report::LiveView& live, Clock& clock) {
  EvolveOptions options(has_begun(cell) ? Resume::kYes : Resume::kNo);
  options.shared_reports = reports;
  if (options.resume == Resume::kNo) return evolve(config_of(plan, cell), cell.folder, options, live, clock);
  TRY_ASSIGN(RunConfig config, resumed_config(cell.folder));
  config.worker_count = cell.config->worker_count;
  config.worker_prefix = cell.config->worker_prefix;
  config.worker_path = cell.config->worker_path;
  config.worker_arguments = cell.config->worker_arguments;
  return evolve(config, cell.folder, options, live, clock);
}

Result<void> write_result(const report::Study& study, const fs::path& root, const std::string& command) {
  TRY(write_file_atomic(root / "study.md", report::render_study_markdown(study, {command})));
  return write_file_atomic(root / "result.json", dump_json(report::to_json(study), 2) + "\n");
}

}  // namespace

fs::path study_run_folder(const fs::path& root, const std::string& definition, const std::string& strategy,
                          uint64_t seed) {
  return root / definition / fmt::format("{}-seed{}", strategy, seed);
}

bool is_study_folder(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(study_file(folder), ignored);
}

Result<StudyPlan> resumed_study(const fs::path& root) {
  const fs::path file = study_file(root);
  TRY_ASSIGN(const std::string text, read_file(file, 4 << 20));
  TRY_ASSIGN(const Json json, parse_json(text, file.string()));
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, file.string()));
  StudyPlan plan;
  TRY_ASSIGN(plan.strategies, reader.strings_or("strategies", {}));
  TRY_ASSIGN(plan.max_evaluations, reader.integer_or("max_evaluations", 0));
  TRY_ASSIGN(plan.max_dollars, reader.number_or("max_dollars", 0));
  TRY_ASSIGN(const Json* seeds, reader.array("seeds"));
  for (const Json& seed : *seeds) {
    if (!seed.is_number_integer()) return usage_error(file.string() + ": seeds must be whole numbers");
    plan.seeds.push_back(seed.get<uint64_t>());
  }
  TRY_ASSIGN(const Json* definitions, reader.array("definitions"));
  for (const Json& one : *definitions) {
    TRY_ASSIGN(plan.definitions.emplace_back(), run_config_from_json(one, file.string()));
  }
  return plan;
}

Result<void> check_study(const StudyPlan& plan) {
  if (plan.definitions.empty()) return usage_error("a study needs --definition NAME, once or more");
  if (plan.strategies.empty() || plan.seeds.empty())
    return usage_error("a study needs one or more strategies and seeds");
  const std::set<std::string> strategies(plan.strategies.begin(), plan.strategies.end());
  const std::set<uint64_t> seeds(plan.seeds.begin(), plan.seeds.end());
  if (strategies.size() != plan.strategies.size()) return usage_error("--strategies names one twice");
  if (seeds.size() != plan.seeds.size()) return usage_error("--seeds names one twice");
  for (const std::string& strategy : plan.strategies)
    if (strategy != "evolve" && strategy != "best-of-n" && strategy != "hill-climb")
      return usage_error(fmt::format("unknown strategy '{}' (evolve, best-of-n, hill-climb)", strategy));
  TRY_ASSIGN(const fs::path home, find_home());
  std::set<std::string> names;
  for (const RunConfig& config : plan.definitions) {
    if (!names.insert(config.definition).second)
      return usage_error(fmt::format("--definition names {} twice", config.definition));
    bool has_seeds = config.seeds_allowed;
    if (!config.agent.empty()) {
      TRY_ASSIGN(const Agent agent, load_agent(config.agent, home));
      has_seeds = has_seeds && agent.config.opens_seeds();
    }
    if (!has_seeds)
      return usage_error(fmt::format(
          "a study of {} needs its seeds: runs without them are measured against their own first program, "
          "and have no measure in common (agent '{}')",
          config.definition, config.agent));
  }
  return {};
}

Result<report::Study> read_study(const StudyPlan& plan, const fs::path& root) {
  report::Study study;
  study.strategies = plan.strategies;
  study.max_evaluations = plan.max_evaluations;
  study.max_dollars = plan.max_dollars;
  for (const Cell& cell : cells_of(plan, root)) {
    if (!has_begun(cell)) continue;
    TRY_ASSIGN(const LoadedRun run, load_run(cell.folder));
    if (run.view.finished_reason.empty()) continue;
    report::StudyRun result = report::study_run_of(run.view);
    result.folder = fs::relative(cell.folder, root).string();
    study.runs.push_back(std::move(result));
  }
  return study;
}

Result<StudyOutcome> run_study(const StudyPlan& asked, const fs::path& root, const std::string& command,
                               report::LiveView& live, Clock& clock) {
  TRY(check_study(asked));
  TRY_ASSIGN(const StudyPlan plan, merged_plan(asked, root));
  TRY(warpwright::create_directories(root));
  TRY(write_file_atomic(study_file(root), dump_json(to_json(plan), 2) + "\n"));
  StudyOutcome outcome;
  const std::vector<Cell> cells = cells_of(plan, root);
  for (size_t k = 0; k < cells.size() && !outcome.interrupted; ++k) {
    TRY_ASSIGN(const bool is_done, is_finished(cells[k]));
    if (is_done) continue;
    live.note(fmt::format("study, run {} of {}: {}, {}, seed {}", k + 1, cells.size(),
                          cells[k].config->definition, cells[k].strategy, cells[k].seed));
    TRY_ASSIGN(const RunOutcome run, run_cell(plan, cells[k], root / "reports", live, clock));
    if (run.stop == Stop::kModelsPaused) return infrastructure_error("no model can be asked: " + run.reason);
    outcome.interrupted = run.stop == Stop::kInterrupted;
  }
  TRY_ASSIGN(outcome.study, read_study(plan, root));
  TRY(write_result(outcome.study, root, command));
  return outcome;
}

}  // namespace warpwright::engine
