// The executor that runs candidates on a GPU, in a device process of its own (exec/device_process.h). This
// process never has a CUDA context: whatever a kernel does, it is there to say so.
#pragma once

#include <memory>

#include "evaluator/exec/cuda_device.h"
#include "evaluator/exec/executor.h"

namespace warpwright::exec {

// The driver library that a device process would load: $WARPWRIGHT_LIBCUDA, else libcuda.so.1. Error: it is
// not there, and the mend. Takes no time, so that machines without a GPU do not wait for one.
Result<void> find_driver();

// `warpwright-worker device-process` ($WARPWRIGHT_WORKER, else beside the running program), and a lock in
// cache_directory().
CudaOptions default_cuda_options();

// Starts the device process and checks the device's health. Error: no driver, no GPU, or one that does not
// work.
Result<std::unique_ptr<Executor>> make_cuda_executor(const CudaOptions& options);
// The same under compute-sanitizer: its findings are those of the calls. `tool`: of kSanitizerTools. Times
// mean nothing there. Error: too that there is no compute-sanitizer.
Result<std::unique_ptr<Executor>> make_sanitized_executor(CudaOptions options, std::string_view tool);

}  // namespace warpwright::exec
