// For tests: a provider whose answers the test gives, in the order and at the time it likes.
#pragma once

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "src/llm/provider.h"

namespace warpwright::llm {

class FakeProvider final : public Provider {
 public:
  std::vector<Call> out;  // started, not completed yet
  int64_t started = 0;
  std::set<int64_t> cancelled;

  void complete(size_t index, std::variant<Reply, Failure> outcome) {
    const Call call = out.at(index);
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(index));
    ready_.push_back({call.ticket, call.turn, call.attempt, std::move(outcome)});
  }

  void start(const Call& call) override {
    out.push_back(call);
    ++started;
  }
  std::vector<Completion> poll() override { return std::exchange(ready_, {}); }
  void cancel(int64_t ticket) override {
    cancelled.insert(ticket);
    std::erase_if(out, [&](const Call& call) { return call.ticket == ticket; });
    std::erase_if(ready_, [&](const Completion& done) { return done.ticket == ticket; });
  }
  void wait_on(WaitSet& waits) const override {
    if (!ready_.empty()) waits.wake_within(0);
  }

 private:
  std::vector<Completion> ready_;
};

inline Reply reply_of(std::string text, int64_t input = 0, int64_t output = 0) {
  Reply reply;
  reply.text = std::move(text);
  reply.usage.known = input + output > 0;
  reply.usage.input = input;
  reply.usage.output = output;
  return reply;
}

inline Failure failure_of(FailureClass kind, std::string reason = "reason", bool maybe_billed = false) {
  Failure failure;
  failure.kind = kind;
  failure.reason = std::move(reason);
  failure.maybe_billed = maybe_billed;
  return failure;
}

}  // namespace warpwright::llm
