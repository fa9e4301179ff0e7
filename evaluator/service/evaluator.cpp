#include "evaluator/service/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "evaluator/service/duel_stage.h"
#include "evaluator/service/evaluation.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/quotable.h"

namespace warpwright::service {
namespace {

struct StageStep {
  Stage stage;
  StageResult (*run)(Evaluation&, Resources&);
};
constexpr StageStep kSteps[] = {{Stage::kPlan, prepare},
                                {Stage::kCompile, compile_candidate},
                                {Stage::kSmoke, smoke},
                                {Stage::kValidate, validate},
                                {Stage::kTime, time_workloads}};

// A report goes to people, terminals and models, and much of its text is the candidate's own or the
// compiler's about it: bounded, the first things kept, and nothing in it but plain characters.
void make_quotable(EvaluationReport& report) {
  report.message = quotable_line(report.message, kMaxMessageBytes);
  size_t left = kMaxEvidenceBytes;
  for (std::string& text : report.evidence) {
    text = left == 0 ? "" : quotable_text(text, left);
    left -= std::min(left, text.size());
  }
  std::erase_if(report.evidence, [](const std::string& text) { return text.empty() || text == " [cut]"; });
  for (std::string& warning : report.warnings) warning = quotable_line(warning, kMaxMessageBytes);
  if (report.warnings.size() <= kMaxWarnings) return;
  const size_t more = report.warnings.size() - kMaxWarnings;
  report.warnings.resize(kMaxWarnings);
  report.warnings.push_back(fmt::format("and {} more warnings", more));
}

// Those that were run; of a lost race those that count in its bound.
bool is_reported(const Evaluation& evaluation, const BoundWorkload& workload) {
  if (workload.report.status != Status::kPassed) return true;
  return workload.passed && (!evaluation.report.lost_race || workload.report.latency_us > 0);
}

class RealEvaluator final : public Evaluator {
 public:
  RealEvaluator(Resources resources, HelloMessage hello)
      : resources_(std::move(resources)), hello_(std::move(hello)) {}

  HelloMessage hello() const override { return hello_; }

  EvaluationReport evaluate(const EvaluationRequest& request, const EvaluationHooks& hooks) override {
    Evaluation evaluation{request, hooks, clock_.monotonic_ms() + request.limits.evaluation_deadline_ms};
    evaluation.report.id = request.id;
    evaluation.report.versions = hello_.versions;
    evaluation.report.status = Status::kPassed;
    const Stage last_stage = request.rival ? std::max(request.last_stage, Stage::kSmoke) : request.last_stage;
    for (const StageStep& step : kSteps) {
      if (step.stage > last_stage) break;
      hooks.on_stage(step.stage);
      evaluation.report.stage = step.stage;
      const int64_t start_ms = clock_.monotonic_ms();
      auto outcome = step.run(evaluation, resources_);
      evaluation.report.cost_s[std::string(to_string(step.stage))] =
          static_cast<double>(clock_.monotonic_ms() - start_ms) / 1000;
      if (!outcome) {
        end(evaluation.report, {Status::kWorkerLost, "", outcome.error().message, {}});
        break;
      }
      if (*outcome) {
        end(evaluation.report, std::move(**outcome));
        break;
      }
    }
    if (request.rival && evaluation.report.status == Status::kPassed) duel(evaluation);
    if (evaluation.report.status == Status::kWorkerLost && evaluation.executor != nullptr)
      resources_.suspect = evaluation.executor;
    if (request.last_stage > Stage::kCompile && evaluation.report.stage > Stage::kCompile)
      for (const BoundWorkload& workload : evaluation.workloads)
        if (is_reported(evaluation, workload)) evaluation.report.workloads.push_back(workload.report);
    make_quotable(evaluation.report);
    return std::move(evaluation.report);
  }

 private:
  void duel(Evaluation& evaluation) {
    const int64_t start_ms = clock_.monotonic_ms();
    auto outcome = hold_duel(evaluation, resources_);
    evaluation.report.cost_s["duel"] = static_cast<double>(clock_.monotonic_ms() - start_ms) / 1000;
    if (!outcome) end(evaluation.report, {Status::kWorkerLost, "", outcome.error().message, {}});
    if (outcome && *outcome) end(evaluation.report, std::move(**outcome));
  }

  static void end(EvaluationReport& report, Ending ending) {
    report.status = ending.status;
    report.rule = std::move(ending.rule);
    report.message = std::move(ending.message);
    report.evidence = std::move(ending.evidence);
  }

  Resources resources_;
  HelloMessage hello_;
  SystemClock clock_;
};

}  // namespace

bool Evaluation::deadline_passed() const {
  const int64_t waited_ms = executor == nullptr ? 0 : executor->waited_ms() - waited_before_ms;
  return SystemClock().monotonic_ms() - waited_ms > deadline_ms;
}

Result<std::unique_ptr<Evaluator>> Evaluator::create(const EvaluatorOptions& options) {
  TRY_ASSIGN(auto datasets, trace::DatasetPath::open(options.datasets));
  compile::CompilerOptions compiler_options;
  compiler_options.cache_folder = compile::default_cache_folder();
  compiler_options.take_precompiled_from_environment();
  TRY_ASSIGN(auto compiler, compile::Compiler::create(std::move(compiler_options)));
  Resources resources{options, std::move(datasets), std::move(compiler), {}, reference::OracleCache()};
  std::random_device entropy;
  for (uint64_t& seed : resources.secret_seeds) seed = uint64_t{entropy()} << 32 | entropy();
  TRY_ASSIGN(const exec::Executor* executor, executor_of(resources, "auto"));
  TRY_ASSIGN(const rules::DeviceModel model, device_model_of(*executor, "auto"));

  HelloMessage hello;
  hello.features = {"two-phase"};
  hello.executor = executor->name();
  hello.device = executor->device_text();
  hello.device_model = model.name;
  hello.target = target_of(model, "auto");
  if (executor->device() == nullptr) {
    if (const auto gpu = executor_of(resources, "cuda"); !gpu) hello.no_gpu = gpu.error().message;
  }
  hello.versions = {{"evaluator", kEvaluatorVersion},
                    {"nvrtc", resources.compiler.toolkit().version.text()},
                    {"cuda", fmt::format("{} ({})", resources.compiler.toolkit().nvrtc_library.string(),
                                         resources.compiler.toolkit().found_by)}};
  for (const auto& folder : resources.datasets.folders()) hello.datasets.push_back(folder.string());
  return std::make_unique<RealEvaluator>(std::move(resources), std::move(hello));
}

}  // namespace warpwright::service
