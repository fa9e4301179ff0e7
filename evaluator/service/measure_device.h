// Measures the GPU itself with kernels of our own (configs/microbenchmarks): what `warpwright doctor
// --calibrate` stores. Rates are slopes between a short and a long run of the same kernel, so that launch and
// cold caches cancel; launch costs are times of empty calls.
#pragma once

#include "evaluator/service/evaluator.h"
#include "src/rules/measured_device.h"

namespace warpwright::service {

struct DeviceMeasurement {
  rules::MeasuredDevice figures;  // figures.model: the device model that fits this GPU
  std::string implausible;        // rules::implausible_figures
  double seconds = 0;
};

// Error (infrastructure): no GPU, a kernel of ours does not compile or run.
Result<DeviceMeasurement> measure_device(const EvaluatorOptions& options);

// `warpwright-worker measure-device`: one JSON object on stdout, exit code 0; or one line on stderr and 3.
int measure_device_main(const EvaluatorOptions& options);

// Compiles the kernels for `target`, for machines without NVRTC (compile/precompiled.h).
Result<void> precompile_microbenchmarks(const EvaluatorOptions& options, const std::string& target);
int precompile_microbenchmarks_main(const EvaluatorOptions& options, const std::string& target);

}  // namespace warpwright::service
