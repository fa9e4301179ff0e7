#include "evaluator/exec/executor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "evaluator/exec/cuda_executor.h"
#include "evaluator/exec/sim_executor.h"
#include "src/base/check.h"
#include "src/base/log.h"

namespace warpwright::exec {

const Failure* CallReport::find(std::string_view rule) const {
  if (failure && failure->rule == rule) return &*failure;
  for (const Failure& finding : findings)
    if (finding.rule == rule) return &finding;
  return nullptr;
}

Result<std::unique_ptr<Sampler>> Executor::open_sampler(const SamplerSetup&) {
  CHECK(device() != nullptr);
  return infrastructure_error(fmt::format("executor `{}` has no clock", name()));
}

Result<std::unique_ptr<Executor>> open_executor(std::string_view kind) {
  if (kind == "sim") return make_sim_executor();
  const bool is_sanitized = kind.starts_with(kSanitizedPrefix);
  if (kind != "auto" && kind != "cuda" && !is_sanitized)
    return usage_error(fmt::format("unknown executor `{}`; there are auto, sim, cuda and {}{{{}}}", kind,
                                   kSanitizedPrefix, fmt::join(kSanitizerTools, ",")));
  auto driver = find_driver();
  if (!driver && kind == "auto") return make_sim_executor();
  if (!driver) return tl::unexpected(driver.error());
  if (is_sanitized)
    return make_sanitized_executor(default_cuda_options(), kind.substr(kSanitizedPrefix.size()));
  auto cuda = make_cuda_executor(default_cuda_options());
  if (cuda || kind == "cuda") return cuda;
  spdlog::warn("there is a driver, but the GPU is not usable, so the simulator is used: {}",
               cuda.error().message);
  return make_sim_executor();
}

}  // namespace warpwright::exec
