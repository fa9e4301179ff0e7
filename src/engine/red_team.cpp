#include "src/engine/red_team.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/subprocess.h"
#include "src/engine/evaluate_once.h"
#include "src/engine/pool_wait.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTwinPrefix = "twin/";

struct Answer {
  EvaluationReport report;
  double seconds = 0;
};
using Answers = std::map<std::string, Answer>;  // by request

EvaluationRequest make_request(const RedTeamKernel& kernel, const RedTeamOptions& options) {
  EvaluationRequest request = red_team_request(kernel);
  request.executor = options.executor;
  request.device = options.device;
  request.target = options.target;
  return request;
}

bool is_wanted(const RedTeamKernel& kernel, const std::vector<std::string>& only) {
  return only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& beginning) {
           return kernel.name.starts_with(beginning);
         });
}

// The villains' requests, and those of the twins that some are held against, on the same workloads.
std::vector<EvaluationRequest> make_requests(const std::vector<RedTeamKernel>& kernels,
                                             const std::string& executor_taken,
                                             const RedTeamOptions& options) {
  std::vector<EvaluationRequest> requests;
  std::set<std::string> twins;
  for (const RedTeamKernel& kernel : kernels) {
    if (!kernel.applies_to(executor_taken) || !is_wanted(kernel, options.only)) continue;
    requests.push_back(make_request(kernel, options));
    if (!kernel.twin.empty()) twins.insert(kernel.twin);
  }
  for (const RedTeamKernel& kernel : kernels) {
    if (kernel.is_villain || !twins.contains(kernel.name)) continue;
    EvaluationRequest request = make_request(kernel, options);
    request.id = kTwinPrefix + kernel.name;
    request.selection = "smoke";
    requests.push_back(std::move(request));
  }
  return requests;
}

Answers answers_of(std::vector<workers::RequestFinished> results) {
  Answers answers;
  for (workers::RequestFinished& finished : results) {
    Answer answer{std::move(finished.report), 0};
    for (const auto& [stage, seconds] : answer.report.cost_s) answer.seconds += seconds;
    const std::string id = answer.report.id;
    answers.insert_or_assign(id, std::move(answer));
  }
  return answers;
}

// All that a clean pass depends on.
Result<std::string> stamp_key(const std::vector<RedTeamKernel>& kernels, const RunConfig& config,
                              const HelloMessage& hello, const fs::path& home) {
  FieldHasher hasher;
  hasher.add(red_team_hash(kernels)).add(config.executor).add(config.device).add(config.target);
  hasher.add(hello.device).add(hello.device_model).add(hello.target);
  for (const auto& [name, version] : hello.versions) hasher.add(name).add(version);
  for (const fs::path& rules : list_files(home / "configs" / "rules", ".toml")) {
    TRY_ASSIGN(const std::string text, read_file(rules, 1 << 20));
    hasher.add(text);
  }
  // A worker built anew is another evaluator, whatever its version says.
  const fs::path worker = config.worker_path.empty() ? default_worker_path() : config.worker_path;
  std::error_code error;
  if (const auto bytes = fs::file_size(worker, error); !error) hasher.add(std::to_string(bytes));
  if (const auto time = fs::last_write_time(worker, error); !error)
    hasher.add(std::to_string(time.time_since_epoch().count()));
  return hasher.hex();
}

}  // namespace

Result<std::vector<RedTeamResult>> run_red_team(workers::WorkerPool& pool,
                                                const std::vector<RedTeamKernel>& kernels,
                                                const std::string& executor_taken,
                                                const RedTeamOptions& options, Clock& clock) {
  TRY_ASSIGN(auto finished,
             evaluate_all(pool, make_requests(kernels, executor_taken, options), clock, options.on_progress));
  const Answers answers = answers_of(std::move(finished));
  std::vector<RedTeamResult> results;
  for (const RedTeamKernel& kernel : kernels) {
    const auto answer = answers.find(kernel.name);
    if (answer == answers.end()) continue;
    const auto twin = answers.find(kTwinPrefix + kernel.twin);
    results.push_back({kernel,
                       judge_red_team(kernel, answer->second.report,
                                      twin == answers.end() ? nullptr : &twin->second.report, executor_taken),
                       answer->second.seconds});
  }
  return results;
}

const RedTeamResult* worst_of(const std::vector<RedTeamResult>& results) {
  for (const Standing standing : {Standing::kScores, Standing::kHonestRefused, Standing::kNotJudged})
    for (const RedTeamResult& result : results)
      if (result.verdict.standing == standing) return &result;
  return nullptr;
}

std::string describe(const RedTeamResult& result) {
  const std::string& name = result.kernel.name;
  const RedTeamVerdict& verdict = result.verdict;
  switch (verdict.standing) {
    case Standing::kScores:
      return fmt::format("the villain {} would score: {}", name, verdict.why);
    case Standing::kHonestRefused:
      return fmt::format("the honest kernel {} is refused: {}: {}", name, verdict.got, verdict.why);
    case Standing::kNotJudged:
      return fmt::format("{} could not be judged: {}", name, verdict.why);
    case Standing::kOtherwiseRefused:
      return fmt::format("{} is refused, but by another rule: {}", name, verdict.why);
    case Standing::kAsExpected:
      break;
  }
  return fmt::format("{}: as expected", name);
}

Result<void> require_clean_red_team(workers::WorkerPool& pool, const RunConfig& config,
                                    const HelloMessage& hello, report::LiveView& live, Clock& clock) {
  TRY_ASSIGN(const fs::path home, find_home());
  TRY_ASSIGN(const auto kernels, read_red_team(home));
  TRY_ASSIGN(const std::string key, stamp_key(kernels, config, hello, home));
  const fs::path stamp = cache_directory() / "red-team" / (key + ".json");
  std::error_code ignored;
  if (fs::exists(stamp, ignored)) return {};

  live.note(
      fmt::format("red team: {} kernels that cheat, or look as if they did, are tried on this machine first",
                  kernels.size()));
  RedTeamOptions options{config.executor, config.device, config.target, {}, {}};
  options.on_progress = [&](size_t done, size_t of) {
    if (done % 25 == 0) live.note(fmt::format("red team: {} of {} judged", done, of));
  };
  TRY_ASSIGN(const auto results, run_red_team(pool, kernels, config.executor, options, clock));
  if (const RedTeamResult* worst = worst_of(results))
    return infrastructure_error(
        fmt::format("red team: {}. Results of this evaluator are not to be believed here, "
                    "so the search does not start; `warpwright doctor --red-team` shows "
                    "all, --skip-red-team searches in spite of it",
                    describe(*worst)));
  live.note(fmt::format("red team: clean ({} kernels)", results.size()));
  TRY(warpwright::create_directories(stamp.parent_path()));
  const auto kept =
      write_file_atomic(stamp, dump_json({{"kernels", results.size()}, {"device", hello.device}}));
  if (!kept) spdlog::warn("the red team's result is not kept: {}", kept.error().message);
  return {};
}

}  // namespace warpwright::engine
