#include "src/base/quotable.h"

#include <gtest/gtest.h>

namespace warpwright {
namespace {

TEST(Quotable, KeepsWhatPeopleWrite) {
  EXPECT_EQ(quotable_text("a\tb\nfür 平 \U0001f600", 100), "a\tb\nfür 平 \U0001f600");
  EXPECT_EQ(quotable_line("a\tb\nc", 100), "a b c");
}

TEST(Quotable, TerminalEscapesLoseTheirMeaning) {
  EXPECT_EQ(quotable_text("\x1b[2J\x1b]0;title\x07 ok\r\n\x7f", 100), "[2J]0;title ok\n");
  EXPECT_EQ(quotable_text("\u009b31m\u0085", 100), "31m");
}

TEST(Quotable, NothingTurnsOrHidesTheTextBesideIt) {
  EXPECT_EQ(quotable_text("a\u202eb\u2066c\u200bd\ufeffe\u2028f\U000e0041", 100), "abcdef");
}

TEST(Quotable, BytesThatAreNoCharacterAreShownAsSuch) {
  EXPECT_EQ(quotable_line("a\xff\xc0\x80 \xed\xa0\x80 \xf5\x80", 100), "a??? ??? ??");
  EXPECT_EQ(quotable_line("\xe5\xb9", 100), "??") << "an unfinished character";
}

TEST(Quotable, IsCutBetweenCharacters) {
  EXPECT_EQ(quotable_line("abcdef", 6), "abcdef");
  EXPECT_EQ(quotable_line("abcdef", 5), "abcde [cut]");
  EXPECT_EQ(quotable_line("ab平", 4), "ab [cut]");
}

}  // namespace
}  // namespace warpwright
