#include "evaluator/validate/tensor_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/reference/buffers.h"
#include "evaluator/validate/region.h"

namespace warpwright::validate {

int64_t TensorView::elements() const {
  return reference::element_count(shape);
}

std::vector<int64_t> coordinates(const std::vector<int64_t>& shape, int64_t index) {
  std::vector<int64_t> at(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    at[d] = index % shape[d];
    index /= shape[d];
  }
  return at;
}

std::string place(const TensorView& tensor, int64_t index) {
  return fmt::format("{}[{}]", tensor.name, fmt::join(coordinates(tensor.shape, index), ", "));
}

Region::Region(const std::vector<int64_t>& shape) : shape_(shape), low_(shape), high_(shape.size(), -1) {}

void Region::add(int64_t index) {
  ++count_;
  const std::vector<int64_t> at = coordinates(shape_, index);
  for (size_t d = 0; d < at.size(); ++d) {
    low_[d] = std::min(low_[d], at[d]);
    high_[d] = std::max(high_[d], at[d]);
  }
}

bool Region::is_box() const {
  int64_t volume = 1;
  for (size_t d = 0; d < shape_.size(); ++d) volume *= high_[d] - low_[d] + 1;
  return volume == count_;
}

std::string Region::describe(const std::string& tensor) const {
  std::vector<std::string> parts;
  for (size_t d = 0; d < shape_.size(); ++d) {
    if (low_[d] == 0 && high_[d] == shape_[d] - 1 && shape_[d] > 1)
      parts.emplace_back(":");
    else if (low_[d] == high_[d])
      parts.push_back(std::to_string(low_[d]));
    else
      parts.push_back(fmt::format("{}..{}", low_[d], high_[d]));
  }
  return fmt::format("{}[{}]", tensor, fmt::join(parts, ", "));
}

}  // namespace warpwright::validate
