// A bound plan as work for a device process: kernels by number, buffers by index, parameter blocks with
// patches for what only the device knows. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "evaluator/cuda/work.h"
#include "evaluator/exec/executor.h"
#include "evaluator/ptx/module.h"
#include "src/plan/plan.h"

namespace warpwright::exec {

// The kernels of a program, numbered as cuda::ProgramImages::functions; their parameters are those of the
// PTX.
class KernelTable {
 public:
  struct Kernel {
    int function = 0;
    std::vector<ptx::Parameter> parameters;
    uint64_t parameter_bytes = 0;
  };
  // Error: one line, why the PTX cannot be read or lacks a kernel that the compiler named.
  static tl::expected<KernelTable, std::string> read(const std::vector<CodeUnit>& units);

  const Kernel* find(const plan::BoundLaunch& launch) const;  // null: the source has no such kernel
  const std::vector<cuda::FunctionName>& functions() const { return functions_; }

 private:
  std::map<std::pair<std::string, std::string>, Kernel> kernels_;  // by unit and name expression
  std::vector<cuda::FunctionName> functions_;
};

// A cubin where the unit has one, else its PTX, which the driver compiles.
cuda::ProgramImages images_of(const std::vector<CodeUnit>& units, const KernelTable& kernels);

// Why a plan cannot be lowered ("line 7: ..."): a missing kernel, arguments that do not fit, a tensor map
// that cuTensorMapEncodeTiled would refuse (CUDA Driver API, "Tensor Map Object Management").
std::optional<std::string> check_lowering(const plan::BoundPlan& plan, const KernelTable& kernels);

using BufferIndices = std::map<std::string, int>;  // name -> index into the buffers the call runs on

// REQUIRES: check_lowering found nothing; every buffer that the plan names has an index.
cuda::CallWork lower(const plan::BoundPlan& plan, const KernelTable& kernels, const BufferIndices& buffers);

}  // namespace warpwright::exec
