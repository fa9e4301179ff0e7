// What a model reads when its plan is wrong: position and message, for each kind of mistake.
#include "src/plan/parser.h"

#include <gtest/gtest.h>

#include "src/plan/testing.h"

namespace warpwright::plan {
namespace {

std::string errors_of(std::string_view plan_text) {
  const Checked<Plan> plan = parse_plan(source_of(plan_text), gdn_decode_definition());
  return plan ? "" : text_of(plan.error());
}

struct BadPlan {
  const char* text;
  const char* error;
};

// Each is followed by a whole launch on the next line.
std::string with_launch(std::string_view text) {
  return std::string(text) + "\n" + std::string(kLaunch);
}

TEST(ParserTest, AcceptsEveryConstruct) {
  const char* plan = R"(
tune SPLITS = 16 in {8, 16, 32};   // comment
tune RATIO = 0.5 in {0.5, 1};
tune FAST = true in {true, false};
require SPLITS % 8 == 0 else "a multiple of 8";
const int tiles = batch_size <= 2 ? 32 : SPLITS;
const float factor = scale * log2e + 1;
const bool small = tiles < 64 && !FAST || arch >= 100;
workspace float part[batch_size * tiles * 0x100];
workspace uint32_t counter[1] = self_clean;
tensormap map = tiled<__nv_bfloat16>(q + 0, dims = {128, 4, batch_size}, strides_bytes = {256, 1024},
    box = {64, 4, 1}, elem_strides = {1, 1, 1}, swizzle_128b, l2_256b, interleave_16b, oob_nan);
memset(part, 0xff, 1024);
copy(bytes<float>(new_state, 0), bytes<float>(part, 4), 1'024);
if (small) {
  split<SPLITS, true, float, (1 << 2)><<<dim3(batch_size, tiles), 256, 96 * 1024>>>(
      q, q + 16, q + 1 + 2, map, part, f32(scale * log2e), i64(batch_size), tiles, small, scale, counter);
} else if (has(state)) {
  [[cooperative]] [[carveout(50)]] gdn<<<min(batch_size, sm_count, 3), 128>>>(state);
} else {
  gdn<<<ceil_div(batch_size, 2) + round_up(3, 4), dim3(32, 4, 1)>>>(-1, max(1.5, 2));
}
[[cluster(2, 1, 1)]] [[pdl]] merge<<<dim3(2 * batch_size, 8), 128>>>(part, output, new_state);
)";
  EXPECT_EQ(errors_of(plan), "");
}

TEST(ParserTest, SyntaxErrorsSayWhereAndHowToMendThem) {
  const BadPlan cases[] = {
      {"const int n = 4", "2:1: expected ';' after the constant, got 'gdn'"},
      {"const n = 4;",
       "1:7: a const is int (64-bit), float (a double) or bool: write const int instead of const n"},
      {"const double n = 4;",
       "1:7: a const is int (64-bit), float (a double) or bool: write const float instead of const double"},
      {"int n = 4;", "1:1: write const int NAME = value;"},
      {"for (;;) {}", "1:1: there are no loops in a plan: launch once over a larger grid"},
      {"cudaMemsetAsync(output, 0, 4);", "1:1: write memset(buffer, byte, bytes);"},
      {"wrkspace float part[4];", "1:1: 'wrkspace' does not begin a statement; did you mean 'workspace'?"},
      {"gdn(output);", "1:4: a launch needs its grid and block: gdn<<<grid, block>>>(...)"},
      {"gdn<<<1>>>(output);", "1:8: expected ',' between grid and block, got '>>>'"},
      {"gdn<<<1, 2, 3, stream>>>(output);",
       "1:14: leave out the stream: statements run in order on one stream"},
      {"gdn<<<1, 2>>>(output, );", "1:23: expected an expression, got ')'"},
      {"gdn<<<1, 2>>>(output;", "1:21: expected ',' or ')' after an argument, got ';'"},
      {"gdn<<<1, 2>>>(nullptr);",
       "1:15: there is no null pointer: pass the optional tensor itself, which is null when absent"},
      {"gdn<<<dim3(1, 2, 3, 4), 2>>>();", "1:7: dim3 takes one to three sizes, got 4"},
      {"gdn<1 < 2><<<1, 2>>>();", "1:7: put this template argument in parentheses"},
      {"[[pld]] gdn<<<1, 2>>>();", "1:3: unknown attribute 'pld'; did you mean 'pdl'?"},
      {"[[pdl]] [[pdl]] gdn<<<1, 2>>>();", "1:11: attribute 'pdl' is given twice"},
      {"[[cluster()]] gdn<<<1, 2>>>();", "1:3: cluster takes one to three sizes, got 0"},
      {"a::b::gdn<<<1, 2>>>();",
       "1:5: expected unit::kernel; kernels inside namespaces cannot be named, got '::'"},
      {"workspace bf16 part[4];", "1:11: unknown type 'bf16'; write __nv_bfloat16"},
      {"workspace floot part[4];", "1:11: unknown type 'floot'; did you mean 'float'?"},
      {"workspace float part[4][4];", "1:24: a workspace has one size: write the product of its sizes"},
      {"workspace float part[4] = 0;",
       "1:27: expected self_clean (contents are otherwise unspecified: use memset), got '0'"},
      {"tune int N = 1 in {1};",
       "1:6: a knob takes its type from its values: write tune NAME = default in {a, b};"},
      {"tune N = 3 in {1, 2};", "1:10: the default 3 of knob 'N' is not one of its values {1, 2}"},
      {"tune N = 1 in {1, 2, 1};", "1:22: value 1 of knob 'N' is given twice"},
      {"tune N = 1 in {1, true};", "1:19: the values of knob 'N' mix bool with numbers"},
      {"tune N = 1 in {1, 3000000000};", "1:19: 3000000000 does not fit in the int that knob::N is"},
      {"tune N = 1;", "1:11: expected 'in' {values} after the knob's default, got ';'"},
      {"require 1 < 2 else mend;", "1:20: expected a \"message\" after else, got 'mend'"},
      {"tensormap m = tiled(q, box = {64});",
       "1:11: tensor map 'm' needs dims = {...} and box = {...}, innermost first"},
      {"tensormap m = tiled(q, dim = {64});",
       "1:24: 'dim' is no option of a tensor map; did you mean 'dims'?"},
      {"tensormap m = tiled(q, dims = {64}, box = {64}, swizzle_32b, swizzle_64b);",
       "1:62: 'swizzle_64b' contradicts 'swizzle_32b'"},
      {"const int n = (1 + 2;", "1:21: expected ')' to close the '(' of line 1, column 15, got ';'"},
      {"const int n = batch_size & 1;", "1:26: unexpected '&': write && for a condition"},
      {"const int n = 10u;", "1:15: '10u': integers are 64-bit and signed; leave out the suffix 'u'"},
      {"const int n = 010;", "1:15: '010': leave out the leading zero"},
      {"const int n = 9223372036854775808;",
       "1:15: 9223372036854775808 does not fit in a 64-bit integer (at most 9223372036854775807)"},
      {"const float x = 1e999;", "1:17: 1e999 is out of a double's range"},
      {"const int n = cdiv(4, 2);", "1:15: there is no function 'cdiv' in a plan; write ceil_div"},
      {"const int n = mni(4, 2);", "1:15: there is no function 'mni' in a plan; did you mean 'min'?"},
      {"const int n = min(4);", "1:15: min takes two or more arguments, got 1"},
      {"const int n = ceil_div(4, 2, 1);", "1:15: ceil_div takes two arguments, got 3"},
      {"const int n = q[0];", "1:16: 'q[': a plan cannot read device data; pass the buffer to a kernel"},
      {"require true else \"open;",
       "1:19: the string has no closing \" on this line\n"
       "2:1: expected a \"message\" after else, got 'gdn'"},
      {"/* no */",
       "1:1: the plan is a /* */ comment itself: comments in it begin with //\n"
       "1:4: 'no' does not begin a statement: expected a declaration, if, memset, copy or a launch"},
      {"}", "1:1: '}' without a '{' before it"},
      {"else {}", "1:1: 'else' without an 'if' before it"},
      {"if (true) gdn<<<1, 2>>>();", "1:11: expected '{' after if (...), got 'gdn'"},
  };
  for (const BadPlan& bad : cases) {
    const std::string errors = errors_of(with_launch(bad.text));
    EXPECT_EQ(errors.substr(0, std::string(bad.error).size()), bad.error) << bad.text << "\n" << errors;
  }
}

TEST(ParserTest, ReportsSeveralErrorsOfOneRun) {
  EXPECT_EQ(errors_of("const int a1 = ;\nworkspace float w[4;\nconst int ok = 4;\nconst float = 2;\n"),
            "1:16: expected an expression, got ';'\n"
            "2:20: expected ']' after the number of elements, got ';'\n"
            "4:13: expected the constant's name, got '='");
}

TEST(ParserTest, StopsAfterTenErrors) {
  std::string plan;
  for (int i = 0; i < 100; ++i) plan += "const int = 1;\n";
  const Checked<Plan> parsed = parse_plan(source_of(plan), gdn_decode_definition());
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().size(), 10u);
}

TEST(ParserTest, AnOpenBlockNamesTheLineThatOpenedIt) {
  EXPECT_EQ(errors_of("if (batch_size > 1) {\n  gdn<<<1, 32>>>(output);\n"),
            "3:1: expected '}' to close the block opened on line 1, got the end of the plan");
}

TEST(ParserTest, PositionsCountFromTheCandidatesFile) {
  const auto source = split_source("// head\n  /*@plan\n  oops;\n*/\n");
  ASSERT_TRUE(source);
  const auto plan = parse_plan(*source, gdn_decode_definition());
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error()[0].at.line, 3);
  EXPECT_EQ(plan.error()[0].at.column, 3);
}

TEST(ParserTest, PrecedenceIsThatOfC) {
  const char* cases[][2] = {
      {"2 + 3 * 4", "14"},    {"(2 + 3) * 4", "20"},
      {"20 - 5 - 3", "12"},   {"1 << 2 + 1", "8"},
      {"-7 / 2", "-3"},       {"-7 % 3", "-1"},
      {"0x10 + 0b11", "19"},  {"7 > 3 ? 1 : 2", "1"},
      {"1 ? 2 : 3", nullptr}, {"false ? 1 : true ? 2 : 3", "2"},
      {"i64(7.9)", "7"},
  };
  for (const auto& [text, value] : cases) {
    const auto plan = parse_plan(source_of(fmt::format("gdn<<<1, 32>>>(output, new_state, {});", text)),
                                 gdn_decode_definition());
    ASSERT_EQ(plan.has_value(), value != nullptr) << text;
    if (value == nullptr) continue;
    const auto bound = bind(*plan, gdn_decode_definition(), inputs_for_batch(1));
    ASSERT_TRUE(bound) << text;
    const auto& launch = std::get<BoundLaunch>(bound->operations[0]);
    EXPECT_EQ(std::to_string(std::get<ScalarArgument>(launch.arguments[2]).integer), value) << text;
  }
}

TEST(DiagnosticTest, RendersLikeACompilerWithACaret) {
  const Diagnostic diagnostic{{2, 3}, "something is wrong"};
  EXPECT_EQ(diagnostic.render("x.cu", "first\n\tabcd\nthird"),
            "x.cu:2:3: error: something is wrong\n  \tabcd\n  \t ^");
  EXPECT_EQ(diagnostic.render("x.cu", ""), "x.cu:2:3: error: something is wrong");
}

TEST(DiagnosticTest, ShowsOnlyTheNeighbourhoodInALongLine) {
  const std::string line(100'000, 'x');
  const std::string text = Diagnostic{{1, 50'000}, "here"}.render("x.cu", line);
  EXPECT_LT(text.size(), 400u);
  EXPECT_NE(text.find('^'), std::string::npos);
}

}  // namespace
}  // namespace warpwright::plan
