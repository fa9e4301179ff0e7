// What the files of exported functions share.
#pragma once

#include <mutex>

#include "tests/fake_gpu/device.h"
#include "tests/fake_gpu/gate.h"

#include "evaluator/cuda/cupti_abi.h"
#include "evaluator/cuda/nvml_abi.h"

#define FAKE_EXPORT extern "C" __attribute__((visibility("default")))

// A definition with other parameters than these does not compile.
namespace warpwright::cuda::abi {
#define FAKE_DECLARE(symbol, ...) FAKE_EXPORT int symbol(__VA_ARGS__);
WW_CUDA_FUNCTIONS(FAKE_DECLARE)
WW_CUPTI_FUNCTIONS(FAKE_DECLARE)
WW_NVML_FUNCTIONS(FAKE_DECLARE)
WW_NVML_OPTIONAL_FUNCTIONS(FAKE_DECLARE)
#undef FAKE_DECLARE
}  // namespace warpwright::cuda::abi

namespace warpwright::fake_gpu {

// The start of a driver call: one caller at a time, logged, perhaps made to fail.
//   kAlways    works without a context and after a fault
//   kContext   needs a context that no fault has ruined
enum class Needs { kAlways, kContext };

class DriverCall {
 public:
  template <class... Args>
  explicit DriverCall(Needs needs, std::string_view function, fmt::format_string<Args...> format,
                      Args&&... args)
      : device(Device::get()), lock_(device.mutex) {
    start(needs, gate(function, format, std::forward<Args>(args)...));
  }
  DriverCall(Needs needs, std::string_view function) : device(Device::get()), lock_(device.mutex) {
    start(needs, gate(function));
  }

  Device& device;
  int code = 0;  // not 0: return it at once

 private:
  void start(Needs needs, int injected);
  std::lock_guard<std::recursive_mutex> lock_;
};

// FAKE_GPU_SICK names a file that is there.
bool is_sick();

}  // namespace warpwright::fake_gpu
