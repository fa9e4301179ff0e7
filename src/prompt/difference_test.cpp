#include "src/prompt/difference.h"

#include <gtest/gtest.h>

namespace warpwright::prompt {
namespace {

TEST(Difference, ShowsWhatDiffersAndHowMuchIsEqual) {
  const Difference d = difference("a\nb\nc\nd\n", "a\nB\nc \nd\ne\n");
  EXPECT_EQ(d.text, "@@ line 2\n-b\n+B\n@@ line 5\n+e\n");
  EXPECT_DOUBLE_EQ(d.equal_share, 0.6);
  EXPECT_EQ(difference("a\nb\n", "a\nb\n").text, "");
  EXPECT_DOUBLE_EQ(difference("a\nb\n", "a\nb\n").equal_share, 1);
}

TEST(Difference, NothingAndFarTooMuchAreNotEqual) {
  EXPECT_DOUBLE_EQ(difference("", "").equal_share, 0);
  const std::string huge(5000, '\n');
  EXPECT_DOUBLE_EQ(difference(huge, huge).equal_share, 0);
  EXPECT_EQ(difference("", "a\n").text, "@@ line 1\n+a\n");
}

}  // namespace
}  // namespace warpwright::prompt
