// Replies as models write them: what is taken, and what is refused with a reason.
#include "src/prompt/reply.h"

#include <gtest/gtest.h>

#include "src/base/rng.h"

namespace warpwright::prompt {
namespace {

using Kind = events::ProposalFailed::Kind;

std::string rewrite_of(std::string_view reply) {
  auto content = parse_reply(reply);
  if (!content) return "problem: " + content.error().reason;
  const auto* rewrite = std::get_if<Rewrite>(&*content);
  return rewrite ? rewrite->source : "edits";
}

void expect_problem(std::string_view reply, Kind kind, std::string_view reason) {
  auto candidate = candidate_from_reply(reply, "parent\n");
  ASSERT_FALSE(candidate) << *candidate;
  EXPECT_EQ(candidate.error().kind, kind);
  EXPECT_NE(candidate.error().reason.find(reason), std::string::npos) << candidate.error().reason;
}

TEST(Rewrite, TheFencedBlockIsTheCandidate) {
  for (const char* language : {"cuda", "cu", "cpp", "c++", "c", "", "CUDA", "cuda title=k.cu"}) {
    EXPECT_EQ(rewrite_of(std::string("Here it is:\n\n```") + language + "\nint x;\n```\nEnjoy.\n"),
              "int x;\n")
        << language;
  }
  EXPECT_EQ(rewrite_of("~~~cuda\nint x;\n~~~"), "int x;\n");
  EXPECT_EQ(rewrite_of("1. so:\n   ```cuda\n   int x;\n   ```"), "   int x;\n");
}

TEST(Rewrite, WindowsLineEndsAreUnderstood) {
  EXPECT_EQ(rewrite_of("```cuda\r\nint x;\r\n```\r\n"), "int x;\n");
}

TEST(Rewrite, OtherLanguagesAndInlineCodeAreProse) {
  EXPECT_EQ(rewrite_of("```bash\nnvcc k.cu\n```\nUse ```cuda``` or\n```x``` fences:\n```cuda\nint x;\n```\n"),
            "int x;\n");
}

TEST(Rewrite, ALongerFenceHoldsShorterOnes) {
  EXPECT_EQ(rewrite_of("````cuda\n// ```\nint x;\n```\n````\n"), "// ```\nint x;\n```\n");
}

TEST(Rewrite, OfSeveralBlocksTheOneWithThePlanCounts) {
  EXPECT_EQ(rewrite_of("```cuda\nhelper\n```\n```cuda\n/*@plan\n*/\n```\n"), "/*@plan\n*/\n");
  expect_problem("```cuda\na\n```\n```cpp\nb\n```\n", Kind::kNoCode,
                 "holds 2 code blocks (lines 1, 4), 0 with a launch plan");
  expect_problem("```\n/*@plan 1*/\n```\n```\n/*@plan 2*/\n```\n", Kind::kNoCode, "2 with a launch plan");
}

TEST(Rewrite, NoBlockAnEmptyOrACutBlockAreRefused) {
  expect_problem("", Kind::kNoCode, "no code block");
  expect_problem("I cannot do that.", Kind::kNoCode, "no code block");
  expect_problem("```cuda\n\n  \n```", Kind::kNoCode, "no code block");
  expect_problem("```python\nx\n```", Kind::kNoCode, "no code block");
  expect_problem("text\n```cuda\nint x;\n", Kind::kNoCode, "opened on line 2 of the reply is not closed");
  expect_problem("```cuda\nint x;\n```\nand also\n```\nint y", Kind::kNoCode, "opened on line 5");
}

TEST(Rewrite, TheParentAgainIsNotACandidate) {
  expect_problem("```cuda\nparent\n```", Kind::kUnchanged, "changes nothing");
  expect_problem("```cuda\nparent   \n```", Kind::kUnchanged, "changes nothing");
}

constexpr std::string_view kSource =
    "// kernel\n"
    "__global__ void k(float* x) {\n"
    "  const int i = threadIdx.x;\n"
    "  x[i] = 1.0f;\n"
    "  x[i] = 1.0f;\n"
    "}\n";

std::string edit_text(std::string_view search, std::string_view replace) {
  return "<<<<<<< SEARCH\n" + std::string(search) + "=======\n" + std::string(replace) + ">>>>>>> REPLACE\n";
}

std::string edited(const std::string& reply) {
  auto candidate = candidate_from_reply(reply, kSource);
  return candidate ? *candidate : "problem: " + candidate.error().reason;
}

TEST(Edits, EveryBlockIsAppliedOnceToTheOriginal) {
  const std::string reply = "First:\n```diff\n" +
                            edit_text("  const int i = threadIdx.x;\n", "  const int i = 0;\n") +
                            "```\nthen\n" + edit_text("// kernel\n", "// better\n// kernel\n");
  EXPECT_EQ(edited(reply),
            "// better\n// kernel\n__global__ void k(float* x) {\n  const int i = 0;\n  x[i] = 1.0f;\n  x[i] "
            "= 1.0f;\n}\n");
}

TEST(Edits, LinesCanBeRemoved) {
  EXPECT_EQ(edited(edit_text("// kernel\n", "")).substr(0, 10), "__global__");
}

TEST(Edits, SpaceAtTheEndOfLinesDoesNotMatter) {
  EXPECT_EQ(edited(edit_text("// kernel  \r\n", "// new\n")).substr(0, 6), "// new");
}

TEST(Edits, WhatABlockInsertsIsNotSearchedByTheNext) {
  const std::string reply = edit_text("// kernel\n", "// a\n") + edit_text("// a\n", "// b\n");
  EXPECT_NE(edited(reply).find("does not occur"), std::string::npos);
}

TEST(Edits, AnUnmatchedBlockShowsTheNearestLinesAndNothingIsApplied) {
  const std::string reply = edit_text("// kernel\n", "// better\n") +
                            edit_text("  const int i = threadIdx.y;\n  x[i] = 1.0f;\n", "  x[0] = 2;\n");
  auto candidate = candidate_from_reply(reply, kSource);
  ASSERT_FALSE(candidate);
  EXPECT_EQ(candidate.error().kind, Kind::kDiffRefused);
  EXPECT_EQ(
      candidate.error().reason,
      "the SEARCH block on line 6 of the reply does not occur in the source; nearest lines of the source "
      "(* differs):\n*    3 |   const int i = threadIdx.x;\n     4 |   x[i] = 1.0f;");
}

TEST(Edits, AnAmbiguousBlockNamesItsPlaces) {
  EXPECT_NE(edited(edit_text("  x[i] = 1.0f;\n", "")).find("occurs 2 times in the source (lines 4, 5)"),
            std::string::npos);
}

TEST(Edits, OverlappingAndEmptyBlocksAreRefused) {
  const std::string overlap =
      edit_text("// kernel\n__global__ void k(float* x) {\n", "a\n") +
      edit_text("__global__ void k(float* x) {\n  const int i = threadIdx.x;\n", "b\n");
  EXPECT_NE(edited(overlap).find("overlaps another"), std::string::npos);
  EXPECT_NE(edited(edit_text("", "x\n")).find("no text to search for"), std::string::npos);
  EXPECT_NE(edited(edit_text("\n  \n", "x\n")).find("no text to search for"), std::string::npos);
}

TEST(Edits, ABlockThatIsNotWholeIsRefused) {
  EXPECT_NE(edited("<<<<<<< SEARCH\n// kernel\n=======\n// b\n").find("no >>>>>>> REPLACE"),
            std::string::npos);
  EXPECT_NE(edited("<<<<<<< SEARCH\n// kernel\n>>>>>>> REPLACE\n").find("no ======="), std::string::npos);
  EXPECT_NE(edited("<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE\n").find("two ======="),
            std::string::npos);
  EXPECT_NE(edited("<<<<<<< SEARCH\na\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE\n")
                .find("no >>>>>>> REPLACE"),
            std::string::npos);
}

TEST(Edits, AnEditWithoutEffectIsUnchanged) {
  auto candidate = candidate_from_reply(edit_text("// kernel\n", "// kernel\n"), kSource);
  ASSERT_FALSE(candidate);
  EXPECT_EQ(candidate.error().kind, Kind::kUnchanged);
}

TEST(Edits, WithoutAParentThereIsNothingToEdit) {
  auto candidate = candidate_from_reply(edit_text("a\n", "b\n"), "");
  ASSERT_FALSE(candidate);
  EXPECT_NE(candidate.error().reason.find("the source is empty"), std::string::npos);
}

TEST(Reply, CutAndScrambledRepliesNeverCrash) {
  const std::string whole =
      "text `x`\n" + edit_text("// kernel\n", "// b\n") + "```cuda\n/*@plan\n*/\n```\n~~~\n``\n";
  for (size_t length = 0; length <= whole.size(); ++length)
    (void)candidate_from_reply(whole.substr(0, length), kSource);
  Rng rng(1);
  constexpr std::string_view kParts[] = {
      "```",  "cuda",      "\n",      "<<<<<<< SEARCH",          "=======", ">>>>>>> REPLACE", "~~~", " ",
      "\r\n", "// kernel", "/*@plan", std::string_view("\0", 1), "\xff\xfe"};
  for (int round = 0; round < 20000; ++round) {
    std::string reply;
    for (uint64_t i = rng.below(24); i > 0; --i) {
      reply += kParts[rng.below(std::size(kParts))];
      if (rng.below(2) == 0) reply += '\n';
    }
    auto candidate = candidate_from_reply(reply, kSource);
    EXPECT_TRUE(candidate || !candidate.error().reason.empty());
  }
}

TEST(Reply, AHugeReplyIsHandledInTime) {
  std::string source, search;
  for (int i = 0; i < 4000; ++i) source += "  x[" + std::to_string(i) + "] = y[" + std::to_string(i) + "];\n";
  for (int i = 0; i < 4000; ++i) search += "  x[" + std::to_string(i) + "] = z[" + std::to_string(i) + "];\n";
  auto refused = candidate_from_reply(edit_text(search, ""), source);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().reason.find("... 3988 more lines"), std::string::npos);
}

}  // namespace
}  // namespace warpwright::prompt
