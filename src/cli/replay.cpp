// warpwright replay: a recorded run again, offline, compared with what it was.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/cli/commands.h"
#include "src/engine/replay.h"

namespace warpwright::cli {
namespace {

void print(const ReplayOptions& options, const engine::ReplayOutcome& outcome) {
  if (options.form == OutputForm::kJson) {
    Json json = {{"identical", !outcome.divergence},    {"events", outcome.events},
                 {"decisions", outcome.decisions},      {"prompts", outcome.prompts},
                 {"answers", outcome.answers},          {"evaluations", outcome.evaluations},
                 {"evaluated_again", options.evaluate}, {"other_prompts", outcome.other_prompts}};
    if (outcome.divergence) json["divergence"] = *outcome.divergence;
    std::cout << dump_json(json, 2) << "\n";
    return;
  }
  std::cout << fmt::format(
      "{}: {} events, {} decisions, {} prompts rendered, {} answers read, {} evaluations {}\n",
      outcome.divergence ? "DIFFERENT" : "identical", outcome.events, outcome.decisions, outcome.prompts,
      outcome.answers, outcome.evaluations, options.evaluate ? "done again" : "taken from the record");
  if (outcome.other_prompts > 0)
    std::cout << fmt::format(
        "{} prompts are worded otherwise by this program than by the one that recorded them\n",
        outcome.other_prompts);
  if (outcome.divergence) std::cout << *outcome.divergence << "\n";
}

Result<int> replay(const ReplayOptions& options) {
  TRY_ASSIGN(const TempDirectory temporary, TempDirectory::create("warpwright-replay"));
  const std::filesystem::path out = options.out.empty() ? temporary.path() / "run" : options.out;
  SystemClock clock;
  const auto live = report::make_live_view(stderr);
  const auto prompts = options.recorded_prompts ? engine::Prompts::kAsRecorded : engine::Prompts::kCompared;
  auto outcome = options.evaluate
                     ? engine::rerun(options.run_dir, out, options.workers, prompts, *live, clock)
                     : engine::replay(options.run_dir, out, prompts, clock);
  if (!outcome) return tl::unexpected(outcome.error());
  print(options, *outcome);
  if (!options.out.empty()) std::cerr << fmt::format("warpwright: the replayed run is in {}\n", out.string());
  return outcome->divergence ? 1 : 0;
}

}  // namespace

int run_replay(const ReplayOptions& options) {
  auto code = replay(options);
  return code ? *code : report_error(code.error());
}

}  // namespace warpwright::cli
