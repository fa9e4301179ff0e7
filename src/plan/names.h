// The words of the plan language: element types, reserved words, and the nearest known name to a misspelt
// one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warpwright::plan {

struct ElementType {
  std::string_view name;  // as CUDA C++ spells it
  int bits = 0;
  bool tensor_map = false;  // cuTensorMapEncodeTiled knows it (8-bit floats travel as bytes)
  bool floating = false;
};

// Also by an alias ("half", "nv_bfloat16", "uint"); null if unknown.
const ElementType* find_element_type(std::string_view name);
// The mend for an unknown type: "; write __nv_bfloat16", "; did you mean 'uint32_t'?", or the list of types.
std::string element_type_hint(std::string_view name);

// Words with a meaning in plans, which no declaration may take.
bool is_reserved(std::string_view name);
// Words that cannot name a constant of C++ (knobs become knob::NAME).
bool is_cpp_keyword(std::string_view name);

// "; did you mean 'batch_size'?", or empty if nothing is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace warpwright::plan
