#include "src/plan/compose.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "src/plan/testing.h"

namespace warpwright::plan {
namespace {

constexpr std::string_view kSmall = "batch_size <= 8";
constexpr std::string_view kLarge = "batch_size > 8";

constexpr std::string_view kRows = R"(// Rows of the state, by warps.
/*@plan
tune ROWS = 4 in {1, 2, 4};  // rows per warp
require head_size % ROWS == 0 else "ROWS must divide head_size";
const int rows = head_size / ROWS;
workspace float part[batch_size * ROWS];  // ROWS in a comment
rows_kernel<ROWS><<<rows, 32 * ROWS>>>(state, part, output, new_state);
*/
template <int Rows>
__global__ void rows_kernel(const float*, float*, void*, float*) { constexpr int r = knob::ROWS; }
)";

constexpr std::string_view kTwoUnits = R"(#include <cuda_bf16.h>
/*@plan
tune ROWS = 2 in {1, 2};
tune SCALE = 0.5 in {0.5, 1.0};
tune ON = true in {true, false};
workspace float part[ROWS * 2];
memset(part, 0, 4 * ROWS);
first::scan<<<batch_size, min(32, 64 * ROWS)>>>(q, part);
if (ON) {
  [[pdl]] second::add<<<batch_size, 32>>>(part, SCALE, output, new_state);
} else {
  second::add<<<batch_size, 32>>>(part + ROWS, SCALE, output, new_state);
}
*/
__device__ int shared_code();
//@unit first
__global__ void scan(const void*, float*) {}
//@unit second
__global__ void add(const float*, float, void*, float*) {}
)";

std::vector<BindInputs> workloads() {
  return {inputs_for_batch(1), inputs_for_batch(8), inputs_for_batch(9), inputs_for_batch(64)};
}

Part part(std::string_view source, std::string_view when, KnobValues knobs = {}, std::string name = "c1") {
  return {std::move(name), std::string(when), std::string(source), std::move(knobs)};
}

std::string composed(const std::vector<Part>& parts) {
  auto text = compose(parts, gdn_decode_definition(), workloads());
  EXPECT_TRUE(text) << text.error().message;
  return text ? *text : "";
}

std::string error_of(const std::vector<Part>& parts) {
  const auto text = compose(parts, gdn_decode_definition(), workloads());
  EXPECT_FALSE(text) << *text;
  return text ? "" : text.error().message;
}

BoundPlan bound(std::string_view source, BindInputs inputs, const KnobValues& knobs = {}) {
  const auto split = split_source(source);
  EXPECT_TRUE(split) << text_of(split.error());
  const auto plan = parse_plan(*split, gdn_decode_definition());
  EXPECT_TRUE(plan) << text_of(plan.error());
  inputs.knobs = knobs;
  auto result = bind(*plan, gdn_decode_definition(), inputs);
  EXPECT_TRUE(result) << text_of(result.error());
  return std::move(*result);
}

// What runs, without the names that a composition changes.
std::string without_names(BoundPlan plan) {
  plan.knobs.clear();
  for (BoundOperation& operation : plan.operations)
    if (auto* launch = std::get_if<BoundLaunch>(&operation)) launch->unit.clear();
  return canonical_text(plan);
}

TEST(Compose, EachBandRunsItsPart) {
  const std::string text = composed({part(kRows, kSmall, {{"ROWS", "2"}}), part(kTwoUnits, kLarge)});
  EXPECT_EQ(without_names(bound(text, inputs_for_batch(8))),
            without_names(bound(kRows, inputs_for_batch(8), {{"ROWS", "2"}})));
  EXPECT_EQ(without_names(bound(text, inputs_for_batch(9))),
            without_names(bound(kTwoUnits, inputs_for_batch(9))));
}

TEST(Compose, OnlyTheBranchTakenHasWorkspaces) {
  const std::string text = composed({part(kRows, kSmall), part(kTwoUnits, kLarge)});
  EXPECT_EQ(bound(text, inputs_for_batch(1)).workspaces.size(), 1u);
  EXPECT_EQ(bound(text, inputs_for_batch(64)).workspaces.size(), 1u);
}

TEST(Compose, KnobsCanStillBeTunedAndReachTheirCodeAlone) {
  const std::string text = composed({part(kRows, kSmall, {{"ROWS", "2"}}), part(kTwoUnits, kLarge)});
  const auto split = split_source(text);
  ASSERT_TRUE(split);
  const auto plan = parse_plan(*split, gdn_decode_definition());
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->knobs().size(), 4u);
  EXPECT_EQ(plan->knobs()[0].name, "P0_ROWS");
  EXPECT_EQ(plan->knobs()[0].default_value, "2");
  EXPECT_EQ(plan->knobs()[0].values, (std::vector<std::string>{"1", "2", "4"}));
  EXPECT_EQ(plan->knobs()[2].name, "P1_SCALE");
  EXPECT_EQ(without_names(bound(text, inputs_for_batch(1), {{"P0_ROWS", "4"}, {"P1_ROWS", "1"}})),
            without_names(bound(kRows, inputs_for_batch(1), {{"ROWS", "4"}})));
  ASSERT_EQ(split->units.size(), 3u);
  EXPECT_NE(split->units[0].text.find("constexpr auto ROWS = ::knob::P0_ROWS;"), std::string::npos);
  EXPECT_NE(split->units[2].text.find("constexpr auto ROWS = ::knob::P1_ROWS;"), std::string::npos);
  EXPECT_EQ(split->units[2].text.find("::knob::P0_ROWS"), std::string::npos);
}

TEST(Compose, CodeBeforeTheUnitsGoesIntoEachOfThem) {
  const auto split = split_source(composed({part(kRows, kSmall), part(kTwoUnits, kLarge)}));
  ASSERT_TRUE(split);
  ASSERT_EQ(split->units.size(), 3u);
  EXPECT_EQ(split->units[1].name, "P1_first");
  EXPECT_EQ(split->units[2].name, "P1_second");
  for (const size_t unit : {size_t{1}, size_t{2}}) {
    EXPECT_NE(split->units[unit].text.find("#include <cuda_bf16.h>"), std::string::npos);
    EXPECT_NE(split->units[unit].text.find("shared_code"), std::string::npos);
  }
  EXPECT_EQ(split->units[0].text.find("shared_code"), std::string::npos);
}

TEST(Compose, CommentsAndStringsStayAsTheyAre) {
  const std::string text = composed({part(kRows, kSmall), part(kTwoUnits, kLarge)});
  EXPECT_NE(text.find("else \"ROWS must divide head_size\""), std::string::npos);
  EXPECT_NE(text.find("// ROWS in a comment"), std::string::npos);
  EXPECT_NE(text.find("tune P0_ROWS = 4 in {1, 2, 4};  // rows per warp"), std::string::npos);
}

TEST(Compose, EqualPartsAreOneBranchOtherKnobsAreAnother) {
  const std::string one =
      composed({part(kRows, "batch_size <= 1"), part(kTwoUnits, "batch_size == 2"),
                part(kRows, "batch_size > 2 && batch_size <= 8", {{"ROWS", "4"}}), part(kTwoUnits, kLarge)});
  EXPECT_NE(one.find("if ((batch_size <= 1) || (batch_size > 2 && batch_size <= 8)) {"), std::string::npos)
      << one;
  EXPECT_EQ(one.find("//@unit P2"), std::string::npos);
  const std::string two =
      composed({part(kRows, kSmall, {{"ROWS", "1"}}), part(kRows, kLarge, {{"ROWS", "2"}})});
  EXPECT_NE(two.find("tune P1_ROWS = 2"), std::string::npos);
}

TEST(Compose, ACompositionGivesTheBranchOfItsBand) {
  const std::string first = composed({part(kRows, kSmall, {{"ROWS", "2"}}), part(kTwoUnits, kLarge)});
  const std::string again = composed({part(first, kSmall), part(first, kLarge, {{"P1_ON", "false"}})});
  const std::string expected =
      composed({part(kRows, kSmall, {{"ROWS", "2"}}), part(kTwoUnits, kLarge, {{"ON", "false"}})});
  EXPECT_EQ(again, expected);
  // Only what its branch needs comes along.
  const std::string mixed = composed({part(kTwoUnits, kSmall), part(first, kLarge, {{"P1_SCALE", "1.0"}})});
  EXPECT_EQ(mixed, composed({part(kTwoUnits, kSmall), part(kTwoUnits, kLarge, {{"SCALE", "1.0"}})}));
}

TEST(Compose, ACompositionByOtherConditionsIsTakenWhole) {
  const std::string first = composed({part(kRows, "batch_size <= 2"), part(kTwoUnits, "batch_size > 2")});
  const std::string text = composed({part(first, kSmall), part(kRows, kLarge)});
  for (const int64_t batch : {1, 8})
    EXPECT_EQ(without_names(bound(text, inputs_for_batch(batch))),
              without_names(bound(first, inputs_for_batch(batch))));
  EXPECT_EQ(without_names(bound(text, inputs_for_batch(9))),
            without_names(bound(kRows, inputs_for_batch(9))));
}

// A model may have rewritten a composition: it is still right, with longer names.
TEST(Compose, ABranchWhoseKnobLinesWereChangedKeepsItsNames) {
  std::string first = composed({part(kRows, kSmall), part(kTwoUnits, kLarge)});
  const std::string line = "[[maybe_unused]] constexpr auto ROWS = ::knob::P0_ROWS;\n";
  first.replace(first.find(line), line.size(), "constexpr int ROWS = ::knob::P0_ROWS + 0;\n");
  const std::string text = composed({part(first, kSmall), part(kRows, kLarge)});
  EXPECT_NE(text.find("tune P1_P0_ROWS = 4"), std::string::npos) << text;
  EXPECT_NE(text.find("constexpr auto P0_ROWS = ::knob::P1_P0_ROWS;"), std::string::npos);
  EXPECT_EQ(without_names(bound(text, inputs_for_batch(8))),
            without_names(bound(kRows, inputs_for_batch(8))));
}

TEST(Compose, RequirementsHoldForTheirBranchAlone) {
  constexpr std::string_view picky =
      "/*@plan\nrequire batch_size <= 8 else \"small only\";\nk<<<batch_size, 32>>>(output, "
      "new_state);\n*/\n";
  const std::string text = composed({part(picky, kSmall), part(kRows, kLarge)});
  EXPECT_NE(error_of({part(kRows, kSmall), part(picky, kLarge)}).find("small only"), std::string::npos);
  EXPECT_FALSE(text.empty());
}

TEST(Compose, SaysWhyItCannotBe) {
  EXPECT_NE(error_of({part(kRows, kSmall), part(kRows, kLarge)}).find("all parts are the same"),
            std::string::npos);
  EXPECT_NE(error_of({}).find("nothing to compose"), std::string::npos);
  EXPECT_NE(error_of({part(kRows, kSmall), part("no plan", kLarge, {}, "c7")})
                .find("c7: line 1, column 1: there is no"),
            std::string::npos);
  EXPECT_NE(error_of({part(kRows, kSmall, {{"ROW", "2"}}), part(kTwoUnits, kLarge)}).find("no knob 'ROW'"),
            std::string::npos);
  EXPECT_NE(error_of({part(kRows, kSmall, {{"ROWS", "3"}}), part(kTwoUnits, kLarge)}).find("{1, 2, 4}"),
            std::string::npos);
  EXPECT_NE(error_of({part(kRows, "batch_sizes <= 8"), part(kTwoUnits, kLarge)}).find("batch_size"),
            std::string::npos);
  EXPECT_NE(error_of({part(std::string(kRows) + "/* no end", kSmall), part(kTwoUnits, kLarge)})
                .find("within a comment"),
            std::string::npos);
}

TEST(Compose, RefusesWhatPassesALimit) {
  std::string deep = "k<<<1, 32>>>(output, new_state);";
  for (int i = 0; i < 31; ++i) deep = fmt::format("if (batch_size > {}) {{ {} }}", i, deep);
  const std::string source = "/*@plan\nk<<<1, 32>>>(output, new_state);\n" + deep + "\n*/\n";
  EXPECT_NE(error_of({part(kRows, "batch_size == 1"), part(kTwoUnits, "batch_size == 2"),
                      part(source, "batch_size > 2")})
                .find("nested more than"),
            std::string::npos);
  std::string long_plan = "/*@plan\nk<<<1, 32>>>(output, new_state);\n//" + std::string(40'000, 'x');
  EXPECT_NE(error_of({part(long_plan + "\n*/\n", kSmall), part(long_plan + "y\n*/\n", kLarge)})
                .find("longer than 64 KiB"),
            std::string::npos);
}

TEST(Compose, AUsedPrefixIsPassedOver) {
  const std::string source = std::string(kRows) + "// P0 and P1 are probabilities\n";
  const std::string text = composed({part(source, kSmall), part(kTwoUnits, kLarge)});
  EXPECT_NE(text.find("//@unit P2\n"), std::string::npos);
  EXPECT_NE(text.find("//@unit P3_first\n"), std::string::npos);
}

}  // namespace
}  // namespace warpwright::plan
