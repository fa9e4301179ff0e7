// An input that a workload takes from a safetensors file of its dataset.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/trace/definition.h"
#include "src/trace/workload.h"

namespace warpwright::trace {

struct CapturedTensor {
  std::vector<int64_t> shape;   // the definition's, with the workload's axes
  std::vector<std::byte> data;  // row-major
};

// REQUIRES: `workload` has a safetensors input of the tensor's name. Errors, each one line that names the
// file and the mend: missing; a path that leads out of the dataset, also through a symbolic link; a Git LFS
// pointer in the file's place (with the command that fetches it); malformed; no such tensor in it; another
// dtype or shape than the definition and the workload's axes say.
Result<CapturedTensor> read_captured_input(const Definition& definition, const Workload& workload,
                                           const Tensor& tensor);

// The same checks for every safetensors input of the workload, without reading data.
Result<void> check_captured_inputs(const Definition& definition, const Workload& workload);

bool has_captured_inputs(const Workload& workload);

// Which data these inputs are: path, tensor, size and time of change of each file. Empty: no safetensors
// inputs.
std::string captured_identity(const Workload& workload);

}  // namespace warpwright::trace
