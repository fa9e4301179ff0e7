// Inputs whose elements hang together (rules::DistributionFacts::structured): sequence bounds and lengths,
// page tables, index lists, pages of FP8 keys. A pure function of (seed, tensor name, axes, element index).
// What each distribution promises is stated in src/rules/generator.h. Private to reference.
#pragma once

#include <functional>
#include <string_view>

#include "evaluator/reference/buffers.h"
#include "src/base/result.h"
#include "src/rules/generator.h"
#include "src/trace/definition.h"

namespace warpwright::reference {

struct StructuredRequest {
  const trace::Definition& definition;
  const trace::Axes& axes;  // the workload's
  const trace::Tensor& tensor;
  const rules::Generator& generator;
  uint64_t seed;
  const std::map<std::string, double>& scalars;
  // Another input of the same workload: the lengths that a page table must reach.
  std::function<Result<HostTensor>(std::string_view name)> other_input;
};

// Fills `made`, which has the tensor's shape and bytes. Error: axes that no such tensor can have, a dtype
// that cannot hold it, a parameter out of range.
Result<void> generate_structured(const StructuredRequest& request, HostTensor& made);

}  // namespace warpwright::reference
