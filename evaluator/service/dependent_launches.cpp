// What a GPU cannot be relied on to show: a [[pdl]] kernel that reads, without waiting for it, what the kernel
// before it writes. Most often it comes late enough, and is right, and fast. The simulator sees every such
// read, so a plan with dependent launches runs there too, once, on its smallest workload.
#include <fmt/format.h>

#include <algorithm>

#include "evaluator/service/evaluation.h"

namespace warpwright::service {
namespace {

constexpr uint64_t kMostInstructions = 60'000'000;  // of warps: seconds

bool has_dependent_launch(const BoundWorkload& workload) {
  return std::any_of(workload.plan.operations.begin(), workload.plan.operations.end(),
                     [](const plan::BoundOperation& operation) {
                       const auto* launch = std::get_if<plan::BoundLaunch>(&operation);
                       return launch != nullptr && launch->attributes.pdl;
                     });
}

const BoundWorkload* smallest_with_dependent_launch(const Evaluation& evaluation) {
  const BoundWorkload* smallest = nullptr;
  int64_t fewest = 0;
  for (const BoundWorkload& workload : evaluation.workloads) {
    if (!has_dependent_launch(workload)) continue;
    int64_t bytes = 0;
    for (const auto* tensors : {&evaluation.loaded.definition.inputs, &evaluation.loaded.definition.outputs})
      for (const trace::Tensor& tensor : *tensors)
        bytes += evaluation.loaded.definition.bytes_of(tensor, workload.report.axes).value_or(0);
    if (smallest != nullptr && bytes >= fewest) continue;
    smallest = &workload;
    fewest = bytes;
  }
  return smallest;
}

void warn(Evaluation& evaluation, const std::string& why) {
  evaluation.report.warnings.push_back(
      fmt::format("[[pdl]]: whether every read waits for the kernel before is not proven; {}", why));
}

}  // namespace

StageResult check_dependent_launches(Evaluation& evaluation, Resources& resources) {
  const BoundWorkload* workload = smallest_with_dependent_launch(evaluation);
  if (workload == nullptr) return kGoOn;
  TRY_ASSIGN(exec::Executor* const simulator, executor_of(resources, "sim"));
  TRY_ASSIGN(const auto loaded, simulator->load(code_units(evaluation)));
  const auto refused = loaded.failure ? loaded.failure : loaded.program->check(workload->plan);
  if (refused) {
    warn(evaluation, refused->message);
    return kGoOn;
  }
  TRY_ASSIGN(const auto reference,
             resources.oracles.get(evaluation.loaded.definition, workload->selected.group.workload,
                                   evaluation.rules, workload->selected.profile, evaluation.request.seed));
  TRY_ASSIGN(const auto session, open_session(evaluation, *loaded.program, *workload, *reference));
  exec::CallOptions options;
  options.warp_instruction_budget = std::min(kMostInstructions, evaluation.request.limits.warp_instructions);
  TRY_ASSIGN(const exec::CallReport report, session->call(workload->plan, options));
  for (const exec::Failure& finding : report.findings)
    if (finding.rule == "pdl-without-wait" || finding.rule == "data-race")
      return Ending{finding.status, finding.rule,
                    fmt::format("{} ({}; seen on the simulator, a GPU shows it only now and then)",
                                finding.message, axes_text(*workload)),
                    {}, false};
  if (report.failure) warn(evaluation, "the simulator stopped: " + report.failure->message);
  return kGoOn;
}

}  // namespace warpwright::service
