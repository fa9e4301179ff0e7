#include "evaluator/exec/executor.h"

#include <fmt/format.h>

#include "evaluator/exec/sim_executor.h"
#include "src/base/check.h"

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
  if (kind == "sim" || kind == "auto") return make_sim_executor();
  if (kind == "cuda")
    return usage_error("executor `cuda` is not built into this version; use --executor sim (or auto)");
  return usage_error(fmt::format("unknown executor `{}`; there are auto, sim and cuda", kind));
}

}  // namespace warpwright::exec
