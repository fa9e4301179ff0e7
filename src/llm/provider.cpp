#include "src/llm/provider.h"

#include <fmt/format.h>

#include "src/base/check.h"

namespace warpwright::llm {

std::string Call::id() const {
  return fmt::format("t{}.{}.{}", ticket, turn, attempt);
}

std::string_view to_string(FinishClass finish) {
  switch (finish) {
    case FinishClass::kComplete:
      return "complete";
    case FinishClass::kTruncated:
      return "truncated";
    case FinishClass::kRefused:
      return "refused";
  }
  CHECK(false);
}

FinishClass finish_from_string(std::string_view text) {
  if (text == "complete" || text == "stop") return FinishClass::kComplete;
  if (text == "refused" || text == "refusal") return FinishClass::kRefused;
  return FinishClass::kTruncated;
}

std::string_view to_string(FailureClass failure) {
  switch (failure) {
    case FailureClass::kTransport:
      return "transport";
    case FailureClass::kTimeout:
      return "timeout";
    case FailureClass::kRateLimited:
      return "rate-limited";
    case FailureClass::kOverloaded:
      return "overloaded";
    case FailureClass::kServer:
      return "server";
    case FailureClass::kBadReply:
      return "bad-reply";
    case FailureClass::kBilling:
      return "billing";
    case FailureClass::kUnauthorized:
      return "unauthorized";
    case FailureClass::kInvalid:
      return "invalid";
    case FailureClass::kNoAnswer:
      return "no-answer";
    case FailureClass::kCancelled:
      return "cancelled";
  }
  CHECK(false);
}

}  // namespace warpwright::llm
