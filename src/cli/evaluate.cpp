// warpwright evaluate: the whole judgement of one candidate, by one worker.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "src/cli/candidate.h"
#include "src/cli/commands.h"
#include "src/engine/evaluate_once.h"
#include "src/report/evaluation_text.h"

namespace warpwright::cli {
namespace {

Result<EvaluationRequest> make_request(const EvaluateOptions& options, const LoadedCandidate& candidate) {
  EvaluationRequest request;
  request.id = std::string("1");
  request.source = candidate.source;
  request.source_name = candidate.source_name;
  request.definition = candidate.definition_name;
  request.target = options.target;
  request.executor = options.executor;
  request.device = options.device;
  request.knobs = candidate.knobs;
  request.selection = options.workloads;
  request.seed = options.seed;
  request.profile = options.profile;
  const auto stage = stage_from_string(options.last_stage);
  if (!stage)
    return usage_error(
        fmt::format("--stage {}: there are plan, compile, smoke, validate and time", options.last_stage));
  request.last_stage = *stage;
  return request;
}

int exit_code(Status status) {
  if (status == Status::kPassed) return 0;
  return status == Status::kWorkerLost ? 3 : 1;
}

}  // namespace

int run_evaluate(const EvaluateOptions& options) {
  auto candidate = load_candidate(options.candidate);
  if (!candidate) return report_error(candidate.error());
  auto request = make_request(options, *candidate);
  if (!request) return report_error(request.error());
  if (auto there = check_inputs(*candidate, options.workloads); !there) return report_error(there.error());
  if (candidate->rules.oracle.empty() && request->last_stage > Stage::kCompile) {
    if (auto python = python_reference_versions(); !python) return report_error(python.error());
  }
  workers::WorkerSettings settings = engine::local_worker(options.candidate.datasets);
  const bool on_terminal = ::isatty(STDERR_FILENO) != 0;
  auto on_progress = [&](Stage stage) {
    if (on_terminal) std::cerr << fmt::format("\r\033[Kstage {} ...", to_string(stage)) << std::flush;
  };
  auto done = engine::evaluate_once(settings, *request, on_progress);
  if (on_terminal) std::cerr << "\r\033[K" << std::flush;
  if (!done) return report_error(done.error());
  if (options.executor == "auto")
    std::cerr << fmt::format("executor auto: took {} ({})\n", done->hello.executor, done->hello.device);
  if (options.form == OutputForm::kJson)
    std::cout << dump_json(to_json(done->report), 2) << "\n";
  else
    std::cout << report::render_evaluation(done->report, candidate->source_name);
  return exit_code(done->report.status);
}

}  // namespace warpwright::cli
