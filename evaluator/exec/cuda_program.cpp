#include "evaluator/exec/cuda_program.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/log.h"

namespace warpwright::exec {

using Kind = cuda::DeviceFault::Kind;

// Whatever cost the process may have been the device's fault, or left over from another program: it counts
// when a fresh process shows it again. A guard zone is checked by reading it, and a refused launch is the
// driver's answer to its figures: neither needs a witness.
Failure to_failure(const cuda::DeviceFault& fault) {
  switch (fault.kind) {
    case Kind::kFault:
      return {Status::kRuntimeError, "", fault.message, true};
    case Kind::kTimeout:
      return {Status::kTimeout, "", fault.message, true};
    case Kind::kLaunch:
      return {Status::kRuntimeError, "", fault.message};
    case Kind::kGuardBroken:
      return {Status::kRejected, "out-of-bounds-write", fault.message};
    case Kind::kInputModified:
      return {Status::kRejected, "input-modified", fault.message};
    case Kind::kSelfCleanBroken:
      return {Status::kRejected, "self-clean-broken", fault.message};
  }
  return {Status::kRuntimeError, "", fault.message, true};
}

bool costs_the_process(const cuda::DeviceFault& fault) {
  return fault.kind == Kind::kFault || fault.kind == Kind::kTimeout;
}

CudaCode::CudaCode(std::shared_ptr<CudaDevice> device, const std::vector<CodeUnit>& units,
                   KernelTable kernels)
    : device_(std::move(device)),
      kernels_(std::move(kernels)),
      images_(images_of(units, kernels_)),
      has_cubin_(
          std::any_of(units.begin(), units.end(), [](const CodeUnit& u) { return !u.cubin.empty(); })) {}

CudaCode::~CudaCode() {
  if (generation_ == 0 || !device_->is_current(generation_)) return;
  const auto connection = device_->ready();
  if (!connection) return;
  if (auto closed = (*connection)->close_program(id_); !closed)
    spdlog::debug("closing a program: {}", closed.error().message);
}

// The driver refused the images.
Failure CudaCode::refused(const cuda::DeviceFault& fault) const {
  if (costs_the_process(fault)) return to_failure(fault);
  const cuda::DeviceFacts& facts = device_->facts();
  const std::string mend =
      has_cubin_
          ? fmt::format("; it must be compiled for this GPU: --target sm_{0} (sm_{0}a for wgmma and tcgen05)",
                        facts.arch)
          : "";
  return {Status::kCompileError, "",
          fmt::format("{} (sm_{}) cannot load the code: {}{}", facts.name, facts.arch, fault.message, mend)};
}

Result<std::optional<Failure>> CudaCode::load() {
  TRY_ASSIGN(DeviceConnection* const connection, device_->ready());
  if (generation_ == device_->generation()) return std::nullopt;
  id_ = device_->next_id();
  TRY_ASSIGN(const auto opened, connection->open_program(id_, images_));
  if (!opened.fault) {
    generation_ = device_->generation();
    return std::nullopt;
  }
  if (costs_the_process(*opened.fault)) device_->lose();
  return refused(*opened.fault);
}

Result<void> CudaCode::reload() {
  if (!device_->is_current(generation_)) return {};  // load() will do it
  TRY_ASSIGN(const auto hold, device_->share());
  TRY_ASSIGN(DeviceConnection* const connection, device_->ready());
  return connection->reload_program(id_);
}

std::optional<Failure> CudaProgram::check(const plan::BoundPlan& plan) const {
  constexpr int kFirstArchWithTensorMaps = 90;
  if (auto complaint = check_lowering(plan, code_->kernels()))
    return Failure{Status::kCompileError, "", std::move(*complaint)};
  const cuda::DeviceFacts& facts = code_->device().facts();
  if (!plan.tensor_maps.empty() && facts.arch < kFirstArchWithTensorMaps)
    return Failure{Status::kCompileError, "",
                   fmt::format("line {}: tensor maps need sm_90 or later, {} is sm_{}",
                               plan.tensor_maps[0].at.line, facts.name, facts.arch)};
  return std::nullopt;
}

}  // namespace warpwright::exec
