// Who answers: an endpoint, a program, a person, a file. Passive and never blocking, so that hundreds of
// calls run inside the engine's one loop: `start`, then `poll` whenever the loop turns.
//
// A provider makes exactly one attempt for each `start` and says how it ended. Whether and when to try again,
// what may be in flight and what may be spent is decided above it (call_desk.h).
#pragma once

#include <poll.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "src/llm/conversation.h"

namespace warpwright::llm {

// One attempt at one answer. A ticket asks once (turn 0) and, if the answer could not be used, once more with
// the reason (turn 1).
struct Call {
  int64_t ticket = 0;
  int turn = 0;
  int attempt = 0;
  std::string op;     // operator that asks
  int64_t index = 0;  // of this operator's requests in the run, from 0 (what a scripted provider answers by)
  Conversation conversation;

  std::string id() const;  // "t12.0.1": ticket, turn, attempt
};

enum class FinishClass {
  kComplete,   // the model said it was done
  kTruncated,  // cut at the token limit or the context: never compiled
  kRefused,    // the model or a filter declined: counted, the same prompt is not sent again
};
std::string_view to_string(FinishClass finish);  // "complete", "truncated", "refused"
// Also the words of older journals: stop, length, refusal. A word that nobody knows is no complete answer.
FinishClass finish_from_string(std::string_view text);

// Tokens as billed: `cached_read` and `cache_write` are parts of `input`, `reasoning` is a part of `output`.
struct Usage {
  bool known = false;  // the provider reported it
  int64_t input = 0, cached_read = 0, cache_write = 0;
  int64_t output = 0, reasoning = 0;
};

struct Reply {
  std::string text;
  std::string model;  // as the provider names it
  FinishClass finish = FinishClass::kComplete;
  std::string finish_detail;  // the provider's own word
  Usage usage;
  std::optional<double> cost_dollars;  // where the provider reports it
  std::string request_id;              // the provider's, for its support
  int64_t first_byte_ms = 0, total_ms = 0;
};

enum class FailureClass {
  kTransport,     // no connection, cut in the middle, ended without its terminal event
  kTimeout,       // one of our timers
  kRateLimited,   // 429 that time heals
  kOverloaded,    // 503, 529 and their like
  kServer,        // other 5xx, 408, 409, 425, or an error inside a 200
  kBadReply,      // a 200 that is no answer: HTML, malformed JSON, no choices
  kBilling,       // money: the endpoint pauses until a person mends it
  kUnauthorized,  // 401, 403: the same
  kInvalid,       // 400, 404, 413, 422 ...: the same request can never succeed
  kNoAnswer,      // a file or a person that has none
  kCancelled,
};
std::string_view to_string(FailureClass failure);  // "transport", "timeout", "rate-limited", ...

struct Failure {
  FailureClass kind = FailureClass::kTransport;
  std::string reason;  // one line, printable, without keys
  int http_status = 0;
  std::optional<int64_t> retry_after_ms;  // as the server asks; clamped by the policy
  std::optional<bool> should_retry;       // x-should-retry
  bool maybe_billed = false;              // the request went out whole: what it cost is not known
  Usage usage;                            // known if the server said so before it failed
};

struct Completion {
  int64_t ticket = 0;
  int turn = 0;
  int attempt = 0;
  std::variant<Reply, Failure> outcome;
};

// What the loop should wake up for on this provider's behalf.
struct WaitSet {
  std::vector<pollfd> descriptors;
  int64_t timeout_ms = -1;  // -1: no timer; 0: a completion is ready now
  void wake_within(int64_t ms) { timeout_ms = timeout_ms < 0 || ms < timeout_ms ? ms : timeout_ms; }
};

class Provider {
 public:
  virtual ~Provider() = default;
  virtual void start(const Call& call) = 0;
  virtual std::vector<Completion> poll() = 0;  // completed since the last call; each attempt exactly once
  virtual void cancel(int64_t ticket) = 0;     // no completion follows; unknown ones are ignored
  virtual void wait_on(WaitSet& waits) const = 0;
};

}  // namespace warpwright::llm
