// The verdicts of an evaluation: FlashInfer-Bench's seven, and two of ours.
#pragma once

#include <optional>
#include <string_view>

namespace warpwright {

enum class Status {
  kPassed,
  kCompileError,  // plan or source does not parse, kernel missing, argument mismatch, over a hardware limit
  kRuntimeError,  // illegal access caught by hardware, launch failure, deadlock
  kIncorrectShape,
  kIncorrectDtype,
  kIncorrectNumerical,  // wrong or non-finite values
  kTimeout,             // instruction budget (simulator) or wall clock (GPU) exceeded
  kRejected,            // a rule was broken: out of bounds, race, state between calls, ...; `rule` names it
  kWorkerLost,          // infrastructure: retried, never charged to the candidate, never shown to a model
};

std::string_view to_string(Status status);  // "PASSED", "COMPILE_ERROR", ...
std::optional<Status> status_from_string(std::string_view text);

// What FlashInfer Trace knows: REJECTED becomes RUNTIME_ERROR. REQUIRES: not kWorkerLost.
Status to_flashinfer_status(Status status);

}  // namespace warpwright
