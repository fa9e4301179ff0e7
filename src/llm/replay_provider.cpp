#include "src/llm/replay_provider.h"

#include <fmt/format.h>

#include "src/base/check.h"
#include "src/base/hash.h"

namespace warpwright::llm {

std::string hash_of(const Conversation& conversation) {
  return sha256_hex(dump_json(to_json(conversation)));
}

void ReplayProvider::add(int64_t ticket, int turn, RecordedAnswer answer) {
  CHECK(recording_.emplace(std::pair{ticket, turn}, std::move(answer)).second);
}

std::variant<Reply, Failure> ReplayProvider::answer(const Call& call) const {
  Failure failure;
  const auto found = recording_.find({call.ticket, call.turn});
  if (found == recording_.end()) {
    failure.kind = FailureClass::kNoAnswer;
    failure.reason = fmt::format("the recorded run holds no answer to t{}.{}", call.ticket, call.turn);
    return failure;
  }
  const RecordedAnswer& recorded = found->second;
  if (!recorded.conversation_hash.empty() && hash_of(call.conversation) != recorded.conversation_hash) {
    failure.kind = FailureClass::kInvalid;
    failure.reason = fmt::format(
        "t{}.{}: the prompt differs from the recorded one (another version, other templates or "
        "other settings): its answer is not known",
        call.ticket, call.turn);
    return failure;
  }
  if (!recorded.failure) return recorded.reply;
  failure = *recorded.failure;
  failure.should_retry = false;  // all that was tried is behind this outcome
  return failure;
}

void ReplayProvider::start(const Call& call) {
  ready_.push_back({call.ticket, call.turn, call.attempt, answer(call)});
}

std::vector<Completion> ReplayProvider::poll() {
  return std::exchange(ready_, {});
}

void ReplayProvider::cancel(int64_t ticket) {
  std::erase_if(ready_, [ticket](const Completion& done) { return done.ticket == ticket; });
}

void ReplayProvider::wait_on(WaitSet& waits) const {
  if (!ready_.empty()) waits.wake_within(0);
}

}  // namespace warpwright::llm
