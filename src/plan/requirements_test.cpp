#include "src/plan/requirements.h"

#include <gtest/gtest.h>

#include "src/plan/testing.h"

namespace warpwright::plan {
namespace {

Plan parsed(const std::string& text) {
  auto plan = parse_plan(source_of(text), gdn_decode_definition());
  EXPECT_TRUE(plan) << text_of(plan.error());
  return std::move(*plan);
}

// For batches of 8 and 32.
bool meets(const std::string& text, const KnobValues& knobs) {
  return meets_requirements(parsed(text), gdn_decode_definition(),
                            {inputs_for_batch(8), inputs_for_batch(32)}, knobs);
}

const std::string kTune = "tune N = 1 in {1, 2, 16};\n";
const std::string kEnd(kLaunch);

TEST(RequirementsTest, EveryWorkloadHasToMeetThem) {
  const std::string text = kTune + "require batch_size % N == 0;\n" + kEnd;
  EXPECT_TRUE(parsed(text).ast().requirements_vary);
  EXPECT_TRUE(meets(text, {{"N", "2"}}));
  EXPECT_FALSE(meets(text, {{"N", "16"}})) << "8 is no multiple";
}

TEST(RequirementsTest, WhatFollowsTheLastOneDoesNotVaryThem) {
  const std::string text =
      kTune + "const int steps = N / 2;\nrequire steps < 8 && head_size > N;\nconst int all = batch_size;\n";
  EXPECT_FALSE(parsed(text + kEnd).ast().requirements_vary);
  EXPECT_EQ(parsed(text + kEnd).ast().body.requirements_end, 3u);
  EXPECT_TRUE(meets(text + kEnd, {{"N", "2"}}));
  EXPECT_FALSE(meets(text + kEnd, {{"N", "16"}}));
}

TEST(RequirementsTest, WithoutAnyAllIsMet) {
  EXPECT_EQ(parsed(kTune + kEnd).ast().body.requirements_end, 0u);
  EXPECT_TRUE(meets(kTune + kEnd, {{"N", "3"}}));
}

TEST(RequirementsTest, ThoseOfTheBranchTakenCount) {
  const std::string text = kTune + "if (batch_size > 8) {\n  require N < 16;\n  " + kEnd +
                           "\n} else {\n  require N > 1;\n  " + kEnd + "\n}";
  EXPECT_TRUE(meets(text, {{"N", "2"}}));
  EXPECT_FALSE(meets(text, {{"N", "1"}}));
  EXPECT_FALSE(meets(text, {{"N", "16"}}));
}

TEST(RequirementsTest, OneThatIsNotReachedIsNotViolated) {
  EXPECT_TRUE(meets(kTune + "const int odd = 1 / (N - 1);\nrequire odd > 100;\n" + kEnd, {}));
  EXPECT_FALSE(meets(kTune + "const int odd = 1 / (N - 1);\nrequire odd > 100;\n" + kEnd, {{"N", "2"}}));
  EXPECT_TRUE(meets(kTune + "require N > 100;\n" + kEnd, {{"N", "5"}})) << "no value of the knob";
  EXPECT_TRUE(meets(kTune + "require N > 100;\n" + kEnd, {{"M", "1"}})) << "no knob of the plan";
}

// Ten complaints end a binding, whatever follows.
TEST(RequirementsTest, OneBehindTooManyErrorsIsNotReached) {
  const std::string bad = "gdn<<<batch_size, 2048>>>(output, new_state);\n";
  std::string launches;
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(meets(kTune + launches + "require N > 100;\n" + kEnd, {})) << i;
    EXPECT_FALSE(meets(kTune + "if (N == 1) {\n" + launches + "}\nrequire N > 100;\n" + kEnd, {})) << i;
    launches += bad;
  }
  EXPECT_TRUE(meets(kTune + launches + "require N > 100;\n" + kEnd, {}));
  EXPECT_TRUE(
      meets(kTune + "if (N == 1) {\nrequire N < 100;\n" + launches + "}\nrequire N > 100;\n" + kEnd, {}));
}

}  // namespace
}  // namespace warpwright::plan
