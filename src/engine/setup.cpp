#include "src/engine/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "src/base/files.h"
#include "src/engine/evaluate_once.h"
#include "src/llm/scripted_provider.h"
#include "src/search/operators.h"
#include "src/trace/captured_input.h"
#include "src/trace/dataset.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

fs::path locate(const fs::path& home, const fs::path& path) {
  std::error_code ignored;
  if (path.is_absolute() || fs::exists(path, ignored)) return path;
  return home / path;
}

}  // namespace

Result<std::vector<Seed>> load_seeds(const RunConfig& config) {
  if (!config.seeds_allowed) return std::vector<Seed>();
  TRY_ASSIGN(const fs::path home, find_home());
  const fs::path folder =
      config.seeds_folder.empty() ? home / "seeds" / config.definition : locate(home, config.seeds_folder);
  std::vector<Seed> seeds;
  bool has_baseline = false;
  for (const fs::path& file : list_files(folder, ".cu")) {
    TRY_ASSIGN(std::string text, read_file(file, 4 << 20));
    Seed seed{file.filename().string(), std::move(text)};
    const bool is_baseline = seed.name == config.baseline_file;
    has_baseline = has_baseline || is_baseline;
    seeds.insert(is_baseline ? seeds.begin() : seeds.end(), std::move(seed));
  }
  if (!has_baseline)
    return usage_error(
        fmt::format("{}: no such seed; a run needs the baseline to measure against "
                    "(seeds.folder, seeds.baseline)",
                    (folder / config.baseline_file).string()));
  return seeds;
}

Result<RunConfig> with_absolute_paths(RunConfig config) {
  TRY_ASSIGN(const fs::path home, find_home());
  std::error_code ignored;
  for (std::string& dataset : config.datasets) dataset = fs::absolute(dataset, ignored).string();
  for (std::string* folder : {&config.scripted_folder, &config.seeds_folder})
    if (!folder->empty()) *folder = fs::absolute(locate(home, *folder), ignored).string();
  for (auto& [name, model] : config.models) {
    if (model.folder.empty()) continue;
    const bool is_made_when_needed = model.provider == llm::ProviderKind::kManual;
    const fs::path folder = is_made_when_needed ? fs::path(model.folder) : locate(home, model.folder);
    model.folder = fs::absolute(folder, ignored).string();
  }
  return config;
}

namespace {

// Of all whom the operator may ask; none: somebody among them does not answer from files.
Result<std::optional<int64_t>> scripted_answers(const RunConfig& config, const search::Operator& op) {
  const auto named = config.search.operator_roles.find(std::string(op.name));
  const auto role = config.search.roles.find(
      named == config.search.operator_roles.end() ? std::string(op.role) : named->second);
  std::optional<int64_t> most;
  if (role == config.search.roles.end()) return most;
  for (const auto& [model, weight] : role->second) {
    const auto found = config.models.find(model);
    if (found == config.models.end() || found->second.provider != llm::ProviderKind::kScripted)
      return std::optional<int64_t>();
    TRY_ASSIGN(const auto provider, llm::ScriptedProvider::open(found->second.folder));
    most = std::max(most.value_or(0), provider.answer_count(std::string(op.name)));
  }
  return most;
}

}  // namespace

Result<std::map<std::string, int64_t>> count_scripted_answers(const RunConfig& config) {
  std::map<std::string, int64_t> counts;
  for (const search::Operator& op : search::all_operators()) {
    if (!config.search.operators.contains(std::string(op.name))) continue;
    TRY_ASSIGN(const auto count, scripted_answers(config, op));
    if (count) counts[std::string(op.name)] = *count;
  }
  if (!config.scripted_folder.empty()) {
    TRY_ASSIGN(const auto provider, llm::ScriptedProvider::open(config.scripted_folder));
    counts["scripted"] = provider.answer_count();
  }
  return counts;
}

workers::WorkerSettings worker_settings(const RunConfig& config) {
  workers::WorkerSettings settings;
  settings.command_prefix = config.worker_prefix;
  settings.worker_path = config.worker_path.empty() ? default_worker_path() : config.worker_path;
  settings.arguments = config.worker_arguments;
  for (const std::string& dataset : config.datasets) {
    settings.arguments.emplace_back("--dataset");
    settings.arguments.push_back(fs::absolute(dataset).string());
  }
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  settings.count = config.worker_count > 0 ? config.worker_count : std::max(1, cores);
  settings.hello_deadline_ms = config.hello_deadline_s * 1000;
  return settings;
}

Result<RunSetup> load_setup(const RunConfig& config) {
  RunSetup setup;
  TRY_ASSIGN(const fs::path home, find_home());
  TRY_ASSIGN(const auto datasets, trace::DatasetPath::open({config.datasets.begin(), config.datasets.end()}));
  TRY_ASSIGN(trace::LoadedDefinition loaded, datasets.load(config.definition));
  TRY_ASSIGN(rules::Rules rules, rules::load_rules(loaded, home));
  // "auto" is settled by the first worker's hello, and everything loaded again (evolve.cpp).
  const std::string selection = rules.settle_selection(config.selection, true);
  setup.definition = loaded.definition;
  TRY_ASSIGN(loaded.definition, rules.definition_for(selection, loaded.definition));
  TRY_ASSIGN(auto workloads, rules.select(selection, loaded));
  if (workloads.empty())
    return usage_error(
        fmt::format("selection '{}' of {} holds no workload", config.selection, config.definition));
  for (const rules::SelectedWorkload& workload : workloads)
    TRY(trace::check_captured_inputs(loaded.definition, workload.group.workload));
  TRY_ASSIGN(const rules::DeviceModel device,
             rules::load_device(config.device == "auto" ? "b200" : config.device));
  setup.dataset = loaded.dataset.string();
  setup.sources = std::make_unique<SourceStore>(std::move(loaded.definition), std::move(rules),
                                                std::move(workloads), device);
  setup.workers = worker_settings(config);
  setup.workers.set_environment["WARPWRIGHT_HOME"] = home.string();
  return setup;
}

}  // namespace warpwright::engine
