// The rules of what follows a failed attempt, one row each.
#include "src/llm/retry_policy.h"

#include <gtest/gtest.h>

namespace warpwright::llm {
namespace {

Failure failure_of(FailureClass kind, int http_status = 0) {
  Failure failure;
  failure.kind = kind;
  failure.http_status = http_status;
  failure.reason = "reason";
  return failure;
}

// "wait N", "give up", "pause key", "pause model"
std::string decision(const Failure& failure, RetryHistory history = {}, double random = 0.5) {
  const RetryDecision decided = decide_retry(failure, history, RetryLimits{}, random);
  if (const auto* later = std::get_if<RetryLater>(&decided)) return "wait " + std::to_string(later->wait_ms);
  if (const auto* pause = std::get_if<PauseEndpoint>(&decided))
    return pause->whole_key ? "pause key" : "pause model";
  return "give up";
}

TEST(RetryPolicy, EveryKindOfFailureHasItsConsequence) {
  const struct {
    FailureClass kind;
    int http_status;
    const char* expected;
  } rows[] = {
      {FailureClass::kTransport, 0, "wait 500"},         {FailureClass::kTimeout, 0, "wait 500"},
      {FailureClass::kRateLimited, 429, "wait 500"},     {FailureClass::kOverloaded, 529, "wait 500"},
      {FailureClass::kServer, 500, "wait 500"},          {FailureClass::kServer, 408, "wait 500"},
      {FailureClass::kBadReply, 200, "wait 500"},        {FailureClass::kBilling, 429, "pause key"},
      {FailureClass::kBilling, 402, "pause key"},        {FailureClass::kUnauthorized, 401, "pause key"},
      {FailureClass::kUnauthorized, 403, "pause model"}, {FailureClass::kInvalid, 400, "give up"},
      {FailureClass::kInvalid, 404, "give up"},          {FailureClass::kNoAnswer, 0, "give up"},
      {FailureClass::kCancelled, 0, "give up"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(decision(failure_of(row.kind, row.http_status)), row.expected)
        << to_string(row.kind) << " " << row.http_status;
}

TEST(RetryPolicy, TheServersShouldRetryWinsExceptOverMoneyAndKeys) {
  Failure invalid = failure_of(FailureClass::kInvalid, 400);
  invalid.should_retry = true;
  EXPECT_EQ(decision(invalid), "wait 500");
  Failure limited = failure_of(FailureClass::kRateLimited, 429);
  limited.should_retry = false;
  EXPECT_EQ(decision(limited), "give up");
  Failure billing = failure_of(FailureClass::kBilling, 429);
  billing.should_retry = true;
  EXPECT_EQ(decision(billing), "pause key");
}

TEST(RetryPolicy, RetryAfterIsObeyedAndClamped) {
  Failure limited = failure_of(FailureClass::kRateLimited, 429);
  limited.retry_after_ms = 7'000;
  EXPECT_EQ(decision(limited), "wait 7000");
  limited.retry_after_ms = 100;
  EXPECT_EQ(decision(limited), "wait 500") << "our own backoff is longer";
  limited.retry_after_ms = int64_t{2'303'624'735} * 1000;  // a date in 2099
  EXPECT_EQ(decision(limited), "wait 900000");
  limited.retry_after_ms = -5;
  EXPECT_EQ(decision(limited), "wait 500");
}

TEST(RetryPolicy, BackoffDoublesToItsCapWithFullJitter) {
  const Failure failure = failure_of(FailureClass::kServer, 500);
  RetryLimits limits;
  limits.max_attempts = 100;
  for (const auto& [attempts, bound_ms] :
       {std::pair{1, 1'000}, {2, 2'000}, {4, 8'000}, {7, 64'000}, {8, 120'000}, {60, 120'000}}) {
    EXPECT_EQ(backoff_bound_ms(attempts, limits), bound_ms) << attempts;
    const auto wait_ms = [&, n = attempts](double random) {
      return std::get<RetryLater>(decide_retry(failure, {n, 0, 0}, limits, random)).wait_ms;
    };
    EXPECT_EQ(wait_ms(0.0), 0);
    EXPECT_EQ(wait_ms(0.25), bound_ms / 4);
    EXPECT_LT(wait_ms(0.999999), bound_ms);
  }
}

TEST(RetryPolicy, AttemptsBillsAndTimeAreLimited) {
  const Failure failure = failure_of(FailureClass::kTransport);
  EXPECT_EQ(decision(failure, {5, 0, 0}, 0), "wait 0");
  EXPECT_EQ(decision(failure, {6, 0, 0}, 0), "give up");
  EXPECT_EQ(decision(failure, {3, 2, 0}, 0), "wait 0");
  EXPECT_EQ(decision(failure, {3, 3, 0}, 0), "give up") << "every one of them may be a bill";
  const int64_t most_ms = RetryLimits{}.max_total_ms;
  EXPECT_EQ(decision(failure, {1, 0, most_ms}, 0), "wait 0");
  EXPECT_EQ(decision(failure, {1, 0, most_ms}, 0.5), "give up");
}

TEST(RetryPolicy, ReasonsSayWhyThereIsNoFurtherAttempt) {
  const auto reason = [](const Failure& failure, RetryHistory history) {
    return std::get<GiveUp>(decide_retry(failure, history, RetryLimits{}, 0)).reason;
  };
  EXPECT_EQ(reason(failure_of(FailureClass::kServer, 500), {6, 0, 0}), "reason (after 6 attempts)");
  EXPECT_EQ(reason(failure_of(FailureClass::kInvalid, 400), {}), "reason (not retried)");
  Failure told = failure_of(FailureClass::kServer, 500);
  told.should_retry = false;
  EXPECT_EQ(reason(told, {}), "reason (the server says that a retry is of no use)");
}

TEST(RetryPolicy, AModelsConfigurationSetsTheLimits) {
  ModelConfig config;
  config.max_attempts = 2;
  EXPECT_EQ(retry_limits(config).max_attempts, 2);
  EXPECT_EQ(retry_limits(config).max_billed_attempts, 2);
  config.max_attempts = 0;
  EXPECT_EQ(retry_limits(config).max_attempts, 1) << "the first attempt is always made";
}

}  // namespace
}  // namespace warpwright::llm
