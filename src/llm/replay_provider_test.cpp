// A recorded run's answers: each to its own question, and to no other.
#include "src/llm/replay_provider.h"

#include <gtest/gtest.h>

#include "src/llm/fake_provider.h"
#include "src/llm/retry_policy.h"

namespace warpwright::llm {
namespace {

Call call_of(int64_t ticket, const std::string& prompt, int turn = 0) {
  Call call;
  call.ticket = ticket;
  call.turn = turn;
  call.conversation.messages = {{Message::Role::kUser, prompt}};
  return call;
}

std::variant<Reply, Failure> ask(ReplayProvider& provider, const Call& call) {
  provider.start(call);
  auto done = provider.poll();
  EXPECT_EQ(done.size(), 1u);
  return done.at(0).outcome;
}

TEST(ReplayProvider, AnswersByTicketAndTurnIfThePromptIsTheSame) {
  const Call first = call_of(1, "hello"), second = call_of(1, "again", 1);
  ReplayProvider provider;
  provider.add(1, 0, {hash_of(first.conversation), reply_of("a"), {}});
  provider.add(1, 1, {hash_of(second.conversation), reply_of("b"), {}});
  EXPECT_EQ(std::get<Reply>(ask(provider, second)).text, "b");
  EXPECT_EQ(std::get<Reply>(ask(provider, first)).text, "a");
  const auto changed = std::get<Failure>(ask(provider, call_of(1, "hello!")));
  EXPECT_EQ(changed.kind, FailureClass::kInvalid);
  EXPECT_NE(changed.reason.find("the prompt differs from the recorded one"), std::string::npos);
  EXPECT_EQ(std::get<Failure>(ask(provider, call_of(2, "hello"))).kind, FailureClass::kNoAnswer);
}

TEST(ReplayProvider, ARecordedFailureIsGivenOnceAndForAll) {
  ReplayProvider provider;
  provider.add(1, 0, {"", {}, failure_of(FailureClass::kTransport, "cut")});
  const auto failure = std::get<Failure>(ask(provider, call_of(1, "anything")));
  EXPECT_EQ(failure.kind, FailureClass::kTransport);
  EXPECT_TRUE(std::holds_alternative<GiveUp>(decide_retry(failure, {}, {}, 0)));
}

TEST(ReplayProvider, TheHashIsOfEveryPartOfTheConversation) {
  const Conversation one{"system", {{Message::Role::kUser, "text"}}};
  Conversation other = one;
  EXPECT_EQ(hash_of(one), hash_of(other));
  other.system = "System";
  EXPECT_NE(hash_of(one), hash_of(other));
  other = one;
  other.messages[0].role = Message::Role::kAssistant;
  EXPECT_NE(hash_of(one), hash_of(other));
}

}  // namespace
}  // namespace warpwright::llm
