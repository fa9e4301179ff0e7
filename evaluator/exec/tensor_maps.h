// Tensor maps of a plan in the driver's terms: the enumerations of cuda.h by value, and what
// cuTensorMapEncodeTiled requires of them (CUDA Driver API, "Tensor Map Object Management").
#pragma once

#include <optional>
#include <string>

#include "evaluator/cuda/work.h"
#include "src/plan/plan.h"

namespace warpwright::exec {

// A one-line complaint, or nothing if the driver takes the map. The base's address is the device's business;
// its offset is checked.
std::optional<std::string> check_tensor_map(const plan::BoundTensorMap& map);

// REQUIRES: check_tensor_map found nothing.
cuda::TensorMap lower_tensor_map(const plan::BoundTensorMap& map, const cuda::BufferRef& base);

}  // namespace warpwright::exec
