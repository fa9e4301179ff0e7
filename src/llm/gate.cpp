#include "src/llm/gate.h"

#include <algorithm>
#include <utility>

#include "src/base/check.h"

namespace warpwright::llm {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int kTroubleInARow = 3;
constexpr int64_t kFirstHoldMs = 1'000, kLongestHoldMs = 120'000;

}  // namespace

Gate::Gate(GateLimits limits) : limits_(limits), allowed_(std::max(1, limits.max_in_flight)) {}

void Gate::restrict_to(GateLimits limits) {
  CHECK(next_attempt_ == 0);
  *this = Gate(limits);
}

Gate::Opening Gate::opening(int64_t now_ms, int64_t tokens) const {
  if (paused_) return {State::kPaused, std::nullopt};
  if (now_ms < held_until_ms_) return {State::kHeldBack, held_until_ms_ - now_ms};
  if (in_flight() >= allowed_in_flight()) return {State::kFull, std::nullopt};
  if (const auto wait_ms = rate_wait_ms(now_ms, tokens)) return {State::kRate, wait_ms};
  return {};
}

// Walks the window from its oldest entry until what is left leaves room.
std::optional<int64_t> Gate::rate_wait_ms(int64_t now_ms, int64_t tokens) const {
  int64_t requests = 0, booked = 0;
  for (const Booked& entry : minute_) {
    if (entry.at_ms + kMinuteMs <= now_ms) continue;
    ++requests;
    booked += entry.tokens;
  }
  const auto fits = [&] {
    if (requests == 0) return true;
    if (limits_.requests_per_minute > 0 && requests + 1 > limits_.requests_per_minute) return false;
    return limits_.tokens_per_minute <= 0 || booked + tokens <= limits_.tokens_per_minute;
  };
  if (fits()) return std::nullopt;
  for (const Booked& entry : minute_) {
    if (entry.at_ms + kMinuteMs <= now_ms) continue;
    --requests;
    booked -= entry.tokens;
    if (fits()) return entry.at_ms + kMinuteMs - now_ms;
  }
  CHECK(false);  // an empty window has room
}

int64_t Gate::start(int64_t now_ms, int64_t tokens) {
  CHECK(opening(now_ms, tokens).state == State::kOpen);
  while (!minute_.empty() && minute_.front().at_ms + kMinuteMs <= now_ms) minute_.pop_front();
  minute_.push_back({next_attempt_, now_ms, tokens});
  started_[next_attempt_] = now_ms;
  return next_attempt_++;
}

void Gate::answered(int64_t attempt, std::optional<int64_t> tokens) {
  CHECK(started_.erase(attempt) == 1);
  failures_ = 0;
  allowed_ = std::min<double>(std::max(1, limits_.max_in_flight), allowed_ + 1.0 / allowed_);
  for (Booked& entry : minute_)
    if (tokens && entry.attempt == attempt) entry.tokens = *tokens;
}

void Gate::limited(int64_t attempt, int64_t now_ms, int64_t wait_ms) {
  const int in_flight_then = in_flight();
  const auto started = started_.extract(attempt);
  CHECK(!started.empty());
  hold(started.mapped(), in_flight_then, now_ms, wait_ms);
}

void Gate::troubled(int64_t attempt, int64_t now_ms, int64_t wait_ms) {
  if (failures_ + 1 >= kTroubleInARow) return limited(attempt, now_ms, wait_ms);
  released(attempt);
  ++failures_;
}

void Gate::released(int64_t attempt) {
  CHECK(started_.erase(attempt) == 1);
}

// Attempts that were out together fail together: only the first of them cuts and lengthens the backoff.
void Gate::hold(int64_t started_ms, int in_flight_then, int64_t now_ms, int64_t wait_ms) {
  if (!last_cut_ms_ || started_ms > *last_cut_ms_) {
    ++failures_;
    allowed_ = std::max(1.0, std::min<double>(allowed_, in_flight_then) / 2);
    last_cut_ms_ = now_ms;
  }
  const int64_t backoff_ms = std::min(kLongestHoldMs, kFirstHoldMs << std::clamp(failures_ - 1, 0, 20));
  held_until_ms_ = std::max(held_until_ms_, now_ms + std::max(wait_ms, backoff_ms));
}

}  // namespace warpwright::llm
