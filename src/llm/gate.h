// When an attempt may go out to a model: shared by all its calls, so that one 429 holds everyone back. Pure
// over the time it is given (any monotonic clock in ms).
//
//   in flight   at most max_in_flight. A failure that speaks for the whole endpoint halves what may be in
//               flight (once for all attempts that were out at the time), answers bring it back by one per
//               round: additive increase, multiplicative decrease (Chiu and Jain 1989), as in TCP.
//   per minute  requests and tokens over a sliding window of 60 s. Tokens are booked at their worst case and
//               corrected when the answer says how many they were. A request bigger than a minute's tokens
//               goes when the window is empty.
//   held back   after a 429 or 529 at once, after other trouble from the third failure in a row: until the
//               server's time or a backoff that doubles with each such failure, whichever is later
//   paused      until a person mends what the reason says (money, key)
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace warpwright::llm {

struct GateLimits {
  int max_in_flight = 16;
  int64_t requests_per_minute = 0, tokens_per_minute = 0;  // 0: no limit
};

class Gate {
 public:
  explicit Gate(GateLimits limits);
  const GateLimits& limits() const { return limits_; }
  void restrict_to(GateLimits limits);  // before the first start: two models that share the gate

  enum class State { kOpen, kFull, kRate, kHeldBack, kPaused };
  struct Opening {
    State state = State::kOpen;
    std::optional<int64_t> wait_ms;  // kRate, kHeldBack: worth asking again then
  };
  Opening opening(int64_t now_ms, int64_t tokens) const;

  // REQUIRES: opening() is kOpen. The number names the attempt to the calls below.
  int64_t start(int64_t now_ms, int64_t tokens);
  void answered(int64_t attempt, std::optional<int64_t> tokens);
  // The endpoint asks for patience (429, 529): everybody waits for `wait_ms`, or longer.
  void limited(int64_t attempt, int64_t now_ms, int64_t wait_ms);
  // A failure that may be this attempt's alone (a cut stream, a 500), or the endpoint's, if the next fail
  // too.
  void troubled(int64_t attempt, int64_t now_ms, int64_t wait_ms);
  // Ended in a way that says nothing about the endpoint (a bad request, cancelled).
  void released(int64_t attempt);

  void pause(std::string reason) { paused_ = std::move(reason); }
  void resume() { paused_.reset(); }
  const std::optional<std::string>& paused() const { return paused_; }

  int in_flight() const { return static_cast<int>(started_.size()); }
  int allowed_in_flight() const { return static_cast<int>(allowed_); }
  int64_t held_until_ms() const { return held_until_ms_; }

 private:
  struct Booked {
    int64_t attempt = 0, at_ms = 0, tokens = 0;
  };
  void hold(int64_t started_ms, int in_flight_then, int64_t now_ms, int64_t wait_ms);
  std::optional<int64_t> rate_wait_ms(int64_t now_ms, int64_t tokens) const;

  GateLimits limits_;
  double allowed_;
  std::map<int64_t, int64_t> started_;  // attempts in flight -> when
  std::deque<Booked> minute_;           // attempts of the last 60 s, oldest first
  int64_t next_attempt_ = 0;
  int failures_ = 0;  // in a row
  std::optional<int64_t> last_cut_ms_;
  int64_t held_until_ms_ = INT64_MIN;
  std::optional<std::string> paused_;
};

}  // namespace warpwright::llm
