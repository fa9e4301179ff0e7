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

TEST(Text, MessagesOfOneFactAreOne) {
  const std::vector<FoldedMessage> folded = fold_messages(
      {"k<4, true> (k.cu:31), thread (5, 0, 0): reads 4 bytes at part + 12, which nothing has written",
       "k<8, false> (k.cu:31), thread (9, 0, 0): reads 4 bytes at part + 64, which nothing has written",
       "k<4, true> (k.cu:32), thread (5, 0, 0): reads 4 bytes at part + 12, which nothing has written",
       "k.cu(7): error: 1 < 2 is odd", "k.cu(7): error: 1 < 2 is even", "y[0]: expected 1, got 2",
       "y[1]: expected 1, got 2"});
  ASSERT_EQ(folded.size(), 6u);
  EXPECT_EQ(folded[0].like_it, 1);
  EXPECT_EQ(like_it_text(folded[0].like_it), " [and 1 like it]");
  for (size_t i = 1; i < folded.size(); ++i) EXPECT_EQ(folded[i].like_it, 0) << folded[i].text;
  EXPECT_TRUE(fold_messages({}).empty());
}

TEST(Text, AnIdeaIsCutBehindAWord) {
  EXPECT_EQ(cut_at_word("one two", 7), "one two");
  EXPECT_EQ(cut_at_word("one two three", 9), "one two [cut]");
  EXPECT_LE(cut_at_word(std::string(50, 'x'), 20).size(), 26u);
}

}  // namespace
}  // namespace warpwright::prompt
