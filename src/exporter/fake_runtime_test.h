// Builds an exported solution's host code with a plain C++ compiler against tests/fake_cuda_runtime and runs
// it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/base/files.h"
#include "src/base/json.h"
#include "src/exporter/solution.h"
#include "src/plan/plan.h"
#include "src/trace/definition.h"

namespace warpwright::exporter {

// One call of the solution, as the fake caller makes it.
struct FakeCall {
  trace::Axes axes;
  std::map<std::string, double> scalars;
  std::vector<std::string> absent;  // optional tensors
  int stream = 1;
  int device = 0;
  // "dtype", "rank", "shape", "layout", "device" of a tensor is wrong; or "launches", "allocations" fail.
  std::string wrong;
  std::string wrong_tensor;
};

class FakeRuntime {
 public:
  // `bound` are all plans that may run: their kernels get empty functions. Error: the compiler's output.
  static Result<FakeRuntime> build(const ExportedSolution& solution, const trace::Definition& definition,
                                   const std::vector<plan::BoundPlan>& bound);

  // For every call, in order, what the runtime was asked to do: {"call": "launch", ...} and so on; an error
  // the solution threw is {"call": "error", "message": ...}.
  Result<std::vector<std::vector<Json>>> run(const std::vector<FakeCall>& calls) const;

  // Where the fake caller's tensor begins.
  static uint64_t tensor_address(const trace::Definition& definition, std::string_view tensor);

 private:
  explicit FakeRuntime(TempDirectory folder) : folder_(std::move(folder)) {}
  TempDirectory folder_;
};

}  // namespace warpwright::exporter
