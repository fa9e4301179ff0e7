// The gate of an endpoint: how many, how fast, when not.
#include "src/llm/gate.h"

#include <gtest/gtest.h>

namespace warpwright::llm {
namespace {

using State = Gate::State;

TEST(Gate, LetsAtMostMaxInFlightOut) {
  Gate gate({2, 0, 0});
  const int64_t first = gate.start(0, 0);
  gate.start(0, 0);
  EXPECT_EQ(gate.opening(0, 0).state, State::kFull);
  EXPECT_FALSE(gate.opening(0, 0).wait_ms) << "an ending opens it, not the time";
  gate.answered(first, std::nullopt);
  EXPECT_EQ(gate.opening(0, 0).state, State::kOpen);
}

TEST(Gate, RequestsPerMinuteSlide) {
  Gate gate({16, 2, 0});
  gate.released(gate.start(1'000, 0));
  gate.released(gate.start(31'000, 0));
  EXPECT_EQ(gate.opening(40'000, 0).state, State::kRate);
  EXPECT_EQ(gate.opening(40'000, 0).wait_ms, 21'000);
  EXPECT_EQ(gate.opening(61'000, 0).state, State::kOpen);
  gate.released(gate.start(61'000, 0));
  EXPECT_EQ(gate.opening(62'000, 0).wait_ms, 29'000);
}

TEST(Gate, TokensAreBookedAtWorstAndCorrectedByTheAnswer) {
  Gate gate({16, 0, 10'000});
  const int64_t first = gate.start(0, 8'000);
  EXPECT_EQ(gate.opening(10, 5'000).state, State::kRate);
  EXPECT_EQ(gate.opening(10, 5'000).wait_ms, 59'990);
  gate.answered(first, 1'000);
  EXPECT_EQ(gate.opening(10, 5'000).state, State::kOpen);
}

TEST(Gate, ARequestBiggerThanAMinutesTokensGoesAlone) {
  Gate gate({16, 0, 1'000});
  ASSERT_EQ(gate.opening(0, 50'000).state, State::kOpen);
  gate.start(0, 50'000);
  EXPECT_EQ(gate.opening(1, 50'000).wait_ms, 59'999);
}

TEST(Gate, OneLimitedAttemptHoldsEverybodyBackAndHalvesOnce) {
  Gate gate({16, 0, 0});
  std::vector<int64_t> out;
  for (int i = 0; i < 16; ++i) out.push_back(gate.start(i, 0));
  gate.limited(out[0], 1'000, 5'000);
  EXPECT_EQ(gate.opening(1'000, 0).state, State::kHeldBack);
  EXPECT_EQ(gate.opening(1'000, 0).wait_ms, 5'000);
  for (int i = 1; i < 16; ++i) gate.limited(out[static_cast<size_t>(i)], 1'001, 5'000);
  EXPECT_EQ(gate.allowed_in_flight(), 8) << "they were out together: one sign of congestion, not sixteen";
  EXPECT_EQ(gate.opening(6'001, 0).state, State::kOpen);
  const int64_t again = gate.start(6'001, 0);
  for (int i = 1; i < 8; ++i) gate.start(6'001, 0);
  EXPECT_EQ(gate.opening(6'001, 0).state, State::kFull);
  gate.limited(again, 6'500, 0);
  EXPECT_EQ(gate.allowed_in_flight(), 4);
}

TEST(Gate, AnswersBringTheWidthBackGradually) {
  Gate gate({8, 0, 0});
  std::vector<int64_t> out;
  for (int i = 0; i < 8; ++i) out.push_back(gate.start(i, 0));
  for (int64_t attempt : out) gate.limited(attempt, 100, 0);
  ASSERT_EQ(gate.allowed_in_flight(), 4);
  int64_t now_ms = 10'000;
  int answers = 0;
  while (gate.allowed_in_flight() < 8) {
    gate.answered(gate.start(now_ms += 10, 0), std::nullopt);
    ASSERT_LT(++answers, 100);
  }
  EXPECT_GT(answers, 4 + 5 + 6 + 7 - 4);
  EXPECT_LT(answers, 4 + 5 + 6 + 7 + 8);
  for (int i = 0; i < 100; ++i) gate.answered(gate.start(now_ms += 10, 0), std::nullopt);
  EXPECT_EQ(gate.allowed_in_flight(), 8) << "never above the configured width";
}

TEST(Gate, TheHoldDoublesWhileNothingIsAnswered) {
  Gate gate({4, 0, 0});
  int64_t now_ms = 0;
  std::vector<int64_t> holds_ms;
  for (int i = 0; i < 9; ++i) {
    gate.limited(gate.start(now_ms, 0), now_ms + 1, 0);
    holds_ms.push_back(gate.held_until_ms() - now_ms - 1);
    now_ms = gate.held_until_ms();
  }
  EXPECT_EQ(holds_ms,
            (std::vector<int64_t>{1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 64'000, 120'000, 120'000}));
  gate.answered(gate.start(now_ms, 0), std::nullopt);
  gate.limited(gate.start(now_ms + 1, 0), now_ms + 2, 0);
  EXPECT_EQ(gate.held_until_ms(), now_ms + 1'002);
}

TEST(Gate, OneCutStreamIsNoReasonToWaitThreeInARowAre) {
  Gate gate({4, 0, 0});
  gate.troubled(gate.start(0, 0), 1, 0);
  gate.troubled(gate.start(2, 0), 3, 0);
  EXPECT_EQ(gate.opening(3, 0).state, State::kOpen);
  gate.answered(gate.start(4, 0), std::nullopt);
  gate.troubled(gate.start(5, 0), 6, 0);
  gate.troubled(gate.start(7, 0), 8, 0);
  EXPECT_EQ(gate.opening(8, 0).state, State::kOpen) << "an answer in between ends the row";
  gate.troubled(gate.start(9, 0), 10, 0);
  EXPECT_EQ(gate.opening(10, 0).state, State::kHeldBack);
}

TEST(Gate, APauseLastsUntilItIsLifted) {
  Gate gate({4, 0, 0});
  gate.pause("no money");
  EXPECT_EQ(gate.opening(1'000'000'000, 0).state, State::kPaused);
  EXPECT_EQ(gate.paused(), "no money");
  gate.resume();
  EXPECT_EQ(gate.opening(0, 0).state, State::kOpen);
}

}  // namespace
}  // namespace warpwright::llm
