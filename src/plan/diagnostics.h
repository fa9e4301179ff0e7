// Collects what is wrong with a plan; bounded, because one mistake can cause many complaints.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/plan/plan.h"

namespace warpwright::plan {

class Diagnostics {
 public:
  static constexpr size_t kMax = 10;

  void error(Position at, std::string message) {
    if (!full()) list_.push_back({at, std::move(message)});
  }
  bool empty() const { return list_.empty(); }
  bool full() const { return list_.size() >= kMax; }
  size_t size() const { return list_.size(); }
  std::vector<Diagnostic> take() { return std::move(list_); }

 private:
  std::vector<Diagnostic> list_;
};

inline tl::unexpected<std::vector<Diagnostic>> one_diagnostic(Position at, std::string message) {
  return tl::unexpected(std::vector<Diagnostic>{{at, std::move(message)}});
}

}  // namespace warpwright::plan
