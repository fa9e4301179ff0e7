#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "evaluator/compile/identity.h"
#include "evaluator/compile/state_scan.h"
#include "evaluator/ptx/module.h"
#include "evaluator/service/evaluation.h"
#include "src/base/check.h"
#include "src/base/hash.h"

namespace warpwright::service {
namespace {

using compile::CompiledUnit;
using compile::KernelResources;

template <class Visit>
void for_each_launch(const plan::BoundPlan& plan, Visit visit) {
  for (const plan::BoundOperation& operation : plan.operations)
    if (const auto* launch = std::get_if<plan::BoundLaunch>(&operation)) visit(*launch);
}

template <class Visit>
void for_each_plan(const Evaluation& evaluation, Visit visit) {
  for (const auto* workloads : {&evaluation.workloads, &evaluation.adversarial})
    for (const BoundWorkload& workload : *workloads) visit(workload.plan);
}

compile::CompileRequest make_request(const Evaluation& evaluation) {
  std::map<std::string, std::set<std::string>> expressions;
  for_each_plan(evaluation, [&](const plan::BoundPlan& plan) {
    for_each_launch(plan, [&](const plan::BoundLaunch& launch) {
      expressions[launch.unit].insert(launch.name_expression);
    });
  });
  compile::CompileRequest request;
  request.source_name = evaluation.request.source_name;
  request.target = evaluation.request.target;
  request.deadline_ms = evaluation.request.limits.compile_deadline_ms;
  const std::string prelude =
      plan::make_prelude(evaluation.loaded.definition, evaluation.plan->knobs(), evaluation.knobs);
  for (const plan::Unit& unit : evaluation.split.units) {
    const auto& wanted = expressions[unit.name];
    request.units.push_back({unit.name, prelude, unit.text, {wanted.begin(), wanted.end()}});
  }
  return request;
}

const CompiledUnit* find_unit(const Evaluation& evaluation, const std::string& name) {
  for (const CompiledUnit& unit : evaluation.program.units)
    if (unit.name == name) return &unit;
  return nullptr;
}

struct KernelUse {
  std::string symbol;
  const CompiledUnit* unit = nullptr;
  const KernelResources* resources = nullptr;
};

KernelUse find_kernel(const Evaluation& evaluation, const plan::BoundLaunch& launch) {
  KernelUse use;
  use.unit = find_unit(evaluation, launch.unit);
  if (use.unit == nullptr) return use;
  auto lowered = use.unit->lowered_names.find(launch.name_expression);
  if (lowered == use.unit->lowered_names.end()) return use;
  use.symbol = lowered->second;
  auto kernel = use.unit->kernels.find(use.symbol);
  if (kernel != use.unit->kernels.end()) use.resources = &kernel->second;
  return use;
}

// What ptxas says a launch needs, against what the device has: what passes here also launches there.
std::optional<std::string> over_a_limit(const Evaluation& evaluation, const plan::BoundLaunch& launch,
                                        const KernelResources& resources) {
  const rules::DeviceModel& device = evaluation.device;
  const int64_t threads = launch.block.x * launch.block.y * launch.block.z;
  if (resources.max_threads > 0 && threads > resources.max_threads)
    return fmt::format("`{}` is launched with {} threads per block, but was compiled for at most {}",
                       launch.name_expression, threads, resources.max_threads);
  // Registers are handed out in units of 256 per warp.
  const int64_t per_warp = (int64_t{resources.registers} * 32 + 255) / 256 * 256;
  const int64_t registers = per_warp * ((threads + 31) / 32);
  if (registers > device.registers_per_sm)
    return fmt::format(
        "`{}` needs {} registers per thread, {} for its block of {} threads; an SM has {}. Use "
        "smaller blocks or __launch_bounds__({})",
        launch.name_expression, resources.registers, registers, threads, device.registers_per_sm, threads);
  const int64_t shared = resources.static_shared + launch.dynamic_shared_bytes;
  if (shared > device.shared_bytes_per_block)
    return fmt::format(
        "`{}` needs {} bytes of shared memory ({} static + {} dynamic); {} allows {} per block",
        launch.name_expression, shared, resources.static_shared, launch.dynamic_shared_bytes,
        device.display_name, device.shared_bytes_per_block);
  if (resources.static_shared > 48 * 1024)
    return fmt::format("`{}` declares {} bytes of static shared memory; more than 49152 must be dynamic",
                       launch.name_expression, resources.static_shared);
  return std::nullopt;
}

void report_kernel(EvaluationReport& report, const plan::BoundLaunch& launch,
                   const KernelResources& resources) {
  auto known = std::find_if(report.kernels.begin(), report.kernels.end(),
                            [&](const KernelReport& k) { return k.name == launch.name_expression; });
  if (known == report.kernels.end()) {
    KernelReport kernel;
    kernel.name = launch.name_expression;
    kernel.registers = resources.registers;
    kernel.spill_bytes = resources.spill_stores + resources.spill_loads;
    kernel.static_shared_bytes = resources.static_shared;
    known = report.kernels.insert(report.kernels.end(), std::move(kernel));
  }
  const auto threads = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
  known->max_threads_per_block = std::max(known->max_threads_per_block, threads);
  known->dynamic_shared_bytes =
      std::max(known->dynamic_shared_bytes, static_cast<int>(launch.dynamic_shared_bytes));
}

std::optional<Ending> check_plan(Evaluation& evaluation, const plan::BoundPlan& plan) {
  if (auto failure = evaluation.loaded_program->check(plan))
    return Ending{failure->status, failure->rule, failure->message, {}};
  int launches = 0;
  std::optional<std::string> complaint;
  for_each_launch(plan, [&](const plan::BoundLaunch& launch) {
    ++launches;
    const KernelUse use = find_kernel(evaluation, launch);
    if (use.resources == nullptr || complaint) return;
    report_kernel(evaluation.report, launch, *use.resources);
    if (use.resources->has_resources) complaint = over_a_limit(evaluation, launch, *use.resources);
  });
  if (complaint) return Ending{Status::kCompileError, "", *complaint, {}};
  evaluation.report.launches = std::max(evaluation.report.launches, launches);
  return std::nullopt;
}

std::optional<Ending> check_launches(Evaluation& evaluation) {
  for (const auto* workloads : {&evaluation.workloads, &evaluation.adversarial})
    for (const BoundWorkload& workload : *workloads)
      if (auto ending = check_plan(evaluation, workload.plan)) return ending;
  return std::nullopt;
}

std::optional<Ending> scan(Evaluation& evaluation) {
  for (const CompiledUnit& unit : evaluation.program.units) {
    std::set<std::string> entries;
    for_each_plan(evaluation, [&](const plan::BoundPlan& plan) {
      for_each_launch(plan, [&](const plan::BoundLaunch& launch) {
        if (launch.unit == unit.name) entries.insert(find_kernel(evaluation, launch).symbol);
      });
    });
    auto module = ptx::parse(unit.ptx);
    if (!module) return Ending{Status::kCompileError, "", module.error().message, {}};
    Ending ending{Status::kRejected, "", "", {}};
    for (const auto& finding : compile::scan_for_state(*module, {entries.begin(), entries.end()})) {
      if (finding.severity == compile::Severity::kWarning) {
        evaluation.report.warnings.push_back(finding.message);
        continue;
      }
      if (ending.rule.empty()) {
        ending.rule = finding.rule;
        ending.message = finding.message;
      }
      ending.evidence.push_back(finding.message);
    }
    if (!ending.rule.empty()) return ending;
  }
  return std::nullopt;
}

std::vector<exec::CodeUnit> code_units(const Evaluation& evaluation) {
  std::vector<exec::CodeUnit> units;
  for (const CompiledUnit& unit : evaluation.program.units)
    units.push_back({unit.name, unit.ptx, unit.cubin, unit.lowered_names});
  return units;
}

}  // namespace

StageResult compile_candidate(Evaluation& evaluation, Resources& resources) {
  TRY_ASSIGN(auto outcome, resources.compiler.compile(make_request(evaluation)));
  evaluation.report.versions["nvrtc"] = outcome.nvrtc;
  evaluation.report.versions["sandbox"] = outcome.sandbox;
  if (!outcome.warning.empty()) evaluation.report.warnings.push_back(outcome.warning);
  if (const auto* failure = outcome.failure())
    return Ending{Status::kCompileError, "", failure->message, {failure->log}};
  evaluation.program = std::move(std::get<compile::CompiledProgram>(outcome.value));

  auto& executor = resources.executors[evaluation.request.executor];
  if (!executor) {
    TRY_ASSIGN(executor, exec::open_executor(evaluation.request.executor));
  }
  if (auto ending = scan(evaluation)) return ending;
  TRY_ASSIGN(auto loaded, executor->load(code_units(evaluation)));
  if (loaded.failure)
    return Ending{loaded.failure->status, loaded.failure->rule, loaded.failure->message, {}};
  evaluation.loaded_program = std::move(loaded.program);
  if (auto ending = check_launches(evaluation)) return ending;
  TRY_ASSIGN(evaluation.report.identity, program_identity(evaluation));
  evaluation.report.result_key = result_key(evaluation, executor->name());
  return kGoOn;
}

Result<std::string> program_identity(const Evaluation& evaluation) {
  FieldHasher hasher;
  hasher.add(evaluation.loaded.definition.name).add(evaluation.request.target);
  std::map<std::pair<std::string, std::string>, std::string> code;  // (unit, symbol) -> hash of its code
  for (const BoundWorkload& workload : evaluation.workloads) {
    plan::BoundPlan nameless = workload.plan;
    nameless.knobs.clear();  // what a knob changes shows in the code or in the launches
    for (plan::BoundOperation& operation : nameless.operations) {
      auto* launch = std::get_if<plan::BoundLaunch>(&operation);
      if (launch == nullptr) continue;
      const KernelUse use = find_kernel(evaluation, *launch);
      CHECK(use.unit != nullptr && !use.symbol.empty());
      std::string& hash = code[{launch->unit, use.symbol}];
      if (hash.empty()) {
        TRY_ASSIGN(hash, compile::code_identity(*use.unit, {use.symbol}));
      }
      launch->unit.clear();
      launch->kernel = hash;
      launch->name_expression.clear();
    }
    hasher.add(plan::canonical_text(nameless));
  }
  return hasher.hex();
}

std::string result_key(const Evaluation& evaluation, std::string_view executor) {
  const EvaluationRequest& request = evaluation.request;
  FieldHasher hasher;
  hasher.add(evaluation.report.identity).add(executor).add(request.device).add(kEvaluatorVersion);
  hasher.add(evaluation.device.calibration.identity());
  hasher.add(evaluation.rules.content_hash).add(std::to_string(request.seed)).add(request.selection);
  hasher.add(request.timing_profile).add(std::to_string(request.limits.warp_instructions));
  for (const BoundWorkload& workload : evaluation.workloads) hasher.add(workload.report.uuids.front());
  return hasher.hex();
}

}  // namespace warpwright::service
