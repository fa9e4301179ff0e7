#include "src/prompt/template.h"

#include <gtest/gtest.h>

namespace warpwright::prompt {
namespace {

const std::vector<std::string> kKnown = {"parent", "top", "lessons"};

std::string render(const std::string& text, const std::map<std::string, std::string>& values) {
  const auto form = Template::parse(text, "t.md", kKnown);
  EXPECT_TRUE(form) << form.error().message;
  return form ? form->render(values) : "";
}

std::string error_of(const std::string& text) {
  const auto form = Template::parse(text, "t.md", kKnown);
  return form ? "" : form.error().message;
}

TEST(Template, OnlyANameAloneInBracesIsAField) {
  EXPECT_EQ(render("a {parent} b { top }", {{"parent", "P"}, {"top", "T"}}), "a P b T\n");
  const std::string code =
      "if (x) { return {}; } int v[] = {0, 1}; f<<<{n, 1}, 2>>>(); struct S { int a; };\n";
  EXPECT_EQ(render(code, {}), code);
}

TEST(Template, DoubledBracesAreTheTextItself) {
  EXPECT_EQ(render("write {{parent}}, not {{{{1, 2}}", {}), "write {parent}, not {{{{1, 2}}\n");
}

TEST(Template, FieldsAreTakenAsTheyAreAndNotReadAgain) {
  EXPECT_EQ(render("{parent}", {{"parent", "{top} }{ {{x}}"}, {"top", "T"}}), "{top} }{ {{x}}\n");
}

TEST(Template, AnUnknownFieldNamesPlaceAndNearest) {
  EXPECT_EQ(error_of("a\nb {parnet}\n"),
            "t.md:2: unknown field '{parnet}'; did you mean '{parent}'? (the text itself: {{parnet}})");
}

TEST(Template, ALoneBraceAtAFieldsNameIsAnError) {
  EXPECT_EQ(error_of("x\n\n{parent\n"), "t.md:3: '{parent' without its '}'");
  EXPECT_EQ(error_of("top}\n"), "t.md:1: a '}' without its '{': write {name} for a field");
}

TEST(Template, AnEmptySectionVanishesWithItsHeading) {
  const std::string text = "# Task\n\n{lessons}\n\n## Other programs\n\n{top}\n\nDo it.\n";
  EXPECT_EQ(render(text, {}), "# Task\n\nDo it.\n");
  EXPECT_EQ(render(text, {{"top", "T\n"}}), "# Task\n\n## Other programs\n\nT\n\nDo it.\n");
  EXPECT_EQ(render(text, {{"lessons", "L"}}), "# Task\n\nL\n\nDo it.\n");
}

TEST(Template, AHeadingWithTextOfItsOwnStays) {
  EXPECT_EQ(render("## A\n\n{top}\n\n## B\n\ntext\n", {}), "## B\n\ntext\n");
  EXPECT_EQ(render("## A\n\ntext\n\n{top}\n", {}), "## A\n\ntext\n\n");
}

TEST(Template, SaysWhichFieldsItUses) {
  const auto form = Template::parse("{top} {parent} {top}", "t.md", kKnown);
  ASSERT_TRUE(form);
  EXPECT_EQ(form->fields(), (std::vector<std::string>{"top", "parent"}));
  EXPECT_TRUE(form->uses("parent"));
  EXPECT_FALSE(form->uses("lessons"));
}

}  // namespace
}  // namespace warpwright::prompt
