#include "evaluator/service/evaluation.h"
#include "evaluator/timing/work.h"

namespace warpwright::service {
namespace {

// What the compile stage reported of a launch's kernel; zeros if it knows nothing.
KernelReport kernel_of(const Evaluation& evaluation, const plan::BoundLaunch& launch) {
  for (const KernelReport& kernel : evaluation.report.kernels)
    if (kernel.name == launch.name_expression) return kernel;
  return {};
}

timing::LaunchWork work_of(const Evaluation& evaluation, const exec::OperationWork& operation) {
  if (operation.launch == nullptr) {
    const bool is_copy = operation.label.starts_with("copy");
    return timing::copy_work(operation.label, is_copy ? operation.copied_bytes / 2 : 0,
                             is_copy ? operation.copied_bytes / 2 : operation.copied_bytes);
  }
  const plan::BoundLaunch& launch = *operation.launch;
  const KernelReport kernel = kernel_of(evaluation, launch);
  timing::BlockShape block;
  block.threads = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
  block.registers_per_thread = kernel.registers;
  block.shared_bytes = kernel.static_shared_bytes + launch.dynamic_shared_bytes;
  auto work = timing::work_from_counters(operation.label, block, operation.counters);
  work.programmatic_dependent = launch.attributes.pdl;
  return work;
}

Json estimate_json(const timing::CallEstimate& estimate) {
  Json launches = Json::array();
  for (const timing::LaunchEstimate& launch : estimate.launches) launches.push_back(timing::describe(launch));
  return {{"launches", std::move(launches)}};
}

}  // namespace

StageResult time_workloads(Evaluation& evaluation, Resources&) {
  for (BoundWorkload& workload : evaluation.workloads) {
    std::vector<timing::LaunchWork> launches;
    for (const exec::OperationWork& operation : workload.work)
      launches.push_back(work_of(evaluation, operation));
    const timing::CallEstimate estimate = timing::estimate_call(evaluation.device, launches);
    workload.report.latency_us = estimate.latency_us;
    workload.report.samples = 1;
    workload.report.counters = estimate_json(estimate);
  }
  evaluation.report.timing.method = "sim-estimate";
  evaluation.report.timing.profile = evaluation.request.timing_profile;
  evaluation.report.timing.device = evaluation.device.display_name;
  evaluation.report.timing.clocks =
      std::to_string(static_cast<int>(evaluation.device.sm_clock_mhz)) + " MHz assumed";
  return kGoOn;
}

}  // namespace warpwright::service
