#include "src/contract/status.h"

#include <array>
#include <utility>

#include "src/base/check.h"

namespace warpwright {
namespace {
constexpr std::array<std::pair<Status, std::string_view>, 9> kNames = {{
    {Status::kPassed, "PASSED"},
    {Status::kCompileError, "COMPILE_ERROR"},
    {Status::kRuntimeError, "RUNTIME_ERROR"},
    {Status::kIncorrectShape, "INCORRECT_SHAPE"},
    {Status::kIncorrectDtype, "INCORRECT_DTYPE"},
    {Status::kIncorrectNumerical, "INCORRECT_NUMERICAL"},
    {Status::kTimeout, "TIMEOUT"},
    {Status::kRejected, "REJECTED"},
    {Status::kWorkerLost, "WORKER_LOST"},
}};
}  // namespace

std::string_view to_string(Status status) {
  for (const auto& [value, name] : kNames)
    if (value == status) return name;
  CHECK(false);
}

std::optional<Status> status_from_string(std::string_view text) {
  for (const auto& [value, name] : kNames)
    if (name == text) return value;
  return std::nullopt;
}

Status to_flashinfer_status(Status status) {
  CHECK(status != Status::kWorkerLost);
  return status == Status::kRejected ? Status::kRuntimeError : status;
}

}  // namespace warpwright
