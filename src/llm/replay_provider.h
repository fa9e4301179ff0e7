// The answers of a recorded run, given again: what `warpwright replay` and a fork ask instead of an endpoint.
// An answer belongs to its question: if the prompt that is sent now is not the one that was recorded, there
// is no answer, because what the model would have said to it is not known.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "src/llm/provider.h"

namespace warpwright::llm {

// Of what a model is told, and of nothing else.
std::string hash_of(const Conversation& conversation);

struct RecordedAnswer {
  std::string conversation_hash;   // empty: the question was not recorded and is not compared
  Reply reply;                     // unless
  std::optional<Failure> failure;  // the call failed for good: given so at the first attempt
};

class ReplayProvider final : public Provider {
 public:
  // REQUIRES: not added before.
  void add(int64_t ticket, int turn, RecordedAnswer answer);

  void start(const Call& call) override;
  std::vector<Completion> poll() override;
  void cancel(int64_t ticket) override;
  void wait_on(WaitSet& waits) const override;

 private:
  std::variant<Reply, Failure> answer(const Call& call) const;

  std::map<std::pair<int64_t, int>, RecordedAnswer> recording_;  // by ticket and turn
  std::vector<Completion> ready_;
};

}  // namespace warpwright::llm
