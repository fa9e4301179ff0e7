#include "src/llm/retry_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "src/base/check.h"

namespace warpwright::llm {
namespace {

std::optional<PauseEndpoint> pause_for(const Failure& failure) {
  if (failure.kind == FailureClass::kBilling)
    return PauseEndpoint{true, fmt::format("the provider asks for money: {}", failure.reason)};
  if (failure.kind != FailureClass::kUnauthorized) return std::nullopt;
  if (failure.http_status == 403)
    return PauseEndpoint{false, fmt::format("the provider forbids it: {}", failure.reason)};
  return PauseEndpoint{true, fmt::format("the key is not accepted: {}", failure.reason)};
}

}  // namespace

bool is_transient(FailureClass kind) {
  switch (kind) {
    case FailureClass::kTransport:
    case FailureClass::kTimeout:
    case FailureClass::kRateLimited:
    case FailureClass::kOverloaded:
    case FailureClass::kServer:
    case FailureClass::kBadReply:
      return true;
    case FailureClass::kBilling:
    case FailureClass::kUnauthorized:
    case FailureClass::kInvalid:
    case FailureClass::kNoAnswer:
    case FailureClass::kCancelled:
      return false;
  }
  CHECK(false);
}

RetryLimits retry_limits(const ModelConfig& config) {
  RetryLimits limits;
  limits.max_attempts = std::max(1, config.max_attempts);
  limits.max_billed_attempts = std::min(limits.max_billed_attempts, limits.max_attempts);
  limits.max_total_ms = std::max(limits.max_total_ms, 2 * config.total_timeout_ms);
  return limits;
}

int64_t backoff_bound_ms(int failures, const RetryLimits& limits) {
  const int doublings = std::clamp(failures - 1, 0, 30);
  return std::min(limits.cap_ms, limits.base_ms << doublings);
}

RetryDecision decide_retry(const Failure& failure, const RetryHistory& history, const RetryLimits& limits,
                           double random) {
  if (auto pause = pause_for(failure)) return *pause;
  const auto give_up = [&](std::string_view why) {
    return GiveUp{fmt::format("{} ({})", failure.reason, why)};
  };
  if (!failure.should_retry.value_or(is_transient(failure.kind)))
    return give_up(failure.should_retry ? "the server says that a retry is of no use" : "not retried");
  if (history.attempts >= limits.max_attempts)
    return give_up(fmt::format("after {} attempts", history.attempts));
  if (history.billed_attempts >= limits.max_billed_attempts)
    return give_up(fmt::format("after {} attempts that may have been billed", history.billed_attempts));
  const double jittered = random * static_cast<double>(backoff_bound_ms(history.attempts, limits));
  const int64_t asked_ms =
      std::clamp<int64_t>(failure.retry_after_ms.value_or(0), 0, limits.longest_asked_ms);
  const int64_t wait_ms = std::max(asked_ms, static_cast<int64_t>(jittered));
  if (history.elapsed_ms + wait_ms > limits.max_total_ms)
    return give_up(fmt::format("after {} attempts in {} s", history.attempts, history.elapsed_ms / 1000));
  return RetryLater{wait_ms};
}

}  // namespace warpwright::llm
