// What a failed attempt is followed by: another one after a while, the end of the call, or the pause of the
// endpoint. Pure, so that every rule stands in a table (retry_policy_test.cpp).
//
//   money, keys        pause the endpoint: no call can succeed there until a person mends it
//   x-should-retry     wins over all that follows
//   invalid, no answer, cancelled: the same request can never succeed: give up
//   everything else    again, up to the number of attempts and the total time; an attempt that may have been
//                      billed is repeated less often, because no provider deduplicates: a retry is a new bill
//   wait               max(what the server asks, clamped; uniform in [0, min(cap, base * 2^attempt)]) - "full
//                      jitter" (M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015)
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "src/llm/model_config.h"
#include "src/llm/provider.h"

namespace warpwright::llm {

struct RetryLimits {
  int max_attempts = 6;
  int max_billed_attempts = 3;             // of those that may have cost money
  int64_t max_total_ms = 6 * 3'600'000;    // from the first attempt to the start of the last
  int64_t base_ms = 1'000;                 // of the backoff
  int64_t cap_ms = 120'000;                // of the backoff
  int64_t longest_asked_ms = 15 * 60'000;  // what a server asks for is obeyed up to here: dates of 2099 occur
};
RetryLimits retry_limits(const ModelConfig& config);

// What this call has behind it at its current model, the failed attempt included.
struct RetryHistory {
  int attempts = 1;
  int billed_attempts = 0;
  int64_t elapsed_ms = 0;  // since its first attempt
};

struct RetryLater {
  int64_t wait_ms = 0;
};
struct GiveUp {
  std::string reason;
};
struct PauseEndpoint {
  bool whole_key = true;  // false: only this model is refused (403), others with the same key may go on
  std::string reason;
};
using RetryDecision = std::variant<RetryLater, GiveUp, PauseEndpoint>;

// `random` in [0, 1).
RetryDecision decide_retry(const Failure& failure, const RetryHistory& history, const RetryLimits& limits,
                           double random);

// Whether time may heal this kind of failure.
bool is_transient(FailureClass kind);

// The backoff's upper bound after `failures` failures in a row (1, 2, ...).
int64_t backoff_bound_ms(int failures, const RetryLimits& limits);

}  // namespace warpwright::llm
