// A tensor somewhere in memory that is not ours, and places in it in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/trace/definition.h"

namespace warpwright::validate {

struct TensorView {
  std::string name;
  trace::DType dtype = trace::DType::kFloat32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;  // dense, row-major
  int64_t elements() const;
};

// "output[3, 0, 7, 127]" of the element at a flat index.
std::string place(const TensorView& tensor, int64_t index);

}  // namespace warpwright::validate
