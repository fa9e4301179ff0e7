#include "evaluator/cuda/driver.h"

#include <fmt/format.h>

#include <cstdlib>

#include "evaluator/cuda/shared_library.h"

namespace warpwright::cuda {
namespace {

constexpr int kOldestVersion = 12000;  // cuLaunchKernelEx with every attribute used here
constexpr const char* kOtherwise = "or use --executor sim";

template <class... Args>
void bind(Binder& binder, const char* symbol, Call<Args...>& call) {
  call.name = symbol;
  binder.require(symbol, call.pointer);
}

std::string wanted_library(const std::string& library) {
  if (!library.empty()) return library;
  const char* chosen = std::getenv("WARPWRIGHT_LIBCUDA");
  return chosen != nullptr && *chosen != '\0' ? chosen : "libcuda.so.1";
}

std::string mend_of_start(int code) {
  switch (code) {
    case 34:  // CUDA_ERROR_STUB_LIBRARY
      return "take its folder out of LD_LIBRARY_PATH and install NVIDIA's driver";
    case 46:  // CUDA_ERROR_DEVICE_UNAVAILABLE
      return "end the other process, or set the compute mode to default (nvidia-smi -c 0)";
    case 100:  // CUDA_ERROR_NO_DEVICE
      return "nvidia-smi must list a GPU, CUDA_VISIBLE_DEVICES must not hide it, and in a container "
             "/dev/nvidia* must "
             "be there (--gpus all)";
    case 803:  // CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
      return "reboot, or load the kernel module of the same version as the library";
    case 804:  // CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE
      return "take CUDA's compat folder out of LD_LIBRARY_PATH";
    default:
      return "see nvidia-smi and the kernel's log (dmesg)";
  }
}

}  // namespace

Result<std::unique_ptr<const Driver>> Driver::open(const std::string& library) {
  std::unique_ptr<Driver> driver(new Driver);
  const std::string name = wanted_library(library);
  Result<void*> handle = load_library(name);
  if (!handle)
    return infrastructure_error(
        fmt::format("no CUDA driver: {}; install NVIDIA's driver, {}", handle.error().message, kOtherwise));
  Binder binder(*handle);
#define WW_BIND(symbol, ...) bind(binder, #symbol, driver->functions_.symbol);
  WW_CUDA_FUNCTIONS(WW_BIND)
#undef WW_BIND
  abi::Functions& functions = driver->functions_;
  if (functions.cuInit.pointer == nullptr)
    return infrastructure_error(
        fmt::format("{} is no CUDA driver (it lacks cuInit); set WARPWRIGHT_LIBCUDA to libcuda.so.1", name));
  driver->library_ = path_of(reinterpret_cast<const void*>(functions.cuInit.pointer));
  const std::string& path = driver->library_;
  // The stub has every symbol that its toolkit knows, so that this comes before what is missing.
  const int started = functions.cuInit.code(0);
  if (started != 0)
    return infrastructure_error(fmt::format("{} cannot start: {}; {}, {}", path,
                                            describe_failure("cuInit", started), mend_of_start(started),
                                            kOtherwise));
  if (!binder.complete())
    return infrastructure_error(fmt::format("{} lacks {}; install a driver for CUDA 12.0 or newer (525), {}",
                                            path, binder.missing(), kOtherwise));
  TRY(functions.cuDriverGetVersion(&driver->version_));
  if (driver->version_ < kOldestVersion)
    return infrastructure_error(
        fmt::format("{} is a driver for CUDA {}.{}; install one for CUDA 12.0 or newer, {}", path,
                    driver->version_ / 1000, driver->version_ % 1000 / 10, kOtherwise));
  TRY(functions.cuDeviceGetCount(&driver->device_count_));
  if (driver->device_count_ < 1)
    return infrastructure_error(fmt::format("{} sees no GPU: {}, {}", path, mend_of_start(100), kOtherwise));
  return driver;
}

Result<DeviceFault> blame(const Driver& driver, int code, std::string_view label) {
  constexpr int kOutOfMemory = 2;
  if (code != kOutOfMemory) return blame(code, label);
  size_t free = 0, total = 0;
  TRY(driver->cuMemGetInfo_v2(&free, &total));
  if (free < total / 4)
    return infrastructure_error(
        fmt::format("{}: only {} MiB of {} MiB are free on the GPU; end the other processes",
                    describe_failure(label, code), free >> 20, total >> 20));
  return DeviceFault{
      DeviceFault::Kind::kLaunch, code,
      fmt::format("{}: CUDA_ERROR_OUT_OF_MEMORY (the image's variables or the kernel's local memory do "
                  "not fit into {} MiB)",
                  label, free >> 20)};
}

}  // namespace warpwright::cuda
