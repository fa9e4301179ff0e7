// Where in a tensor a set of elements lies, in words: "output[:, 0, 4..7, 120..127]". Private to validate.
#pragma once

#include <string>
#include <vector>

#include "evaluator/validate/tensor_view.h"

namespace warpwright::validate {

// The bounding box of the indices added, and their number.
class Region {
 public:
  explicit Region(const std::vector<int64_t>& shape);
  void add(int64_t index);
  int64_t count() const { return count_; }
  bool is_box() const;  // every element of the box was added
  std::string describe(const std::string& tensor) const;

 private:
  std::vector<int64_t> shape_, low_, high_;
  int64_t count_ = 0;
};

std::vector<int64_t> coordinates(const std::vector<int64_t>& shape, int64_t index);

}  // namespace warpwright::validate
