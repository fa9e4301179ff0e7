// Whose fault a CUresult is, and whether the context survives it. Names and numbers are those of cuda.h.
#pragma once

#include <string>
#include <string_view>

#include "evaluator/cuda/work.h"
#include "src/base/result.h"

namespace warpwright::cuda {

enum class Blame {
  kNobody,     // success, not ready
  kCandidate,  // only device code or a launch's own figures can bring it about
  kMachine,    // driver, memory, hardware, another process
};
struct ErrorFacts {
  int code = 0;
  std::string_view name;  // "CUDA_ERROR_ILLEGAL_ADDRESS"
  Blame blame = Blame::kMachine;
  bool context_lost = false;  // sticky: every further call of the process fails
  std::string_view what;      // what a kernel's author should look for; empty if there is nothing to add
};
// An unknown code is the machine's, and the context counts as lost.
ErrorFacts error_facts(int code);

// "gdn_decode<4, 2>: CUDA_ERROR_ILLEGAL_ADDRESS (an access outside of every buffer, ...)"
std::string describe_failure(std::string_view call, int code);

// A call after a candidate's launch, or that launch itself, gave `code`: what the candidate did (kFault if
// the context is lost, else kLaunch), or the machine's failure. `label` says what was running or launched.
// REQUIRES: code is neither success nor "not ready".
Result<DeviceFault> blame(int code, std::string_view label);

}  // namespace warpwright::cuda
