// The CUDA driver, loaded when it is asked for: the program starts without one.
//
//   TRY(driver->cuMemAlloc_v2(&pointer, bytes));               a Result; its error has the call, what it is
//   and the mend int code = driver->cuLaunchKernelEx.code(&config, ...);    the CUresult, where a candidate
//   may be to blame
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "evaluator/cuda/driver_abi.h"
#include "evaluator/cuda/errors.h"
#include "src/base/result.h"

namespace warpwright::cuda {

// One function of the driver.
template <class... Args>
struct Call {
  const char* name = nullptr;
  abi::Code (*pointer)(Args...) = nullptr;

  abi::Code code(Args... arguments) const { return pointer(arguments...); }
  Result<void> operator()(Args... arguments) const {
    const abi::Code result = pointer(arguments...);
    if (result == 0) return {};
    return infrastructure_error(describe_failure(name, result));
  }
};

namespace abi {
struct Functions {
#define WW_MEMBER(symbol, ...) Call<__VA_ARGS__> symbol;
  WW_CUDA_FUNCTIONS(WW_MEMBER)
#undef WW_MEMBER
};
}  // namespace abi

// The library stays loaded until the process ends; resources.h keeps pointers to a Driver, which must outlive
// them.
class Driver {
 public:
  // `library`: a path or a name for the loader; empty: $WARPWRIGHT_LIBCUDA, else libcuda.so.1. Calls cuInit.
  // Error, in one line: no driver, the toolkit's stub, a driver that is too old, no GPU; with the mend.
  static Result<std::unique_ptr<const Driver>> open(const std::string& library = "");

  const abi::Functions* operator->() const { return &functions_; }
  const std::string& library() const { return library_; }
  int version() const { return version_; }            // 13000: CUDA 13.0
  int device_count() const { return device_count_; }  // at least one; CUDA_VISIBLE_DEVICES is the driver's

 private:
  Driver() = default;
  abi::Functions functions_;
  std::string library_;
  int version_ = 0;
  int device_count_ = 0;
};

// As blame(code, label), and out of memory is the candidate's too where most of the GPU's memory is free: its
// image's variables or a kernel's local memory ask for more than there is.
Result<DeviceFault> blame(const Driver& driver, int code, std::string_view label);

}  // namespace warpwright::cuda
