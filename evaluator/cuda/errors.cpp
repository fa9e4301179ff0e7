#include "evaluator/cuda/errors.h"

#include <fmt/format.h>

namespace warpwright::cuda {
namespace {

constexpr ErrorFacts kErrors[] = {
    {0, "CUDA_SUCCESS", Blame::kNobody, false, ""},
    {600, "CUDA_ERROR_NOT_READY", Blame::kNobody, false, ""},

    {1, "CUDA_ERROR_INVALID_VALUE", Blame::kCandidate, false, "a launch attribute or size is out of range"},
    {200, "CUDA_ERROR_INVALID_IMAGE", Blame::kCandidate, false, "the code is for another GPU"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", Blame::kCandidate, false,
     "the code is for another GPU; compile for this one (--target)"},
    {218, "CUDA_ERROR_INVALID_PTX", Blame::kCandidate, false, "the driver cannot compile the PTX"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", Blame::kMachine, false,
     "the driver is older than the compiler: update it, or use an older NVRTC"},
    {500, "CUDA_ERROR_NOT_FOUND", Blame::kCandidate, false, "the image lacks the kernel"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", Blame::kCandidate, false,
     "too many threads for the kernel's registers, or too many parameters; see __launch_bounds__"},
    {720, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE", Blame::kCandidate, false,
     "the grid does not fit on the device at once; use resident_blocks(...)"},
    {912, "CUDA_ERROR_INVALID_CLUSTER_SIZE", Blame::kCandidate, false,
     "no cluster of this size fits with this much shared memory"},

    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", Blame::kCandidate, true,
     "an access outside of every buffer, or to shared memory of an exited block"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", Blame::kCandidate, true, "the kernel ran too long"},
    {710, "CUDA_ERROR_ASSERT", Blame::kCandidate, true, "a device-side assertion failed"},
    {714, "CUDA_ERROR_HARDWARE_STACK_ERROR", Blame::kCandidate, true,
     "the call stack is corrupt or too deep"},
    {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION", Blame::kCandidate, true,
     "an instruction with operands the hardware refuses, or a trap"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", Blame::kCandidate, true,
     "an address is not a multiple of the access's size"},
    {717, "CUDA_ERROR_INVALID_ADDRESS_SPACE", Blame::kCandidate, true,
     "an instruction for one memory space got an address of another"},
    {718, "CUDA_ERROR_INVALID_PC", Blame::kCandidate, true, "a jump out of the code"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", Blame::kCandidate, true,
     "an exception the driver does not name: a shared-memory access out of range, a trap, a barrier misused"},
    {721, "CUDA_ERROR_TENSOR_MEMORY_LEAK", Blame::kCandidate, true, "tensor memory was not deallocated"},

    {2, "CUDA_ERROR_OUT_OF_MEMORY", Blame::kMachine, false,
     "not enough free memory on the GPU: end other processes, or take smaller workloads"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", Blame::kMachine, true, ""},
    {4, "CUDA_ERROR_DEINITIALIZED", Blame::kMachine, true, ""},
    {34, "CUDA_ERROR_STUB_LIBRARY", Blame::kMachine, true,
     "libcuda.so.1 is the toolkit's stub, not a driver"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", Blame::kMachine, true, "another process has the GPU exclusively"},
    {100, "CUDA_ERROR_NO_DEVICE", Blame::kMachine, true, ""},
    {36, "CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER", Blame::kMachine, false, "update the driver"},
    {101, "CUDA_ERROR_INVALID_DEVICE", Blame::kMachine, true, ""},
    {201, "CUDA_ERROR_INVALID_CONTEXT", Blame::kMachine, true, ""},
    {205, "CUDA_ERROR_MAP_FAILED", Blame::kMachine, false, ""},
    {206, "CUDA_ERROR_UNMAP_FAILED", Blame::kMachine, false, ""},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", Blame::kMachine, true, "the GPU's memory is failing"},
    {220, "CUDA_ERROR_NVLINK_UNCORRECTABLE", Blame::kMachine, true, ""},
    {221, "CUDA_ERROR_JIT_COMPILER_NOT_FOUND", Blame::kMachine, false,
     "libnvidia-ptxjitcompiler.so.1 is missing: it comes with the driver"},
    {223, "CUDA_ERROR_JIT_COMPILATION_DISABLED", Blame::kMachine, false, "unset CUDA_DISABLE_PTX_JIT"},
    {226, "CUDA_ERROR_CONTAINED", Blame::kMachine, true, ""},
    {303, "CUDA_ERROR_SHARED_OBJECT_INIT_FAILED", Blame::kMachine, false, ""},
    {304, "CUDA_ERROR_OPERATING_SYSTEM", Blame::kMachine, true, ""},
    {400, "CUDA_ERROR_INVALID_HANDLE", Blame::kMachine, false, ""},
    {401, "CUDA_ERROR_ILLEGAL_STATE", Blame::kMachine, false, ""},
    {708, "CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE", Blame::kMachine, false, ""},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", Blame::kMachine, true, ""},
    {800, "CUDA_ERROR_NOT_PERMITTED", Blame::kMachine, false, ""},
    {801, "CUDA_ERROR_NOT_SUPPORTED", Blame::kMachine, false, ""},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", Blame::kMachine, true, ""},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", Blame::kMachine, true,
     "the user-mode driver does not fit the kernel module: reboot after a driver update"},
    {804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", Blame::kMachine, true,
     "this GPU takes no forward-compatible driver library"},
    {805, "CUDA_ERROR_MPS_CONNECTION_FAILED", Blame::kMachine, true,
     "an MPS daemon is set up but does not run"},
    {999, "CUDA_ERROR_UNKNOWN", Blame::kMachine, true, ""},
};

}  // namespace

ErrorFacts error_facts(int code) {
  for (const ErrorFacts& error : kErrors)
    if (error.code == code) return error;
  return {code, "an unknown CUDA error", Blame::kMachine, true, ""};
}

std::string describe_failure(std::string_view call, int code) {
  const ErrorFacts facts = error_facts(code);
  if (!facts.what.empty()) return fmt::format("{}: {} ({})", call, facts.name, facts.what);
  return fmt::format("{}: {} (CUDA error {})", call, facts.name, code);
}

Result<DeviceFault> blame(int code, std::string_view label) {
  const ErrorFacts facts = error_facts(code);
  if (facts.blame != Blame::kCandidate) return infrastructure_error(describe_failure(label, code));
  return DeviceFault{facts.context_lost ? DeviceFault::Kind::kFault : DeviceFault::Kind::kLaunch, code,
                     describe_failure(label, code)};
}

}  // namespace warpwright::cuda
