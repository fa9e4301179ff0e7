// Replies as models write them: what is taken as the candidate, and what is refused with a reason.
#include "src/prompt/reply.h"

#include <gtest/gtest.h>

#include "src/base/rng.h"

namespace warpwright::prompt {
namespace {

using Kind = events::ProposalFailed::Kind;

const std::string kCode = "/*@plan\nk<<<1, 32>>>(x);\n*/\n__global__ void k(float* x) { x[0] = 1; }\n";
const std::string kFenced = "```cuda\n" + kCode + "```\n";

std::string source_of(std::string_view reply, std::string_view parent = "parent\n") {
  auto candidate = read_candidate(reply, parent);
  return candidate ? candidate->source : "problem: " + candidate.error().reason;
}
std::string repairs_of(std::string_view reply, std::string_view parent = "parent\n") {
  auto candidate = read_candidate(reply, parent);
  if (!candidate) return "problem: " + candidate.error().reason;
  std::string all;
  for (const std::string& repair : candidate->repairs) all += repair + "\n";
  return all;
}
void expect_problem(std::string_view reply, Kind kind, std::string_view reason,
                    std::string_view parent = "parent\n") {
  auto candidate = read_candidate(reply, parent);
  ASSERT_FALSE(candidate) << candidate->source;
  EXPECT_EQ(candidate.error().kind, kind);
  EXPECT_NE(candidate.error().reason.find(reason), std::string::npos) << candidate.error().reason;
}

TEST(Rewrite, TheFencedBlockIsTheCandidate) {
  for (const char* info : {"cuda",
                           "cu",
                           "cpp",
                           "c++",
                           "c",
                           "",
                           "CUDA",
                           "Cuda",
                           "cuda-cpp",
                           "cuda_c++",
                           "CUDA-C++",
                           "cuda title=k.cu",
                           "{.cuda .numberLines}",
                           "cuda{1,3}",
                           "language-cuda",
                           "kernel.cu",
                           "src/kernel.cu",
                           "cuda:kernel.cu",
                           "title=\"kernel.cu\"",
                           " cuda ",
                           "text"}) {
    EXPECT_EQ(source_of(std::string("Here it is:\n\n```") + info + "\n" + kCode + "```\nEnjoy.\n"), kCode)
        << info;
  }
  EXPECT_EQ(source_of("~~~cuda\n" + kCode + "~~~"), kCode);
  EXPECT_EQ(source_of("```cuda " + kCode + "```"), kCode) << "code on the line of the fence";
}

TEST(Rewrite, AnIndentedFenceTakesItsIndentationFromTheCode) {
  EXPECT_EQ(source_of("1. so:\n   ```cuda\n   /*@plan p; */\n     __global__ void k();\n x\n   ```"),
            "/*@plan p; */\n  __global__ void k();\nx\n");
}

TEST(Rewrite, WindowsAndOldLineEndsAreUnderstood) {
  EXPECT_EQ(source_of("```cuda\r\n/*@plan*/ int x;\r\nint y;\r\r\n```\r\n"), "/*@plan*/ int x;\nint y;\n");
  EXPECT_EQ(source_of("```cuda\r/*@plan*/ int x;\r```"), "/*@plan*/ int x;\n");
}

TEST(Rewrite, OtherLanguagesAndInlineCodeAreProse) {
  EXPECT_EQ(source_of("```bash\nnvcc k.cu\n```\nUse ```cuda``` or\n```x``` fences:\n" + kFenced), kCode);
  EXPECT_EQ(source_of("```python\nsource = '''\n" + kCode + "'''\n```\n" + kFenced), kCode);
}

TEST(Rewrite, FencesInsideTheCodeAreNotItsEnd) {
  EXPECT_EQ(source_of("````cuda\n// ```\n/*@plan*/ int x;\n```\n````\n"), "// ```\n/*@plan*/ int x;\n```\n");
  const std::string commented = "/* layout:\n```\na b\n```\n*/\n" + kCode;
  EXPECT_EQ(source_of("```cuda\n" + commented + "```\n"), commented);
  const std::string named = "/* layout:\n```text\na b\n```\n*/\n" + kCode;
  EXPECT_EQ(source_of("```cuda\n" + named + "```\nDone.\n"), named);
  EXPECT_EQ(source_of("```\nls src/*\n```\nthen\n" + kFenced), kCode) << "no comment, but a shell's pattern";
}

TEST(Rewrite, HeadingsDrawnWithDashesAreNoMarkers) {
  EXPECT_EQ(source_of("------- Search strategy -------\n" + kFenced), kCode);
}

TEST(Rewrite, AWrapperOfMarkdownIsLookedThrough) {
  EXPECT_EQ(source_of("```markdown\n# Answer\n" + kFenced + "```\n"), kCode);
  EXPECT_EQ(source_of("```markdown\n# Answer\n" + kFenced), kCode);
}

TEST(Rewrite, OfSeveralBlocksTheOneWithPlanAndKernelCounts) {
  EXPECT_EQ(source_of("```cuda\nhelper\n```\n" + kFenced + "```cpp\nfoo();\n```\n"), kCode);
  EXPECT_EQ(source_of(kFenced + "Again, in full:\n" + kFenced), kCode) << "the same block twice";
  EXPECT_EQ(source_of("```plan\nq<<<1, 1>>>();\n```\n" + kFenced), kCode) << "the plan explained";
  expect_problem("```cuda\na\n```\n```cpp\nb\n```\n", Kind::kNoCode,
                 "(blocks on lines 1, 4) has no launch plan");
  expect_problem(kFenced + "```\n/*@plan*/ __global__ void other();\n```\n", Kind::kNoCode,
                 "2 code blocks with a launch plan (lines 1, 7)");
}

TEST(Rewrite, PlanAndKernelInTwoBlocksArePutTogether) {
  const std::string reply =
      "```cuda\n/*@plan k<<<1, 32>>>(x); */\n```\nand\n```cuda\n__global__ void k(float* x) {}\n```";
  EXPECT_EQ(source_of(reply), "/*@plan k<<<1, 32>>>(x); */\n__global__ void k(float* x) {}\n");
  EXPECT_NE(repairs_of(reply).find("the plan on line 1 put before the kernel on line 5"), std::string::npos);
}

TEST(Rewrite, WithoutAPlanItIsNoCandidate) {
  expect_problem("```cuda\n__global__ void k() {}\n```", Kind::kNoCode,
                 "(block on line 1) has no launch plan");
  expect_problem("```cuda\nconst char* s = \"/*@plan*/\";\n__global__ void k() {}\n```", Kind::kNoCode,
                 "has no launch plan");
}

TEST(Rewrite, NoBlockAnEmptyOrACutBlockAreRefused) {
  expect_problem("", Kind::kNoCode, "no code block");
  expect_problem("I cannot do that.", Kind::kNoCode, "no code block");
  expect_problem("```cuda\n\n  \n```", Kind::kNoCode, "no code block");
  expect_problem("```python\nx\n```", Kind::kNoCode, "no code block");
  expect_problem("text\n```cuda\n" + kCode, Kind::kNoCode, "opened on line 2 of the reply is not closed");
  expect_problem(kFenced + "and also\n```\nint y", Kind::kNoCode, "opened on line 8");
  expect_problem("```cuda\nint x;\n\nBetter:\n" + kFenced, Kind::kNoCode, "opened on line 1");
}

TEST(Rewrite, AFenceBehindTheLastLineOfCodeClosesTheBlock) {
  const std::string glued = "```cuda\n" + kCode.substr(0, kCode.size() - 1) + "```\nDone.\n";
  EXPECT_EQ(source_of(glued), kCode);
  EXPECT_NE(repairs_of(glued).find("fence behind the code on line 5"), std::string::npos);
}

TEST(Rewrite, CodeWithoutFenceIsTakenIfItIsEvidentlyOneWholeCandidate) {
  EXPECT_EQ(source_of("IDEA: none\n\n" + kCode + "\nThis should be faster.\n"), kCode);
  EXPECT_EQ(source_of("Here:\n" + kCode + "```\n"), kCode) << "only the closing fence";
  expect_problem(kCode + "__global__ void cut() {\n  x[0] = 1;\n", Kind::kNoCode,
                 "stands in no fence and does not end");
  expect_problem("/*@plan */ and __global__ in prose\n", Kind::kNoCode, "no code block");
}

TEST(Rewrite, TheParentAgainIsNotACandidate) {
  expect_problem(kFenced, Kind::kUnchanged, "changes nothing", kCode);
  expect_problem("```cuda\n" + kCode.substr(0, kCode.size() - 1) + "  \n\n```", Kind::kUnchanged,
                 "changes nothing", kCode);
}

TEST(Characters, TypographyInCodeBecomesAsciiAndStaysInCommentsAndLiterals) {
  const std::string reply =
      "```cuda\n/*@plan k<<<n – 1, 32>>>(x); // “quoted” */\n__global__ void k() {\u00a0int a = b − 1； // "
      "it’s – “x”\n"
      "  printf(“a – b”); printf(\"“–”\"); char c = ‘x’;\n}\n```";
  EXPECT_EQ(
      source_of(reply),
      "/*@plan k<<<n - 1, 32>>>(x); // “quoted” */\n__global__ void k() { int a = b - 1; // it’s – “x”\n"
      "  printf(\"a – b\"); printf(\"“–”\"); char c = 'x';\n}\n");
  const std::string repairs = repairs_of(reply);
  for (const char* text :
       {"typographic quotes in the code made ASCII: 4", "typographic dashes in the code made ASCII: 2",
        "non-ASCII spaces in the code made ASCII: 1", "full-width signs in the code made ASCII: 1"})
    EXPECT_NE(repairs.find(text), std::string::npos) << repairs;
}

TEST(Characters, WhatNobodySeesIsRemoved) {
  const std::string reply = "\xef\xbb\xbf```cuda\n/*@plan*/ in\u200bt x\xe2\x80\xae;\ufeff\n" +
                            std::string(1, '\0') + "// \xff\n```";
  EXPECT_EQ(source_of(reply), "/*@plan*/ int x;\n// ?\n");
  EXPECT_EQ(repairs_of(reply),
            "bytes that are not UTF-8 made '?': 1\ncontrol characters (such as NUL) removed: 1\n"
            "characters without width removed: 3\n");
}

TEST(Characters, EscapedHtmlIsDecodedOnlyIfTheCodeCannotBeMeant) {
  const std::string escaped =
      "/*@plan\nk&lt;&lt;&lt;1, 32&gt;&gt;&gt;(x);\n*/\n__global__ void k(float* x) { x[0] = 1 &amp;&amp; x; "
      "}\n";
  EXPECT_EQ(source_of("```cuda\n" + escaped + "```"),
            "/*@plan\nk<<<1, 32>>>(x);\n*/\n__global__ void k(float* x) { x[0] = 1 && x; }\n");
  const std::string meant = "/*@plan k<<<1, 1>>>(); */ __global__ void k() { f(&lt;); }\n";
  EXPECT_EQ(source_of("```cuda\n" + meant + "```"), meant);
}

TEST(Characters, AHugeReplyIsRefused) {
  expect_problem(std::string((1 << 20) + 1, 'x'), Kind::kNoCode, "more than the 1024 KiB");
}

TEST(Plan, ANewPlanKeepsTheParentsDeviceCode) {
  const std::string parent = "// about\n" + kCode;
  const std::string expected =
      "// about\n/*@plan\nk<<<2, 64>>>(x);\n*/\n" + kCode.substr(kCode.find("__global__"));
  EXPECT_EQ(source_of("IDEA: wider\n```plan\nk<<<2, 64>>>(x);\n```", parent), expected);
  EXPECT_EQ(source_of("```plan\n/*@plan\nk<<<2, 64>>>(x);\n*/\n```", parent), expected);
  EXPECT_EQ(source_of("```cuda\n// wider\n/*@plan\nk<<<2, 64>>>(x);\n*/\n```", parent), expected);
  EXPECT_TRUE(plan_only_change(expected, parent));
  expect_problem("```plan\nk<<<2, 64>>>(x); */ int x;\n```", Kind::kNoCode, "plans have // comments only",
                 parent);
  expect_problem("```plan\na\n```\n```plan\nb\n```", Kind::kNoCode, "2 launch plans (lines 1, 4)", parent);
  expect_problem("```plan\nk<<<2, 64>>>(x);\n```", Kind::kNoCode, "no device code", "");
}

TEST(Plan, OnlyItsTextMayDiffer) {
  const std::string other = "/*@plan\nk<<<1, 64>>>(x);\n*/\n" + kCode.substr(kCode.find("__global__"));
  EXPECT_TRUE(plan_only_change(other, kCode));
  EXPECT_FALSE(plan_only_change(kCode, kCode));
  EXPECT_FALSE(plan_only_change(other + "// more\n", kCode));
  EXPECT_FALSE(plan_only_change("// \"/*@plan*/\"\n" + kCode, "// \"/*@plan 2*/\"\n" + kCode));
  EXPECT_FALSE(plan_only_change("int x;\n", "int x;\n"));
}

TEST(Plan, ItsOperatorRefusesAnyOtherChange) {
  const std::string parent = "// about  \n" + kCode;
  const std::string plan = "/*@plan\nk<<<2, 64>>>(x);\n*/\n", device = kCode.substr(kCode.find("__global__"));
  for (const std::string& reply :
       {"```plan\n" + plan + "```", "```cuda\n// about\n" + plan + device + "\n```",
        std::string("<<<<<<< SEARCH\nk<<<1, 32>>>(x);\n=======\nk<<<2, 64>>>(x);\n"
                    ">>>>>>> REPLACE\n")}) {
    auto candidate = read_plan_change(reply, parent);
    ASSERT_TRUE(candidate) << candidate.error().reason;
    EXPECT_EQ(candidate->source, "// about  \n" + plan + device) << reply;
  }
  auto more = read_plan_change("```cuda\n" + plan + device + "// more\n```", parent);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, Kind::kDiffRefused);
  EXPECT_NE(more.error().reason.find("more than the launch plan"), std::string::npos);
}

TEST(Reply, CutAndScrambledRepliesNeverCrash) {
  const std::string parent = "// kernel\n" + kCode;
  const std::string whole = "text `x`\n<<<<<<< SEARCH\n// kernel\n=======\n// b\n>>>>>>> REPLACE\n" +
                            kFenced + "~~~\n``\n<think>\n</think>\n";
  for (size_t length = 0; length <= whole.size(); ++length)
    (void)read_candidate(whole.substr(0, length), parent);
  Rng rng(1);
  constexpr std::string_view kParts[] = {"```",        "cuda",
                                         "\n",         "<<<<<<< SEARCH",
                                         "=======",    ">>>>>>> REPLACE",
                                         "~~~",        " ",
                                         "\r\n",       "// kernel",
                                         "/*@plan",    std::string_view("\0", 1),
                                         "\xff\xfe",   "<think>",
                                         "</think>",   "*/",
                                         "__global__", "@@ -1 +1 @@",
                                         "-",          "+",
                                         "IDEA:",      "&lt;",
                                         "“",          "<|channel|>",
                                         "analysis",   "<|message|>"};
  for (int round = 0; round < 20000; ++round) {
    std::string reply;
    for (uint64_t i = rng.below(24); i > 0; --i) {
      reply += kParts[rng.below(std::size(kParts))];
      if (rng.below(2) == 0) reply += '\n';
    }
    auto candidate = read_candidate(reply, parent);
    EXPECT_TRUE(candidate || !candidate.error().reason.empty());
    auto research = parse_research(reply);
    EXPECT_TRUE(research || !research.error().reason.empty());
  }
}

}  // namespace
}  // namespace warpwright::prompt
