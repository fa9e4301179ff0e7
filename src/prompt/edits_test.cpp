// Edits of the parent: what is proof enough of the place that is meant, and what a refusal tells.
#include <gtest/gtest.h>

#include "src/prompt/reply.h"

namespace warpwright::prompt {
namespace {

using Kind = events::ProposalFailed::Kind;

constexpr std::string_view kSource =
    "// kernel\n"
    "__global__ void k(float* x) {\n"
    "  const int i = threadIdx.x;\n"
    "  x[i] = 1.0f;\n"
    "  x[i] = 1.0f;\n"
    "\n"
    "  if (i < 3) {\n"
    "    x[i] += 2;\n"
    "  }\n"
    "}\n";

std::string edit_text(std::string_view search, std::string_view replace) {
  return "<<<<<<< SEARCH\n" + std::string(search) + "=======\n" + std::string(replace) + ">>>>>>> REPLACE\n";
}

// The source with one text replaced.
std::string with(std::string_view from, std::string_view to) {
  std::string source(kSource);
  source.replace(source.find(from), from.size(), to);
  return source;
}

std::string edited(const std::string& reply) {
  auto candidate = read_candidate(reply, kSource);
  return candidate ? candidate->source : "problem: " + candidate.error().reason;
}

void expect_problem(const std::string& reply, Kind kind, std::string_view reason) {
  auto candidate = read_candidate(reply, kSource);
  ASSERT_FALSE(candidate) << candidate->source;
  EXPECT_EQ(candidate.error().kind, kind) << candidate.error().reason;
  EXPECT_NE(candidate.error().reason.find(reason), std::string::npos) << candidate.error().reason;
}

TEST(Edits, EveryBlockIsAppliedOnceToTheOriginal) {
  const std::string reply = "First:\n```diff\n" +
                            edit_text("  const int i = threadIdx.x;\n", "  const int i = 0;\n") +
                            "```\nthen\n" + edit_text("// kernel\n", "// better\n// kernel\n");
  std::string expected = with("threadIdx.x", "0");
  EXPECT_EQ(edited(reply), "// better\n" + expected);
  EXPECT_EQ(edited(edit_text("// kernel\n", "")), with("// kernel\n", ""));
  expect_problem(edit_text("// kernel\n", "// a\n") + edit_text("// a\n", "// b\n"), Kind::kDiffRefused,
                 "does not occur");
}

TEST(Edits, MarkersAreUnderstoodAsModelsWriteThem) {
  const std::string expected = with("// kernel", "// new");
  for (const char* reply : {
           "<<<<<<< ORIGINAL\n// kernel\n=======\n// new\n>>>>>>> UPDATED\n",
           "<<<<<<< HEAD\n// kernel\n=======\n// new\n>>>>>>> feature/x\n",
           "------- SEARCH\n// kernel\n=======\n// new\n+++++++ REPLACE\n",
           "<<<<<<<< search\n// kernel\n========\n// new\n>>>>>>>>\n",
           "<<<<< SEARCH\n// kernel\n=====\n// new\n>>>>> REPLACE\n",
           "  <<<<<<< SEARCH (kernel.cu, line 1)\n  // kernel\n  ======= \n  // new\n  >>>>>>> REPLACE, "
           "done.\n",
           "<<<<<<< SEARCH\n```cuda\n// kernel\n```\n=======\n```cuda\n// new\n```\n>>>>>>> REPLACE\n",
           "```cuda\n<<<<<<< SEARCH\n// kernel\n=======\n// new\n>>>>>>> REPLACE```\n",
           "```\n<<<<<<< SEARCH\n// kernel\n```\n=======\n```\n// new\n>>>>>>> REPLACE\n```\n",
           "&lt;&lt;&lt;&lt;&lt;&lt;&lt; SEARCH\n// kernel\n=======\n// new\n&gt;&gt;&gt;&gt;&gt;&gt;&gt; "
           "REPLACE\n",
       })
    EXPECT_EQ(edited(reply), expected) << reply;
}

TEST(Edits, LinesOfEqualSignsInTheCodeAreToldFromTheDivider) {
  EXPECT_EQ(edited("<<<<<<< SEARCH\n// kernel\n=======\n/*\n=====================\n*/\n>>>>>>> REPLACE\n"),
            with("// kernel", "/*\n=====================\n*/"));
  expect_problem("<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE\n", Kind::kDiffRefused,
                 "two ======= lines");
}

TEST(Edits, ABlockThatIsNotWholeIsRefused) {
  const char* replies[][2] = {
      {"<<<<<<< SEARCH\n// kernel\n=======\n// b\n", "no >>>>>>> REPLACE"},
      {"<<<<<<< SEARCH\n// kernel\n>>>>>>> REPLACE\n", "no ======="},
      {"<<<<<<< SEARCH\na\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE\n", "no >>>>>>> REPLACE"},
      {"<<<<<<< SEARCH\n// kernel\n=======\n// b\n>>>>>>> REPLACE\n=======\nc\n>>>>>>> REPLACE\n",
       "REPLACE on line 8 of the reply has no <<<<<<< SEARCH"},
      {"<<<<<<< SEARCH int x;\n// kernel\n=======\n// b\n>>>>>>> REPLACE\n", "code behind a marker"},
      {"<<<<<<< SEARCH\n// kernel\n=======\n// b\n>>>>>>> REPLACE\n```cuda\n",
       "fence on line 6 of the reply has no counterpart"},
  };
  for (const auto& [reply, reason] : replies) expect_problem(reply, Kind::kDiffRefused, reason);
}

TEST(Edits, SpaceMayDifferWhereThePlaceIsUnique) {
  EXPECT_EQ(edited(edit_text("// kernel  \n", "// new\n")), with("// kernel", "// new"));
  // Without the indentation of the source: the replacement gets it.
  EXPECT_EQ(edited(edit_text("if (i < 3) {\n  x[i] += 2;\n}\n", "if (i < 4) {\n  x[i] += 3;\n\n}\n")),
            with("  if (i < 3) {\n    x[i] += 2;\n  }\n", "  if (i < 4) {\n    x[i] += 3;\n\n  }\n"));
  // Indented more than the source: it is taken away.
  EXPECT_EQ(edited(edit_text("      if (i < 3) {\n        x[i] += 2;\n", "      if (i < 4) {\n  y;\n")),
            with("  if (i < 3) {\n    x[i] += 2;\n", "  if (i < 4) {\ny;\n"));
  // Other spacing, blank lines: the replacement stays as it is.
  EXPECT_EQ(edited(edit_text("\n  const  int i=threadIdx.x;\n\n", "  int i = 1;\n")),
            with("  const int i = threadIdx.x;\n", "  int i = 1;\n"));
  auto candidate = read_candidate(edit_text("if (i < 3) {\n", "if (i < 4) {\n"), kSource);
  ASSERT_TRUE(candidate);
  EXPECT_EQ(
      candidate->repairs,
      (std::vector<std::string>{"the SEARCH block on line 1 of the reply matched with space left out; its "
                                "replacement was indented alike"}));
}

TEST(Edits, OtherCharactersMayNotDiffer) {
  expect_problem(edit_text("if (i < 3) (\n", "x\n"), Kind::kDiffRefused, "does not occur");
  expect_problem(edit_text("x[i]=1.0f;\n", "x\n"), Kind::kDiffRefused,
                 "occurs 2 times in the source (lines 4, 5, space left out)");
}

TEST(Edits, TypographyOfABlockIsMended) {
  EXPECT_EQ(
      edited(edit_text("\u00a0\u00a0const int i = threadIdx.x;\n", "\u00a0\u00a0const int i = n – 1;\n")),
      with("threadIdx.x", "n - 1"));
}

TEST(Edits, ARefusalShowsEveryMismatchWithTheNearestLines) {
  const std::string reply = edit_text("// kernel\n", "// better\n") +
                            edit_text("  const int i = threadIdx.y;\n  x[i] = 1.0f;\n", "  x[0] = 2;\n") +
                            edit_text("  x[i] = 1.0f;\n", "");
  auto candidate = read_candidate(reply, kSource);
  ASSERT_FALSE(candidate);
  EXPECT_EQ(candidate.error().kind, Kind::kDiffRefused);
  EXPECT_EQ(candidate.error().reason,
            "2 of 3 blocks do not apply, and none was applied; the SEARCH block on line 6 of the reply does "
            "not occur "
            "in the source; nearest lines of the source (* differs; > is the block's line there):\n"
            "*    3 |   const int i = threadIdx.x;\n"
            ">      |   const int i = threadIdx.y;\n"
            "       |                           ^\n"
            "     4 |   x[i] = 1.0f;\n"
            "the SEARCH block on line 12 of the reply occurs 2 times in the source (lines 4, 5); add lines "
            "around it "
            "until it is unique");
}

TEST(Edits, OverlappingAndEmptyBlocksAreRefused) {
  expect_problem(edit_text("// kernel\n__global__ void k(float* x) {\n", "a\n") +
                     edit_text("__global__ void k(float* x) {\n  const int i = threadIdx.x;\n", "b\n"),
                 Kind::kDiffRefused, "overlaps another");
  expect_problem(edit_text("", "x\n"), Kind::kDiffRefused,
                 "no text to search for: to insert lines, search for");
  for (const char* search : {"\n  \n", "\u00a0\n", "\u200b\n"})
    expect_problem(edit_text(search, "x\n"), Kind::kDiffRefused, "no text to search for");
}

TEST(Edits, AnEditWithoutEffectIsUnchanged) {
  expect_problem(edit_text("// kernel\n", "// kernel\n"), Kind::kUnchanged, "its two texts are the same");
  EXPECT_EQ(edited(edit_text("// kernel\n", "// kernel\n") + edit_text("  x[i] = 1.0f;\n\n", "\n")),
            with("  x[i] = 1.0f;\n\n", "\n"));
}

TEST(Edits, WithoutAParentThereIsNothingToEdit) {
  auto candidate = read_candidate(edit_text("a\n", "b\n"), "");
  ASSERT_FALSE(candidate);
  EXPECT_NE(candidate.error().reason.find("the source is empty"), std::string::npos);
}

TEST(Edits, HugeAndRepetitiveTextsAreHandledInTime) {
  std::string source, search;
  for (int i = 0; i < 4000; ++i) source += "  x[" + std::to_string(i) + "] = y[" + std::to_string(i) + "];\n";
  for (int i = 0; i < 4000; ++i) search += "  x[" + std::to_string(i) + "] = z[" + std::to_string(i) + "];\n";
  auto refused = read_candidate(edit_text(search, ""), source);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().reason.find("... 3986 more lines"), std::string::npos);
  std::string same, longer;
  for (int i = 0; i < 200'000; ++i) same += "x;\n";
  for (int i = 0; i < 100'000; ++i) longer += "x;\n";
  EXPECT_FALSE(read_candidate(edit_text(longer + "y;\n", ""), same));
}

TEST(UnifiedDiff, HunksThatMatchExactlyAreApplied) {
  const std::string hunk =
      "--- a/kernel.cu\n+++ b/kernel.cu\n@@ -1,4 +1,4 @@\n // kernel\n __global__ void k(float* x) {\n"
      "-  const int i = threadIdx.x;\n+  const int i = 0;\n   x[i] = 1.0f;\n@@ -8,2 +8,1 @@ void k\n-    "
      "x[i] += 2;\n   }\n";
  std::string expected = with("threadIdx.x", "0");
  expected.erase(expected.find("    x[i] += 2;\n"), 15);
  EXPECT_EQ(edited("Use this:\n```diff\n" + hunk + "```\nDone.\n"), expected);
  EXPECT_EQ(edited("diff --git a/k b/k\nindex 1..2\n" + hunk + "\nDone.\n"), expected);
  EXPECT_EQ(edited("```diff\n-// kernel\n+// new\n```"), with("// kernel", "// new"));
}

TEST(UnifiedDiff, WhatDoesNotMatchExactlyIsRefused) {
  expect_problem("```diff\n@@ -1 +1 @@\n-//  kernel\n+// new\n```", Kind::kDiffRefused,
                 "the diff's hunk on line 2 of the reply does not occur");
  expect_problem("```diff\n@@ -4 +4 @@\n-  x[i] = 1.0f;\n```", Kind::kDiffRefused, "occurs 2 times");
  expect_problem("```diff\n@@ -4 +4 @@\n+int y;\n```", Kind::kDiffRefused, "no text to search for");
  expect_problem("```diff\n@@ -1 +1 @@\n-// kernel\nint y;\n+z\n```", Kind::kDiffRefused,
                 "line 4 of the reply, in a diff, begins neither");
  expect_problem("```diff\n@@ -1 +1 @@\n // kernel\n```", Kind::kDiffRefused, "changes nothing");
}

TEST(UnifiedDiff, BesideAWholeCandidateIsAnExplanation) {
  EXPECT_EQ(edited("```diff\n-a\n+b\n```\n```cuda\n/*@plan*/ __global__ void k();\n```"),
            "/*@plan*/ __global__ void k();\n");
}

}  // namespace
}  // namespace warpwright::prompt
