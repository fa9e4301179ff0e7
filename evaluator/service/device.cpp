// Which executor, device model and target a request means.
#include <fmt/format.h>

#include "evaluator/service/evaluation.h"

namespace warpwright::service {

Result<exec::Executor*> executor_of(Resources& resources, const std::string& kind) {
  auto& known = resources.executors;
  const auto alias = resources.executor_alias.find(kind);
  const auto found = known.find(alias == resources.executor_alias.end() ? kind : alias->second);
  if (found != known.end()) return found->second.get();
  TRY_ASSIGN(auto executor, resources.options.open_executor(kind));
  const std::string name(executor->name());  // what "auto" took
  resources.executor_alias[kind] = name;
  return known.try_emplace(name, std::move(executor)).first->second.get();
}

Result<rules::DeviceModel> device_model_of(const exec::Executor& executor, const std::string& model) {
  const cuda::DeviceFacts* gpu = executor.device();
  if (gpu == nullptr) return rules::load_device(model == "auto" ? "b200" : model);
  TRY_ASSIGN(rules::DeviceModel device, rules::load_device_like(gpu->name, gpu->arch));
  if (model != "auto") {
    TRY_ASSIGN(auto asked, rules::load_device(model));
    if (asked.arch == gpu->arch) device = std::move(asked);
  }
  device.sm_count = gpu->sm_count;
  device.l2_bytes = gpu->l2_bytes;
  return device;
}

std::string target_of(const rules::DeviceModel& device, const std::string& target) {
  return target == "auto" ? fmt::format("sm_{}a", device.arch) : target;
}

}  // namespace warpwright::service
