// What a check says about a candidate: data for its report.
#pragma once

#include <string>
#include <vector>

#include "src/contract/status.h"

namespace warpwright::validate {

struct Verdict {
  Status status = Status::kPassed;
  std::string rule;                   // of a REJECTED, e.g. "input-modified"
  std::string message;                // one line a programmer can act on; empty if passed
  std::vector<std::string> evidence;  // bounded
  bool passed() const { return status == Status::kPassed; }
};

}  // namespace warpwright::validate
