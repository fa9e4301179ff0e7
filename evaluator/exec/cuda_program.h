// A candidate's code on the GPU: its images are kept here, and go to every device process that needs them.
// Private to the executor.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "evaluator/exec/cuda_device.h"
#include "evaluator/exec/executor.h"
#include "evaluator/exec/lower.h"

namespace warpwright::exec {

// What a device or a guard found, as a verdict.
Failure to_failure(const cuda::DeviceFault& fault);
// True: the process is of no more use.
bool costs_the_process(const cuda::DeviceFault& fault);

class CudaCode {
 public:
  CudaCode(std::shared_ptr<CudaDevice> device, const std::vector<CodeUnit>& units, KernelTable kernels);
  ~CudaCode();
  CudaCode(const CudaCode&) = delete;
  CudaCode& operator=(const CudaCode&) = delete;

  // Loads itself into the present process if it is not there yet. A failure is the candidate's.
  Result<std::optional<Failure>> load();
  Result<void> reload();  // modules anew

  int id() const { return id_; }  // for the process that load() was for
  const KernelTable& kernels() const { return kernels_; }
  CudaDevice& device() const { return *device_; }

 private:
  Failure refused(const cuda::DeviceFault& fault) const;

  std::shared_ptr<CudaDevice> device_;
  KernelTable kernels_;
  cuda::ProgramImages images_;
  bool has_cubin_ = false;
  int id_ = 0;
  int generation_ = 0;  // of the process it is in; 0: none
};

class CudaProgram final : public LoadedProgram {
 public:
  explicit CudaProgram(std::shared_ptr<CudaCode> code) : code_(std::move(code)) {}
  std::optional<Failure> check(const plan::BoundPlan& plan) const override;
  std::unique_ptr<Session> open_session() const override;
  Result<void> reload() override { return code_->reload(); }
  const std::shared_ptr<CudaCode>& code() const { return code_; }

 private:
  std::shared_ptr<CudaCode> code_;
};

Result<std::unique_ptr<Sampler>> open_cuda_sampler(const std::shared_ptr<CudaDevice>& device,
                                                   const SamplerSetup& setup);

}  // namespace warpwright::exec
