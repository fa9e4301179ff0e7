#include <fmt/format.h>

#include "evaluator/service/admission.h"
#include "evaluator/service/evaluation.h"
#include "evaluator/service/race_run.h"
#include "src/rules/workload_binding.h"
#include "src/trace/captured_input.h"

namespace warpwright::service {
namespace {

// A diagnostic list as an ending: the first is the message, all of them (with source lines) the evidence.
Ending plan_ending(const Evaluation& evaluation, const std::vector<plan::Diagnostic>& diagnostics) {
  Ending ending{Status::kCompileError, "", "the launch plan is wrong", {}};
  if (!diagnostics.empty()) {
    const plan::Diagnostic& first = diagnostics.front();
    ending.message = fmt::format("{}:{}:{}: {}", evaluation.request.source_name, first.at.line,
                                 first.at.column, first.message);
  }
  for (const plan::Diagnostic& diagnostic : diagnostics)
    ending.evidence.push_back(diagnostic.render(evaluation.request.source_name, evaluation.request.source));
  return ending;
}

BoundWorkload report_on(rules::SelectedWorkload selected) {
  BoundWorkload workload;
  workload.report.uuids = selected.group.uuids;
  workload.report.axes = selected.group.workload.axes;
  workload.report.band = selected.band;
  workload.report.weight = selected.group.weight();
  workload.selected = std::move(selected);
  return workload;
}

Result<void> choose_device(Evaluation& evaluation, Resources& resources) {
  const EvaluationRequest& request = evaluation.request;
  TRY_ASSIGN(evaluation.executor, executor_of(resources, request.executor));
  if (resources.suspect == evaluation.executor) TRY(evaluation.executor->renew());
  resources.suspect = nullptr;
  evaluation.waited_before_ms = evaluation.executor->waited_ms();
  TRY_ASSIGN(evaluation.device, device_model_of(*evaluation.executor, request.device));
  evaluation.target = target_of(evaluation.device, request.target);
  if (const auto* gpu = evaluation.executor->device(); gpu != nullptr && request.device != "auto") {
    TRY_ASSIGN(const auto asked, rules::load_device(request.device));
    if (asked.arch != gpu->arch)
      evaluation.report.warnings.push_back(fmt::format(
          "device {} was asked for, the GPU here is {}: its own limits hold", request.device, gpu->name));
  }
  return {};
}

// Everything from here on sees the definition at the selection's size: prelude, plan, inputs, reference. The
// adversarial cases that follow `all` and `sim` run at their size.
Result<void> scale_definition(Evaluation& evaluation) {
  const trace::Axes own = evaluation.loaded.definition.constant_axes();
  TRY_ASSIGN(evaluation.loaded.definition,
             evaluation.rules.definition_for(evaluation.selection, evaluation.loaded.definition));
  for (const auto& [name, value] : evaluation.loaded.definition.constant_axes()) {
    if (own.at(name) != value) evaluation.report.constants[name] = value;
  }
  return {};
}

// Where the inputs come from, said and checked before anything is compiled.
Result<void> choose_inputs(Evaluation& evaluation) {
  size_t captured = 0;
  for (const BoundWorkload& workload : evaluation.workloads) {
    const trace::Workload& wanted = workload.selected.group.workload;
    TRY(trace::check_captured_inputs(evaluation.loaded.definition, wanted));
    captured += trace::has_captured_inputs(wanted) ? 1 : 0;
  }
  evaluation.report.inputs = captured == 0                             ? "synthetic"
                             : captured == evaluation.workloads.size() ? "captured"
                                                                       : "captured and synthetic";
  return {};
}

Result<void> load_definition(Evaluation& evaluation, Resources& resources) {
  const EvaluationRequest& request = evaluation.request;
  TRY_ASSIGN(evaluation.loaded, resources.datasets.load(request.definition));
  TRY_ASSIGN(evaluation.rules, rules::load_rules(evaluation.loaded, resources.options.home));
  TRY(choose_device(evaluation, resources));
  evaluation.selection = evaluation.rules.settle_selection(request.selection, !evaluation.measures());
  TRY(scale_definition(evaluation));
  TRY_ASSIGN(auto selected, evaluation.rules.select(evaluation.selection, evaluation.loaded));
  if (selected.empty())
    return usage_error(
        fmt::format("selection '{}' of {} holds no workload", evaluation.selection, request.definition));
  for (auto& workload : selected) evaluation.workloads.push_back(report_on(std::move(workload)));
  const bool is_whole = evaluation.selection == "all" || evaluation.selection == "sim";
  if (is_whole && evaluation.rules.selections.contains("adversarial")) {
    TRY_ASSIGN(auto adversarial, evaluation.rules.select("adversarial", evaluation.loaded));
    for (auto& workload : adversarial) evaluation.adversarial.push_back(report_on(std::move(workload)));
  }
  enter_race(evaluation);
  evaluation.report.dataset = evaluation.loaded.dataset.string();
  TRY(choose_inputs(evaluation));
  if (evaluation.rules.oracle.empty())
    evaluation.report.warnings.push_back(
        "no oracle knows this definition: its own Python reference judges, with the official tolerance "
        "alone");
  return {};
}

using ResidentBlocks = decltype(plan::DeviceFacts::resident_blocks);

std::optional<Ending> bind_all(Evaluation& evaluation, const ResidentBlocks& resident_blocks) {
  plan::DeviceFacts facts;
  facts.arch = evaluation.device.arch;
  facts.sm_count = evaluation.device.sm_count;
  facts.resident_blocks = resident_blocks;
  for (auto* workloads : {&evaluation.workloads, &evaluation.adversarial}) {
    for (BoundWorkload& workload : *workloads) {
      auto bound =
          plan::bind(*evaluation.plan, evaluation.loaded.definition,
                     rules::bind_inputs(evaluation.loaded.definition, workload.selected.group.workload,
                                        evaluation.rules, evaluation.request.knobs, facts));
      if (!bound) return plan_ending(evaluation, bound.error());
      workload.plan = std::move(*bound);
    }
  }
  return std::nullopt;
}

// Occupancy is known once the kernels are compiled, and which ones to compile once the plan is bound: so it
// is bound with stand-ins first, until one satisfies the plan's requirements.
std::optional<Ending> bind_with_stand_ins(Evaluation& evaluation) {
  std::optional<Ending> first_ending;
  for (const int64_t stand_in : {1, 2, 4, 8, 16, 32}) {
    auto ending = bind_all(evaluation, [&](const std::string& kernel, int64_t, int64_t) {
      evaluation.asked_kernels.insert(kernel);
      return std::optional<int64_t>(stand_in);
    });
    if (!ending) return std::nullopt;
    if (!first_ending) first_ending = std::move(ending);
    if (evaluation.asked_kernels.empty()) break;
  }
  return first_ending;
}

}  // namespace

std::optional<Ending> bind_with_occupancy(Evaluation& evaluation) {
  return bind_all(
      evaluation,
      [&](const std::string& kernel, int64_t threads, int64_t shared_bytes) -> std::optional<int64_t> {
        evaluation.asked_kernels.insert(kernel);
        const AskedKernel asked = asked_kernel(evaluation.split, kernel);
        const KernelUse use = find_kernel(evaluation.program, asked.unit, asked.name_expression);
        if (use.resources == nullptr) return std::nullopt;
        const estimate::BlockShape block{static_cast<int>(threads), use.resources->registers,
                                         use.resources->static_shared + shared_bytes};
        return estimate::occupancy(evaluation.device, block).blocks_per_sm;
      });
}

StageResult prepare(Evaluation& evaluation, Resources& resources) {
  TRY(load_definition(evaluation, resources));
  auto split = plan::split_source(evaluation.request.source);
  if (!split) return plan_ending(evaluation, split.error());
  evaluation.split = std::move(*split);
  auto plan = plan::parse_plan(evaluation.split, evaluation.loaded.definition);
  if (!plan) return plan_ending(evaluation, plan.error());
  evaluation.plan = std::move(*plan);

  if (auto ending = bind_with_stand_ins(evaluation)) return ending;
  evaluation.knobs = evaluation.workloads.front().plan.knobs;
  return kGoOn;
}

}  // namespace warpwright::service
