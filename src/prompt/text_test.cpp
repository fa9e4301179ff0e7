#include "src/prompt/text.h"

#include <gtest/gtest.h>

namespace warpwright::prompt {
namespace {

TEST(Text, TokensAreBytesOverThreePointTwoRoundedUp) {
  EXPECT_EQ(estimate_tokens(""), 0);
  EXPECT_EQ(estimate_tokens("a"), 1);
  EXPECT_EQ(estimate_tokens(std::string(320, 'a')), 100);
  EXPECT_EQ(estimate_tokens(std::string(321, 'a')), 101);
  for (const int64_t tokens : {0, 1, 7, 99, 1000})
    EXPECT_LE(estimate_tokens(std::string(bytes_of_tokens(tokens), 'a')), tokens);
  EXPECT_EQ(bytes_of_tokens(-5), 0u);
}

TEST(Text, AFenceIsLongerThanAnyInside) {
  EXPECT_EQ(fenced("a", "text"), "```text\na\n```\n");
  EXPECT_EQ(fenced("````\n```", ""), "`````\n````\n```\n`````\n");
}

TEST(Text, AFenceHoldsNothingInvisible) {
  EXPECT_EQ(fenced("a\x1b[31mb\xe2\x80\xae\r\n\xff", "text"), "```text\na[31mb\n?\n```\n");
}

TEST(Text, InlineQuotesCannotBeClosed) {
  EXPECT_EQ(inline_quote("a`b\nc"), "`a'b c`");
  EXPECT_EQ(inline_quote("abcdef", 3), "`abc [cut]`");
}

TEST(Text, CutsKeepWholeLines) {
  const std::string text = "one\ntwo\nthree\nfour\nfive\n";
  EXPECT_EQ(cut_end(text, 100).text, text);
  EXPECT_EQ(cut_end(text, 9).text, "one\ntwo\n");
  EXPECT_EQ(cut_end(text, 9).cut_lines, 3);
  const CutText middle = cut_middle(text, 16);
  EXPECT_EQ(middle.text, "one\ntwo\n[2 lines cut here]\nfive\n");
  EXPECT_EQ(middle.cut_lines, 2);
  EXPECT_EQ(cut_middle(text, 0).cut_lines, 5);
}

TEST(Text, OneEndlessLineDoesNotFillAPrompt) {
  const CutText cut = cut_end(std::string(100'000, 'x') + "\nnext\n", 1000);
  EXPECT_EQ(cut.text, std::string(kMaxQuotedLine, 'x') + " [cut]\nnext\n");
}

}  // namespace
}  // namespace warpwright::prompt
