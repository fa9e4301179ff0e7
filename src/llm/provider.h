// Who answers a model request: an endpoint, a file, a person. Passive and never blocking, so that hundreds of
// requests can run inside the engine's one loop: `start`, then `poll` whenever the loop turns.
//
// Endpoints (openai-chat, anthropic-messages, ...) will stand beside scripted_provider.h and add the
// descriptors and timers they wait on to the loop's one wait through `wait_on`.
#pragma once

#include <poll.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "src/base/result.h"

namespace warpwright::llm {

struct Request {
  int64_t id = 0;     // the ticket; echoed in the completion
  std::string op;     // operator
  int64_t index = 0;  // of this operator's requests in the run, from 0: what a scripted provider answers by
  std::string system;
  std::string prompt;
};

enum class FinishClass {
  kStop,     // complete
  kLength,   // cut at the token limit: never compiled
  kRefusal,  // the model declined
};
std::string_view to_string(FinishClass finish);  // "stop", "length", "refusal"

struct Reply {
  std::string text;
  std::string model;
  FinishClass finish = FinishClass::kStop;
  int64_t input_tokens = 0;
  int64_t output_tokens = 0;
};

struct Failure {
  std::string reason;  // one line
};

struct Completion {
  int64_t id = 0;
  std::variant<Reply, Failure> outcome;
};

// What the loop should wake up for on this provider's behalf.
struct WaitSet {
  std::vector<pollfd> descriptors;
  int64_t timeout_ms = -1;  // -1: no timer; 0: a completion is ready now
};

class Provider {
 public:
  virtual ~Provider() = default;
  virtual std::string name() const = 0;
  virtual void start(const Request& request) = 0;
  virtual std::vector<Completion> poll() = 0;  // completed since the last call; each request exactly once
  virtual void cancel(int64_t id) = 0;         // no completion follows; unknown ids are ignored
  virtual void wait_on(WaitSet& waits) const = 0;
};

}  // namespace warpwright::llm
