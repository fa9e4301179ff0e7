// What must hold before a compiled candidate runs anywhere: every limit that ptxas or the driver would refuse
// a launch for, so that what passes on the simulator also launches on the device. And what a plan may ask of
// its compiled kernels.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "evaluator/ptx/module.h"
#include "evaluator/service/evaluation.h"
#include "src/estimate/occupancy.h"

namespace warpwright::service {

// The compiled kernel that a launch names; null members where there is none.
struct KernelUse {
  std::string symbol;
  const compile::CompiledUnit* unit = nullptr;
  const compile::KernelResources* resources = nullptr;
};
KernelUse find_kernel(const compile::CompiledProgram& program, const std::string& unit,
                      const std::string& name_expression);

// How many blocks of such a launch the device holds at once; 0: not even one.
int64_t resident_blocks(const rules::DeviceModel& device, const plan::BoundLaunch& launch,
                        const compile::KernelResources& resources);

// One line that names the limit, the numbers and the mend, or nothing. `entry` is the kernel's PTX, for its
// launch bounds and parameters; it may be null.
std::optional<std::string> over_a_limit(const rules::DeviceModel& device, const plan::BoundLaunch& launch,
                                        const compile::KernelResources& resources,
                                        const ptx::Function* entry);

// What a pass for `target` does not prove on `device`; empty if they fit.
std::string target_warning(const rules::DeviceModel& device, const std::string& target);

// A kernel as resident_blocks(...) names it, "unit::split<16>" or "split<16>", taken apart.
struct AskedKernel {
  std::string unit, name_expression;
};
AskedKernel asked_kernel(const plan::CandidateSource& source, const std::string& kernel);

}  // namespace warpwright::service
