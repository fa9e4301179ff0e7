// warpwright doctor --red-team: whether this machine's evaluator lets a cheat score.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <thread>

#include "src/base/files.h"
#include "src/cli/commands.h"
#include "src/engine/evaluate_once.h"
#include "src/engine/pool_wait.h"
#include "src/engine/red_team.h"

namespace warpwright::cli {
namespace {

using engine::RedTeamResult;

struct Tried {
  std::string executor, device;
  std::vector<RedTeamResult> results;
};

Result<Tried> try_all(const DoctorOptions& options) {
  TRY_ASSIGN(const auto home, find_home());
  TRY_ASSIGN(const auto kernels, read_red_team(home));
  workers::WorkerSettings settings = engine::local_worker(options.datasets);
  settings.count = 1;
  SystemClock clock;
  Tried tried;
  {
    workers::WorkerPool probe(settings);
    TRY_ASSIGN(const HelloMessage hello, engine::first_hello(probe, clock, options.executor));
    tried.executor = options.executor == "auto" ? hello.executor : options.executor;
    tried.device = hello.device;
  }
  // Workers that share a GPU would wait for each other's clock.
  if (tried.executor == "sim")
    settings.count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  workers::WorkerPool pool(std::move(settings));
  engine::RedTeamOptions team;
  team.executor = tried.executor;
  team.device = options.device;
  team.target = options.target;
  team.only = options.only;
  const bool on_terminal = ::isatty(STDERR_FILENO) != 0;
  team.on_progress = [&](size_t done, size_t of) {
    if (on_terminal)
      std::cerr << fmt::format("\r\033[K{} of {} judged", done, of) << std::flush;
    else if (done % 25 == 0)
      std::cerr << fmt::format("{} of {} judged\n", done, of);
  };
  TRY_ASSIGN(tried.results, engine::run_red_team(pool, kernels, tried.executor, team, clock));
  if (on_terminal) std::cerr << "\r\033[K" << std::flush;
  if (tried.results.empty()) return usage_error("--only: no kernel of the red team has such a name");
  return tried;
}

std::string_view word_for(Standing standing) {
  switch (standing) {
    case Standing::kAsExpected:
      return "ok";
    case Standing::kOtherwiseRefused:
      return "refused";
    case Standing::kScores:
      return "SCORES";
    case Standing::kHonestRefused:
      return "REFUSED";
    case Standing::kNotJudged:
      return "NOT JUDGED";
  }
  return "";
}

void print_table(const Tried& tried) {
  std::cout << fmt::format("executor {} ({})\n\n{:<10} {:<40} {:<34} {}\n", tried.executor, tried.device, "",
                           "kernel", "expected", "got");
  for (const RedTeamResult& result : tried.results) {
    const std::string& expected = result.kernel.expected_on(tried.executor);
    std::cout << fmt::format("{:<10} {:<40} {:<34} {}\n", word_for(result.verdict.standing),
                             result.kernel.name, expected,
                             result.verdict.got == expected ? "the same" : result.verdict.got);
  }
}

void print_json(const Tried& tried, bool clean) {
  Json rows = Json::array();
  for (const RedTeamResult& result : tried.results)
    rows.push_back({{"kernel", result.kernel.name},
                    {"villain", result.kernel.is_villain},
                    {"cheat", result.kernel.cheat},
                    {"expected", result.kernel.expected_on(tried.executor)},
                    {"got", result.verdict.got},
                    {"standing", word_for(result.verdict.standing)},
                    {"why", result.verdict.why},
                    {"seconds", result.seconds}});
  std::cout << dump_json({{"clean", clean},
                          {"executor", tried.executor},
                          {"device", tried.device},
                          {"kernels", std::move(rows)}},
                         2)
            << "\n";
}

}  // namespace

int run_red_team(const DoctorOptions& options) {
  auto tried = try_all(options);
  if (!tried) return report_error(tried.error());
  const RedTeamResult* worst = engine::worst_of(tried->results);
  if (options.form == OutputForm::kJson) {
    print_json(*tried, worst == nullptr);
  } else {
    print_table(*tried);
    for (const RedTeamResult& result : tried->results)
      if (result.verdict.standing != Standing::kAsExpected) std::cout << engine::describe(result) << "\n";
    std::cout << fmt::format("\n{} kernels: {}\n", tried->results.size(),
                             worst == nullptr
                                 ? "no cheat scores, no honest kernel is refused"
                                 : "THIS EVALUATOR IS NOT TO BE BELIEVED HERE: " + engine::describe(*worst));
  }
  if (worst == nullptr) return 0;
  return worst->verdict.standing == Standing::kNotJudged ? 3 : 1;
}

}  // namespace warpwright::cli
