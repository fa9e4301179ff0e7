// What a model thought is never taken for what it answered.
#include <gtest/gtest.h>

#include "src/prompt/clean_reply.h"
#include "src/prompt/reply.h"

namespace warpwright::prompt {
namespace {

const std::string kAnswer = "```cuda\n/*@plan*/ __global__ void answer();\n```\n";
const std::string kDraft = "```cuda\n/*@plan*/ __global__ void draft();\n```\n";
const std::string kAnswered = "/*@plan*/ __global__ void answer();\n";

std::string source_of(std::string_view reply) {
  auto candidate = read_candidate(reply, "parent\n");
  return candidate ? candidate->source : "problem: " + candidate.error().reason;
}

TEST(Thinking, TaggedDraftsAreLeftOut) {
  const std::pair<const char*, const char*> tags[] = {{"<think>", "</think>"},
                                                      {"<thinking>", "</thinking>"},
                                                      {"<Think>", "</THINK>"},
                                                      {"<thinking budget=\"9\">", "</thinking>"},
                                                      {"<think>", "</thinking>"},
                                                      {"<reasoning>", "</reasoning>"},
                                                      {"[THINK]", "[/THINK]"},
                                                      {"<|begin_of_thought|>", "<|end_of_thought|>"},
                                                      {"<|channel>thought", "<channel|>"}};
  for (const auto& [open, close] : tags) {
    for (const std::string& draft :
         {kDraft, std::string("```cuda\nnever closed\n"), std::string("~~~ <think>")}) {
      EXPECT_EQ(source_of(std::string(open) + "\n" + draft + close + "\n\n" + kAnswer), kAnswered)
          << open << draft;
      EXPECT_EQ(source_of("Well.\n" + std::string(open) + draft + close + kAnswer), kAnswered)
          << open << draft;
      EXPECT_EQ(source_of(kAnswer + open + "\n" + kDraft + close), kAnswered) << open;
    }
  }
}

TEST(Thinking, TheOpeningTagMayStandInThePrompt) {
  EXPECT_EQ(source_of("Hm.\n" + kDraft + "</think>\n" + kAnswer), kAnswered);
  EXPECT_EQ(source_of("Hm.\n```cuda\nnever closed\n</think>\n" + kAnswer), kAnswered);
  EXPECT_EQ(source_of("<think>a<think>b</think>" + kDraft + "</think>" + kAnswer), kAnswered);
}

TEST(Thinking, ThinkingThatNeverEndsIsNoAnswer) {
  for (const std::string& reply : {"<think>\n" + kDraft, "Hm <thinking> " + kDraft, "[THINK]" + kDraft})
    EXPECT_EQ(source_of(reply), "problem: the reply ends inside its thinking: the answer has to follow it")
        << reply;
  EXPECT_NE(source_of(kDraft + "</think>\n").find("no code block"), std::string::npos);
}

TEST(Thinking, TheChannelsOfGptOssAreToldApart) {
  EXPECT_EQ(source_of("<|channel|>analysis<|message|>Hm.\n" + kDraft +
                      "<|end|><|start|>assistant<|channel|>final<|message|>" + kAnswer + "<|return|>"),
            kAnswered);
  EXPECT_EQ(source_of("<|channel|>analysis\n" + kDraft + "<|channel|>commentary<|message|>" + kDraft +
                      "<|end|><|channel|>final<|constrain|>text<|message|>\n" + kAnswer),
            kAnswered);
  EXPECT_EQ(source_of("analysisWe need a kernel.\n" + kDraft + "assistantfinal" + kAnswer), kAnswered);
  EXPECT_EQ(source_of("<|channel|>analysis<|message|>" + kDraft),
            "problem: the reply ends inside its thinking: the answer has to follow it");
}

TEST(Thinking, WordsAboutThinkingAndComparisonsOfCodeStay) {
  const std::string reply = "I left `<think>` out, as you can think.\n" + kAnswer;
  EXPECT_EQ(source_of(reply), kAnswered);
  const std::string code = "/*@plan*/ __global__ void k() { bool b = a <think> c; } // </think>\n";
  EXPECT_EQ(source_of("```cuda\n" + code + "```"), code);
  EXPECT_EQ(source_of("<<<<<<< SEARCH\nparent\n=======\na[THINK] = 2;\n>>>>>>> REPLACE\n"),
            "a[THINK] = 2;\n");
}

TEST(Thinking, LineNumbersStayThoseOfTheReply) {
  EXPECT_EQ(
      source_of("<think>\na\nb\n</think>\n```cuda\nint x;"),
      "problem: the code block opened on line 5 of the reply is not closed: the reply was cut short, or a "
      "closing ``` line is missing");
}

TEST(Cleaning, CleaningTwiceIsCleaningOnce) {
  for (const std::string reply :
       {"<th<think>x</think>ink> a", "</think></think>", "a<think>b</think>```\n<think>",
        "``` <think>x</think>\nanalysis", "</think>analysis b assistantfinal c",
        "<|cha<|end|>nnel|>x<|channel|>y", "\r\xe2\x80\x8b\r\n"}) {
    auto once = clean_reply(reply);
    ASSERT_TRUE(once);
    auto twice = clean_reply(once->text);
    ASSERT_TRUE(twice);
    EXPECT_EQ(once->text, twice->text) << reply;
    EXPECT_TRUE(twice->repairs.empty()) << reply;
  }
}

}  // namespace
}  // namespace warpwright::prompt
