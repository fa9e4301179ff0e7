// A candidate's code in the driver: its modules, and what was set on its kernels.
#pragma once

#include <memory>
#include <vector>

#include "evaluator/cuda/resources.h"
#include "evaluator/cuda/work.h"

namespace warpwright::cuda {

class Program {
 public:
  struct Kernel {
    abi::Function handle = nullptr;
    FunctionInfo info;
    // As the driver was told last.
    uint32_t dynamic_shared_limit = 0;
    int carveout_percent = -1;  // -1: the driver's choice
    bool non_portable_clusters = false;
  };

  // `driver` outlives it. Fault (kLaunch): an image that the driver cannot load, a kernel it lacks.
  static Result<Outcome<std::unique_ptr<Program>>> load(const Driver& driver, const ProgramImages& images);

  // Modules anew; handles of kernels change.
  Result<void> reload();

  Kernel& kernel(int index);
  const std::vector<Kernel>& kernels() const { return kernels_; }

 private:
  Program(const Driver& driver, const ProgramImages& images) : driver_(driver), images_(images) {}
  Result<std::optional<DeviceFault>> load_modules();

  const Driver& driver_;
  ProgramImages images_;
  std::vector<Module> modules_;
  std::vector<Kernel> kernels_;
};

}  // namespace warpwright::cuda
