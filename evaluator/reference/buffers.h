// Tensors in host memory, and the inputs of one workload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/rules/rules.h"
#include "src/trace/workload.h"

namespace warpwright::reference {

// Dense, row-major.
struct HostTensor {
  trace::DType dtype = trace::DType::kFloat32;
  std::vector<int64_t> shape;
  std::vector<std::byte> data;
  int64_t elements() const;
};

struct Inputs {
  std::map<std::string, HostTensor> tensors;  // by name; an absent optional input is not here
  std::map<std::string, double> scalars;      // by name; 0 where the workload says null
};

int64_t element_count(const std::vector<int64_t>& shape);

// The inputs of a workload: those that it takes from safetensors files as they lie there, the others drawn
// from the profile (empty: the rules' first): a pure function of the arguments and the files. Error: a file
// that is missing or not what the workload says (src/trace/captured_input.h), an unknown profile, a
// distribution that does not fit the dtype, packed fp4, more than 64 GiB.
Result<Inputs> make_inputs(const trace::Definition& definition, const trace::Workload& workload,
                           const rules::Rules& rules, std::string_view profile, uint64_t seed);

}  // namespace warpwright::reference
