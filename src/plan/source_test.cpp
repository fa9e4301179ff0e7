// Splitting a candidate's file into units and plan.
#include <gtest/gtest.h>

#include <algorithm>

#include "src/plan/testing.h"

namespace warpwright::plan {
namespace {

std::string split_errors(std::string_view text) {
  const auto source = split_source(text);
  return source ? "" : text_of(source.error());
}

TEST(SplitSourceTest, OneUnnamedUnitIsTheWholeFile) {
  const std::string text = "// head\n/*@plan gdn<<<1, 32>>>(); */\n__global__ void gdn() {}\n";
  const auto source = split_source(text);
  ASSERT_TRUE(source);
  ASSERT_EQ(source->units.size(), 1u);
  EXPECT_EQ(source->units[0].name, "");
  EXPECT_EQ(source->units[0].text, text);
  EXPECT_EQ(source->plan_text, " gdn<<<1, 32>>>(); ");
  EXPECT_EQ(source->plan_at.line, 2);
  EXPECT_EQ(source->plan_at.column, 8);
}

TEST(SplitSourceTest, UnitsKeepTheFilesLineNumbersAndShareItsHead) {
  const auto source = split_source("#include <a>\n//@unit A\nint a;\n  //@unit B\r\nint b;\n/*@plan */");
  ASSERT_TRUE(source);
  ASSERT_EQ(source->units.size(), 2u);
  EXPECT_EQ(source->units[0].name, "A");
  EXPECT_EQ(source->units[0].text, "#include <a>\n//@unit A\nint a;\n");
  EXPECT_EQ(source->units[1].name, "B");
  EXPECT_EQ(source->units[1].text, "#include <a>\n\n\n  //@unit B\r\nint b;\n/*@plan */");
}

TEST(SplitSourceTest, ReadsTheFileAsCppDoes) {
  const char* decoys[] = {
      "const char* s = \"/*@plan x */\";\n",
      "const char* s = \"\\\"/*@plan x */\";\n",
      "const char* s = R\"d(\" /*@plan x */ )\" )d\";\n",
      "// /*@plan x */\n",
      "// continued \\\n /*@plan x */\n",
      "/* //@plan /*@plan x */\n",
      "/*@planner x */\n",
      "char c = '\"'; int n = 1'000'000;\n",
      "#error don't\n",
      "int R = 0; \n",
      "// \" '\n",
      "\"//@unit A\";\n",
      "/*\n//@unit A\n*/\n",
      "int x; //@unit A\n",
      "//@units A\n",
  };
  for (const char* decoy : decoys) {
    const auto source = split_source(decoy + std::string("/*@plan real */\n"));
    ASSERT_TRUE(source) << decoy << text_of(source.error());
    EXPECT_EQ(source->plan_text, " real ") << decoy;
    EXPECT_EQ(source->units.size(), 1u) << decoy;
    EXPECT_EQ(source->units[0].name, "") << decoy;
  }
}

TEST(SplitSourceTest, ErrorsSayWhatToWrite) {
  EXPECT_EQ(split_errors("int x;"),
            "1:1: there is no launch plan: add a comment /*@plan kernel<<<grid, block>>>(arguments); */");
  EXPECT_EQ(split_errors("const char* s = \"/*@plan */\";"),
            "1:1: there is no launch plan: add a comment /*@plan kernel<<<grid, block>>>(arguments); */ (the "
            "/*@plan "
            "in a string or inside another comment does not count)");
  EXPECT_EQ(split_errors("/*@plan */\n /*@plan */"),
            "2:2: a second plan; the first is on line 1: keep one, with if for the cases");
  EXPECT_EQ(split_errors("\n/*@plan x"), "2:1: the plan comment is not closed: end it with */");
  EXPECT_EQ(split_errors("/*@plan */\n//@unit A\n//@unit A\n"),
            "3:1: unit 'A' is begun twice; the first is on line 2");
  EXPECT_EQ(split_errors("/*@plan */\n//@unit a-b\n"),
            "2:1: a unit line is //@unit NAME, where NAME is an identifier");
  EXPECT_EQ(split_errors("/*@plan " + std::string(70'000, ' ') + "*/"),
            "1:1: the plan is longer than 64 KiB");
}

}  // namespace
}  // namespace warpwright::plan
