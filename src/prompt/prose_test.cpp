// What replies say in words: the idea of a candidate, lessons and directions.
#include <gtest/gtest.h>

#include "src/prompt/reply.h"

namespace warpwright::prompt {
namespace {

const std::string kFenced = "```cuda\n/*@plan*/ __global__ void k();\n```\n";

std::string idea_of_reply(const std::string& words) {
  auto parsed = parse_reply(words + "\n" + kFenced);
  return parsed ? parsed->idea : "problem: " + parsed.error().reason;
}

TEST(Idea, IsReadFromItsLine) {
  for (const char* line :
       {"IDEA: split the rows", "Idea: split the rows", "**Idea:** split the rows",
        "**IDEA**: split the rows", "Idea - split the rows", "Idea — split the rows",
        "## Idea: split the rows", "- *Idea*: split the rows", "1. IDEA: **split the rows**",
        "> idea: `split the rows`", "## Idea\n\nsplit the rows\nmore", "So.\nIDEA:split the rows"})
    EXPECT_EQ(idea_of_reply(line), "split the rows") << line;
  EXPECT_EQ(idea_of_reply("Ideas are cheap - still. IDEA"), "Ideas are cheap - still.");
}

TEST(Idea, ElseItIsTheFirstSentence) {
  EXPECT_EQ(idea_of_reply("Here is the kernel:\n\n**Each warp** takes\ntwo rows, 1.5x fewer. Then more.\n"),
            "Each warp** takes two rows, 1.5x fewer.");
  EXPECT_EQ(idea_of_reply(""), "");
  EXPECT_EQ(idea_of_reply("Here it is:"), "");
}

TEST(Idea, OfEditsIsWhatStandsAroundThem) {
  const std::string edits = "```diff\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```\nFewer loads.\n";
  const std::string diff = "Fewer loads.\n\ndiff --git a/k b/k\n@@ -1 +1 @@\n-a\n+b\n";
  for (const std::string& reply : {edits, diff}) {
    auto parsed = parse_reply(reply);
    ASSERT_TRUE(parsed) << parsed.error().reason;
    EXPECT_EQ(parsed->idea, "Fewer loads.") << reply;
  }
}

TEST(Idea, OfTheCodeOrTheThinkingIsTheLastChoice) {
  auto parsed = parse_reply("<think>IDEA: draft</think>\n```cuda\n// IDEA: in code\n/*@plan*/ int x;\n```");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->idea, "in code");
}

TEST(Idea, IsOneBoundedPrintableLine) {
  const std::string idea = idea_of_reply("IDEA: \x1b[31m" + std::string(500, 'x'));
  EXPECT_LE(idea.size(), kMaxReplyIdeaBytes + 6);
  EXPECT_EQ(idea.substr(0, 6), "[31mxx");
  EXPECT_TRUE(idea.ends_with(" [cut]"));
}

TEST(Research, LessonsAndDirectionsAreCollected) {
  auto research = parse_research(
      "<think>LESSON: draft</think>\nSummary.\n\nLESSON: a\n- **LESSON 2:** b\n2. Direction: c\n* DIRECTION "
      "- d\n"
      "```\nLESSON: e\n```\n## Directions:\n- f\n- g\n\nOther list:\n- no\n");
  ASSERT_TRUE(research);
  EXPECT_EQ(research->lessons, (std::vector<std::string>{"a", "b", "e"}));
  EXPECT_EQ(research->directions, (std::vector<std::string>{"c", "d", "f", "g"}));
}

TEST(Research, IsBounded) {
  std::string reply;
  for (int i = 0; i < 20; ++i) reply += "LESSON: " + std::string(1000, 'x') + "\x07\n";
  auto research = parse_research(reply);
  ASSERT_TRUE(research);
  EXPECT_EQ(research->lessons.size(), kMaxResearchItems);
  EXPECT_LE(research->lessons[0].size(), kMaxResearchBytes + 6);
}

TEST(Research, WithoutAnyIsAProblem) {
  auto research = parse_research("Nothing to say. LESSON:\n");
  ASSERT_FALSE(research);
  EXPECT_NE(research.error().reason.find("LESSON: or DIRECTION:"), std::string::npos);
  EXPECT_FALSE(parse_research("<think>LESSON: a"));
}

}  // namespace
}  // namespace warpwright::prompt
