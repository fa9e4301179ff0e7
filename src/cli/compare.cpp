// warpwright compare: which of two candidates is faster, by one worker.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "src/cli/candidate.h"
#include "src/cli/commands.h"
#include "src/engine/evaluate_once.h"
#include "src/report/duel_text.h"
#include "src/report/evaluation_text.h"

namespace warpwright::cli {
namespace {

struct Pair {
  LoadedCandidate a, b;
};

// B is for A's definition, wherever it lies.
Result<Pair> load_pair(const CompareOptions& options) {
  CandidateOptions of_a{options.a, options.definition, options.knobs_a, options.datasets};
  Pair pair;
  TRY_ASSIGN(pair.a, load_candidate(of_a));
  TRY_ASSIGN(pair.b, load_candidate({options.b, pair.a.definition_name, options.knobs_b, options.datasets}));
  return pair;
}

EvaluationRequest make_request(const CompareOptions& options, const Pair& pair) {
  EvaluationRequest request;
  request.id = "1";
  request.source = pair.a.source;
  request.source_name = pair.a.source_name;
  request.definition = pair.a.definition_name;
  request.executor = options.executor;
  if (!options.target.empty()) request.target = options.target;
  if (!options.device.empty()) request.device = options.device;
  request.knobs = pair.a.knobs;
  request.selection = options.workloads;
  request.seed = options.seed;
  request.last_stage = Stage::kValidate;
  request.timing_profile = "strict";
  request.rival = Rival{pair.b.source, pair.b.source_name, pair.b.knobs, options.tie_margin};
  return request;
}

int exit_code(const EvaluationReport& report) {
  if (report.status == Status::kWorkerLost) return 3;
  const bool both_passed = report.status == Status::kPassed && report.duel && !report.duel->verdict.empty();
  return both_passed ? 0 : 1;
}

std::string text_of(const EvaluationReport& report, const Pair& pair) {
  if (report.duel) return report::render_duel(report, pair.a.source_name, pair.b.source_name);
  return fmt::format("NO VERDICT  A = {} fails its checks:\n\n{}", pair.a.source_name,
                     report::render_evaluation(report, pair.a.source_name));
}

}  // namespace

int run_compare(const CompareOptions& options) {
  if (!(options.tie_margin >= 0 && options.tie_margin < 1))
    return report_error({ErrorKind::kUsage, "--tie-margin: a share from 0 to 1, like 0.15"});
  const auto pair = load_pair(options);
  if (!pair) return report_error(pair.error());
  workers::WorkerSettings settings = engine::local_worker(options.datasets);
  const bool on_terminal = ::isatty(STDERR_FILENO) != 0;
  auto on_progress = [&](Stage stage) {
    if (on_terminal) std::cerr << fmt::format("\r\033[Kstage {} ...", to_string(stage)) << std::flush;
  };
  auto done = engine::evaluate_once(settings, make_request(options, *pair), on_progress);
  if (on_terminal) std::cerr << "\r\033[K" << std::flush;
  if (!done) return report_error(done.error());
  if (options.executor == "auto")
    std::cerr << fmt::format("executor auto: took {} ({})\n", done->hello.executor, done->hello.device);
  if (options.form == OutputForm::kJson)
    std::cout << dump_json(to_json(done->report), 2) << "\n";
  else
    std::cout << text_of(done->report, *pair);
  return exit_code(done->report);
}

}  // namespace warpwright::cli
