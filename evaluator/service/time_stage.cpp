#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "evaluator/service/device_times.h"
#include "evaluator/service/evaluation.h"
#include "evaluator/timing/profile.h"
#include "evaluator/timing/work.h"
#include "src/estimate/estimate.h"

namespace warpwright::service {
namespace {

// What the compile stage reported of a launch's kernel; zeros if it knows nothing.
KernelReport kernel_of(const Evaluation& evaluation, const plan::BoundLaunch& launch) {
  for (const KernelReport& kernel : evaluation.report.kernels)
    if (kernel.name == launch.name_expression) return kernel;
  return {};
}

estimate::LaunchWork work_of(const Evaluation& evaluation, const exec::OperationWork& operation) {
  if (operation.launch == nullptr) {
    const bool is_copy = operation.label.starts_with("copy");
    return estimate::copy_work(operation.label, is_copy ? operation.copied_bytes / 2 : 0,
                               is_copy ? operation.copied_bytes / 2 : operation.copied_bytes);
  }
  const plan::BoundLaunch& launch = *operation.launch;
  const KernelReport kernel = kernel_of(evaluation, launch);
  estimate::BlockShape block;
  block.threads = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
  block.registers_per_thread = kernel.registers;
  block.shared_bytes = kernel.static_shared_bytes + launch.dynamic_shared_bytes;
  auto work = timing::work_from_counters(operation.label, block, operation.counters);
  work.programmatic_dependent = launch.attributes.pdl;
  return work;
}

Json counters_of(const BoundWorkload& workload, const std::vector<estimate::LaunchWork>& launches,
                 const estimate::CallEstimate& estimate) {
  Json list = Json::array();
  for (size_t k = 0; k < launches.size(); ++k) {
    const exec::OperationWork& operation = workload.work[k];
    list.push_back(
        {{"text", describe(estimate.launches[k])},
         {"estimate", to_json(estimate.launches[k])},
         {"counters", operation.launch == nullptr ? to_json(launches[k])
                                                  : timing::counters_json(launches[k], operation.counters)}});
  }
  return {{"launches", std::move(list)}};
}

Json profile_of(const Evaluation& evaluation, BoundWorkload& workload,
                const std::vector<estimate::LaunchWork>& launches, const estimate::CallEstimate& estimate) {
  std::vector<timing::KernelProfile> kernels;  // in the order of their first launches
  for (size_t k = 0; k < launches.size(); ++k) {
    exec::OperationWork& operation = workload.work[k];
    if (operation.launch == nullptr) continue;
    auto kernel = std::find_if(kernels.begin(), kernels.end(),
                               [&](const timing::KernelProfile& p) { return p.label == operation.label; });
    if (kernel == kernels.end()) {
      kernel = kernels.insert(kernels.end(), timing::KernelProfile());
      kernel->label = operation.label;
      kernel->spill_bytes = kernel_of(evaluation, *operation.launch).spill_bytes;
    }
    ++kernel->launches;
    kernel->work.push_back(launches[k]);
    kernel->estimates.push_back(estimate.launches[k]);
    std::move(operation.profile.begin(), operation.profile.end(), std::back_inserter(kernel->instructions));
    operation.profile.clear();
  }
  Json list = Json::array();
  for (const timing::KernelProfile& kernel : kernels)
    list.push_back(timing::profile_json(kernel, evaluation.request.source_name, evaluation.request.source));
  return list;
}

}  // namespace

void estimate_time(const Evaluation& evaluation, BoundWorkload& workload) {
  if (!workload.passed || workload.report.latency_us > 0) return;
  std::vector<estimate::LaunchWork> launches;
  for (const exec::OperationWork& operation : workload.work)
    launches.push_back(work_of(evaluation, operation));
  const estimate::CallEstimate estimate = estimate::estimate_call(evaluation.device, launches);
  workload.report.latency_us = estimate.latency_us;
  workload.report.samples = 1;
  workload.report.counters = counters_of(workload, launches, estimate);
  if (evaluation.request.profile)
    workload.report.profile = profile_of(evaluation, workload, launches, estimate);
}

StageResult time_workloads(Evaluation& evaluation, Resources& resources) {
  if (evaluation.measures() && !evaluation.executor->has_clock()) {
    evaluation.report.warnings.push_back(
        fmt::format("not timed: under {} times mean nothing", evaluation.executor->name()));
    return kGoOn;
  }
  if (evaluation.measures()) return time_on_device(evaluation, resources);
  for (BoundWorkload& workload : evaluation.workloads) estimate_time(evaluation, workload);
  TimingReport& timing = evaluation.report.timing;
  timing.method = "sim-estimate";
  timing.profile = evaluation.request.timing_profile;
  timing.device = evaluation.device.display_name;
  timing.clocks = std::to_string(static_cast<int>(evaluation.device.sm_clock_mhz)) + " MHz assumed";
  timing.calibration = evaluation.device.identity();
  evaluation.report.versions["calibration"] = evaluation.device.calibration.describe();
  return kGoOn;
}

}  // namespace warpwright::service
