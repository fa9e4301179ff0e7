// Which program a candidate is, and under which key its result is kept.
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "evaluator/compile/fingerprint.h"
#include "evaluator/compile/identity.h"
#include "evaluator/service/admission.h"
#include "evaluator/service/evaluation.h"
#include "src/base/check.h"
#include "src/base/hash.h"
#include "src/trace/captured_input.h"

namespace warpwright::service {
namespace {

using CodeId = std::pair<std::string, std::string>;  // unit and symbol
using CodeHash = std::function<Result<std::string>(const plan::BoundLaunch&, const KernelUse&)>;

// The plan with its kernels known by their code alone.
Result<plan::BoundPlan> nameless(const Evaluation& evaluation, plan::BoundPlan plan,
                                 const CodeHash& hash_of) {
  plan.knobs.clear();  // what a knob changes shows in the code or in the launches
  for (plan::BoundOperation& operation : plan.operations) {
    auto* launch = std::get_if<plan::BoundLaunch>(&operation);
    if (launch == nullptr) continue;
    const KernelUse use = find_kernel(evaluation.program, launch->unit, launch->name_expression);
    CHECK(use.unit != nullptr && !use.symbol.empty());
    TRY_ASSIGN(launch->kernel, hash_of(*launch, use));
    launch->unit.clear();
    launch->name_expression.clear();
  }
  return plan;
}

Result<std::string> hash_program(const Evaluation& evaluation, const CodeHash& hash_of) {
  FieldHasher hasher;
  hasher.add(evaluation.loaded.definition.name).add(evaluation.target);
  for (const auto& [name, value] : evaluation.report.constants) hasher.add(name).add(std::to_string(value));
  for (const BoundWorkload& workload : evaluation.workloads) {
    TRY_ASSIGN(const plan::BoundPlan plan, nameless(evaluation, workload.plan, hash_of));
    hasher.add(plan::canonical_text(plan));
  }
  return hasher.hex();
}

}  // namespace

Result<std::string> program_identity(const Evaluation& evaluation) {
  std::map<CodeId, std::string> code;
  return hash_program(evaluation,
                      [&](const plan::BoundLaunch& launch, const KernelUse& use) -> Result<std::string> {
                        std::string& hash = code[{launch.unit, use.symbol}];
                        if (hash.empty()) {
                          TRY_ASSIGN(hash, compile::code_identity(*use.unit, {use.symbol}));
                        }
                        return hash;
                      });
}

void describe_code(Evaluation& evaluation, const Modules& modules) {
  std::map<std::string, compile::KernelReader> readers;
  for (const compile::CompiledUnit& unit : evaluation.program.units)
    readers.try_emplace(unit.name, modules.at(unit.name), unit.ptx);
  std::map<CodeId, compile::KernelCode> code;
  compile::OpcodeGrams grams;
  auto fingerprint = hash_program(
      evaluation, [&](const plan::BoundLaunch& launch, const KernelUse& use) -> Result<std::string> {
        const auto [known, is_new] = code.try_emplace({launch.unit, use.symbol});
        if (!is_new) return known->second.fingerprint;
        known->second = readers.at(launch.unit).read(use.symbol);
        for (const auto& [gram, count] : known->second.grams) grams[gram] += count;
        for (KernelReport& kernel : evaluation.report.kernels) {
          if (kernel.name != launch.name_expression) continue;
          const compile::StaticMix& mix = known->second.mix;
          kernel.instructions = mix.instructions;
          kernel.tensor_instructions = mix.tensor_instructions;
          kernel.float_operations = mix.float_operations;
          kernel.global_bytes = mix.global_bytes;
        }
        return known->second.fingerprint;
      });
  CHECK(fingerprint);  // this way of hashing cannot fail
  evaluation.report.fingerprint = std::move(*fingerprint);
  evaluation.report.sketch = compile::sketch_of(grams);
}

std::string result_key(const Evaluation& evaluation, std::string_view executor) {
  const EvaluationRequest& request = evaluation.request;
  FieldHasher hasher;
  hasher.add(evaluation.report.identity).add(executor).add(evaluation.device.name).add(kEvaluatorVersion);
  if (const auto* gpu = evaluation.executor->device())
    hasher.add(gpu->name).add(std::to_string(gpu->driver_version)).add(gpu->timer).add(gpu->clocks);
  // The figures decide estimates, and the floor below which a time is refused.
  hasher.add(evaluation.device.identity());
  hasher.add(evaluation.rules.content_hash).add(std::to_string(request.seed)).add(evaluation.selection);
  hasher.add(request.timing_profile).add(std::to_string(request.limits.warp_instructions));
  for (const BoundWorkload& workload : evaluation.workloads)
    hasher.add(workload.report.uuids.front()).add(trace::captured_identity(workload.selected.group.workload));
  if (request.race) hasher.add("race").add(dump_json(to_json(*request.race)));
  if (request.min_samples > 0) hasher.add("samples").add(std::to_string(request.min_samples));
  return hasher.hex();
}

}  // namespace warpwright::service
