#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "evaluator/compile/state_scan.h"
#include "evaluator/ptx/module.h"
#include "evaluator/service/admission.h"
#include "evaluator/service/evaluation.h"
#include "src/base/check.h"

namespace warpwright::service {

std::vector<exec::CodeUnit> code_units(const Evaluation& evaluation) {
  std::vector<exec::CodeUnit> units;
  for (const auto& unit : evaluation.program.units)
    units.push_back({unit.name, unit.ptx, unit.cubin, unit.lowered_names});
  return units;
}

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
  for (const std::string& kernel : evaluation.asked_kernels) {
    const AskedKernel asked = asked_kernel(evaluation.split, kernel);
    expressions[asked.unit].insert(asked.name_expression);
  }
  compile::CompileRequest request;
  request.source_name = evaluation.request.source_name;
  request.target = evaluation.target;
  request.deadline_ms = evaluation.request.limits.compile_deadline_ms;
  const std::string prelude =
      plan::make_prelude(evaluation.loaded.definition, evaluation.plan->knobs(), evaluation.knobs);
  for (const plan::Unit& unit : evaluation.split.units) {
    const auto& wanted = expressions[unit.name];
    request.units.push_back({unit.name, prelude, unit.text, {wanted.begin(), wanted.end()}});
  }
  return request;
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

KernelUse kernel_of(const Evaluation& evaluation, const plan::BoundLaunch& launch) {
  return find_kernel(evaluation.program, launch.unit, launch.name_expression);
}

std::optional<Ending> check_plan(Evaluation& evaluation, const Modules& modules,
                                 const plan::BoundPlan& plan) {
  if (auto failure = evaluation.loaded_program->check(plan))
    return Ending{failure->status, failure->rule, failure->message, {}};
  int launches = 0;
  std::optional<std::string> complaint;
  for_each_launch(plan, [&](const plan::BoundLaunch& launch) {
    ++launches;
    const KernelUse use = kernel_of(evaluation, launch);
    if (use.resources == nullptr || complaint) return;
    report_kernel(evaluation.report, launch, *use.resources);
    const auto module = modules.find(launch.unit);
    const ptx::Function* entry = module != modules.end() ? module->second.find_function(use.symbol) : nullptr;
    if (use.resources->has_resources)
      complaint = over_a_limit(evaluation.device, launch, *use.resources, entry);
  });
  if (complaint) return Ending{Status::kCompileError, "", *complaint, {}};
  evaluation.report.launches = std::max(evaluation.report.launches, launches);
  return std::nullopt;
}

std::optional<Ending> check_launches(Evaluation& evaluation, const Modules& modules) {
  for (const auto* workloads : {&evaluation.workloads, &evaluation.adversarial})
    for (const BoundWorkload& workload : *workloads)
      if (auto ending = check_plan(evaluation, modules, workload.plan)) return ending;
  return std::nullopt;
}

// [[pdl]] kernels that never wait for the ones before them.
std::optional<Ending> check_grid_waits(const Evaluation& evaluation, const Modules& modules) {
  std::optional<Ending> ending;
  for_each_plan(evaluation, [&](const plan::BoundPlan& plan) {
    for_each_launch(plan, [&](const plan::BoundLaunch& launch) {
      if (ending || !launch.attributes.pdl) return;
      const auto module = modules.find(launch.unit);
      const std::string symbol = kernel_of(evaluation, launch).symbol;
      if (module == modules.end() || symbol.empty()) return;
      if (compile::waits_for_prerequisites(module->second, symbol)) return;
      ending = Ending{Status::kRejected,
                      "pdl-without-wait",
                      fmt::format("`{}` is launched with [[pdl]] but never executes griddepcontrol.wait: it may end "
                                  "before the kernels it depends on; put asm volatile(\"griddepcontrol.wait;\" ::: "
                                  "\"memory\"); into every block's way, or leave [[pdl]] out",
                                  launch.name_expression),
                      {}};
    });
  });
  return ending;
}

std::optional<Ending> scan(Evaluation& evaluation, Modules& modules) {
  for (const CompiledUnit& unit : evaluation.program.units) {
    std::set<std::string> entries;
    for_each_plan(evaluation, [&](const plan::BoundPlan& plan) {
      for_each_launch(plan, [&](const plan::BoundLaunch& launch) {
        if (launch.unit == unit.name) entries.insert(kernel_of(evaluation, launch).symbol);
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
    modules.emplace(unit.name, std::move(*module));
  }
  return std::nullopt;
}

// NVRTC with ptxas for the target; a plan that asks resident_blocks is bound again with what ptxas says,
// which may call for other instantiations.
StageResult compile_and_bind(Evaluation& evaluation, Resources& resources) {
  constexpr int kMaxRounds = 3;
  for (int round = 0; round < kMaxRounds; ++round) {
    TRY_ASSIGN(auto outcome, resources.compiler.compile(make_request(evaluation)));
    evaluation.report.versions["nvrtc"] = outcome.nvrtc;
    evaluation.report.versions["sandbox"] = outcome.sandbox;
    if (!outcome.warning.empty() && round == 0) evaluation.report.warnings.push_back(outcome.warning);
    if (const auto* failure = outcome.failure())
      return Ending{Status::kCompileError, "", failure->message, {failure->log}};
    evaluation.program = std::move(std::get<compile::CompiledProgram>(outcome.value));
    if (evaluation.asked_kernels.empty()) return kGoOn;
    if (auto ending = bind_with_occupancy(evaluation)) return ending;
    bool is_complete = true;
    for_each_plan(evaluation, [&](const plan::BoundPlan& plan) {
      for_each_launch(plan, [&](const plan::BoundLaunch& launch) {
        is_complete = is_complete && !kernel_of(evaluation, launch).symbol.empty();
      });
    });
    if (is_complete) return kGoOn;
  }
  return Ending{Status::kCompileError,
                "",
                "the plan launches other kernels each time that resident_blocks is known better; do not let "
                "template arguments depend on it",
                {}};
}

}  // namespace

StageResult compile_candidate(Evaluation& evaluation, Resources& resources) {
  TRY_ASSIGN(auto ending, compile_and_bind(evaluation, resources));
  if (ending) return ending;
  if (const std::string warning = target_warning(evaluation.device, evaluation.target); !warning.empty())
    evaluation.report.warnings.push_back(warning);

  Modules modules;
  if (auto state = scan(evaluation, modules)) return state;
  if (auto unordered = check_grid_waits(evaluation, modules)) return unordered;
  TRY_ASSIGN(auto loaded, evaluation.executor->load(code_units(evaluation)));
  if (loaded.failure)
    return Ending{loaded.failure->status, loaded.failure->rule, loaded.failure->message, {}};
  evaluation.loaded_program = std::move(loaded.program);
  if (auto over = check_launches(evaluation, modules)) return over;
  TRY_ASSIGN(evaluation.report.identity, program_identity(evaluation));
  describe_code(evaluation, modules);
  evaluation.report.result_key = result_key(evaluation, evaluation.executor->name());
  return kGoOn;
}

}  // namespace warpwright::service
