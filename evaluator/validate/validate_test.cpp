#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "evaluator/reference/numeric.h"
#include "evaluator/validate/compare.h"
#include "evaluator/validate/poison.h"
#include "evaluator/validate/trivial.h"
#include "evaluator/validate/unchanged.h"
#include "src/base/files.h"

namespace warpwright::validate {
namespace {

using reference::HostTensor;
using rules::OfficialTolerance;
using rules::StrictTolerance;
using trace::DType;

constexpr StrictTolerance kStrict{8e-3, 4e-3, 1e-3};
constexpr OfficialTolerance kOfficial{1e-2, 1e-2, 1.0};

// y[4, 8] with values of both signs and of size `magnitude`.
struct Fixture {
  explicit Fixture(double magnitude = 1) : reference(32) {
    tensor.shape = {4, 8};
    for (size_t i = 0; i < 32; ++i)
      reference[i] = magnitude * (i % 2 == 0 ? 1 : -1) * (1 + static_cast<double>(i) / 32);
    store(reference);
  }
  void store(const std::vector<double>& values) {
    tensor.data.assign(32 * 4, std::byte{0});
    for (size_t i = 0; i < 32; ++i) reference::store_element(DType::kFloat32, tensor.data, i, values[i]);
  }
  void set(size_t index, double value) {
    reference::store_element(DType::kFloat32, tensor.data, index, value);
  }
  TensorView view() const { return {"y", tensor.dtype, tensor.shape, tensor.data}; }
  Comparison compare(const OfficialTolerance* official = &kOfficial,
                     const StrictTolerance* strict = &kStrict) const {
    return compare_output(view(), reference, official, strict).value();
  }
  std::vector<double> reference;
  HostTensor tensor;
};

TEST(Compare, TheOfficialRuleIsAbsoluteOrRelative) {
  Fixture f;
  f.set(0, 1.0 + 0.0099);  // absolute
  f.set(31, f.reference[31] * 1.0099);
  EXPECT_TRUE(f.compare(&kOfficial, nullptr).verdict.passed());
  f.set(5, f.reference[5] * 1.02);
  const Comparison wrong = f.compare(&kOfficial, nullptr);
  EXPECT_EQ(wrong.verdict.status, Status::kIncorrectNumerical);
  EXPECT_EQ(wrong.statistics.unmatched, 1);
  const OfficialTolerance most{1e-2, 1e-2, 0.9};
  EXPECT_TRUE(f.compare(&most, nullptr).verdict.passed());
}

TEST(Compare, TinyOutputsPassTheOfficialRuleAsZerosButNotOurs) {
  Fixture f(1e-3);
  f.store(std::vector<double>(32, 0.0));
  EXPECT_TRUE(f.compare(&kOfficial, nullptr).verdict.passed());
  const Comparison strict = f.compare();
  EXPECT_FALSE(strict.verdict.passed());
  EXPECT_NE(strict.verdict.message.find("all elements are zero"), std::string::npos)
      << strict.verdict.message;
}

TEST(Compare, NaNAndInfinityNeverMatch) {
  for (double value : {std::nan(""), static_cast<double>(std::numeric_limits<double>::infinity())}) {
    Fixture f;
    f.set(9, value);
    const OfficialTolerance loose{1e30, 1e30, 1.0};
    const Comparison one = f.compare(&loose, nullptr);
    EXPECT_EQ(one.verdict.message, "y: 1 of 32 elements are NaN or infinite");
    EXPECT_TRUE(std::isfinite(one.statistics.max_abs));
    EXPECT_EQ(one.verdict.evidence.at(0), "1 of 32 elements wrong, all of y[1, 1]; the first:");
  }
}

TEST(Compare, EvidenceNamesThePlaceAndTheValues) {
  Fixture f;
  for (size_t row = 0; row < 4; ++row) {
    f.set(8 * row + 6, 0);
    f.set(8 * row + 7, 0);
  }
  const Comparison wrong = f.compare();
  EXPECT_EQ(wrong.verdict.evidence.at(0), "8 of 32 elements wrong, all of y[:, 6..7]; the first:");
  EXPECT_EQ(wrong.verdict.evidence.at(1), "y[0, 6]: expected 1.1875, got 0");
  EXPECT_LE(wrong.verdict.evidence.size(), 9u);
}

TEST(Compare, AMissingFactorIsNamed) {
  Fixture f;
  std::vector<double> doubled = f.reference;
  for (double& value : doubled) value *= 2;
  f.store(doubled);
  EXPECT_NE(f.compare().verdict.message.find("the result is 2 times what is expected"), std::string::npos);
}

TEST(Compare, EachStrictClauseFailsByItself) {
  Fixture f;
  f.set(0, f.reference[0] + 0.03);  // one element, 0.012 of |expected| + rms
  const StrictTolerance only_max{8e-3, 1, 1};
  EXPECT_NE(f.compare(nullptr, &only_max).verdict.message.find("largest error"), std::string::npos);
  Fixture g;
  for (size_t i = 0; i < 32; ++i) g.set(i, g.reference[i] + 0.007 * (i % 4 < 2 ? 1 : -1));
  const StrictTolerance only_rms{8e-3, 4e-3, 1};
  EXPECT_NE(g.compare(nullptr, &only_rms).verdict.message.find("y: rms error"), std::string::npos);
  Fixture h;
  for (size_t i = 0; i < 32; ++i) h.set(i, h.reference[i] + 0.003);
  EXPECT_NE(h.compare(nullptr, &kStrict).verdict.message.find("y: errors lean to one side"),
            std::string::npos);
}

TEST(Compare, AZeroReferenceAllowsOnlyZeros) {
  Fixture f;
  f.reference.assign(32, 0.0);
  f.store(f.reference);
  EXPECT_TRUE(f.compare().verdict.passed());
  f.set(3, 1e-6);
  const Comparison wrong = f.compare();
  EXPECT_FALSE(wrong.verdict.passed());
  EXPECT_TRUE(std::isfinite(wrong.statistics.scaled_max));
}

TEST(Compare, MinusInfinityIsMatchedExactlyAndOnlyWhereItIsExpected) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Fixture f;
  f.reference[3] = f.reference[20] = -kInfinity;
  f.store(f.reference);
  EXPECT_TRUE(f.compare().verdict.passed()) << f.compare().verdict.message;
  EXPECT_LT(f.compare().statistics.scaled_rms, 1e-6);  // float32 storage
  for (double value : {-1e30, kInfinity, std::nan("")}) {
    f.set(20, value);
    EXPECT_FALSE(f.compare().verdict.passed()) << value;
  }
  EXPECT_EQ(f.compare().verdict.message, "y: 1 elements are not -infinity where it is expected");
  EXPECT_EQ(f.compare().verdict.evidence.at(1), "y[2, 4]: expected -inf, got nan");
  f.set(20, -kInfinity);
  f.set(5, -kInfinity);
  EXPECT_EQ(f.compare().verdict.message, "y: 1 of 32 elements are NaN or infinite");
}

TEST(Compare, UndecidedRowsAreLeftToTheOfficialRule) {
  Fixture f;
  f.set(9, 5);
  const std::vector<int64_t> undecided = {1};
  const auto compare = [&](const OfficialTolerance* official) {
    return compare_output(f.view(), f.reference, official, &kStrict, undecided).value();
  };
  EXPECT_TRUE(compare(nullptr).verdict.passed());
  EXPECT_FALSE(compare(&kOfficial).verdict.passed());
  f.set(9, std::nan(""));
  EXPECT_FALSE(compare(nullptr).verdict.passed());
  f.set(9, f.reference[9]);
  f.set(17, 5);
  EXPECT_FALSE(compare(nullptr).verdict.passed());
}

TEST(Compare, AReferenceThatIsNotFiniteIsTheEvaluatorsError) {
  Fixture f;
  f.reference[3] = std::nan("");
  const auto result = compare_output(f.view(), f.reference, &kOfficial, &kStrict);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kInfrastructure);
}

TEST(Compare, ABufferOfAnotherSizeIsAWrongShape) {
  ::unsetenv("FIB_DATASET_PATH");
  const auto loaded = trace::DatasetPath::open({}).value().load("gdn_decode_qk4_v8_d128_k_last").value();
  const auto rules = rules::load_rules(loaded, find_home().value()).value();
  reference::OracleOutputs expected;
  expected.values["output"].resize(1024);
  expected.values["new_state"].resize(131072);
  const std::vector<std::byte> short_buffer(100);
  const auto read = [&](const std::string&) { return std::span<const std::byte>(short_buffer); };
  const auto result = compare_outputs(loaded.definition, {{"batch_size", 1}}, read, expected, rules,
                                      RuleSet::kOfficialAndStrict);
  EXPECT_EQ(result.value().verdict.status, Status::kIncorrectShape);
  EXPECT_EQ(result.value().verdict.message, "output: 100 bytes where the definition has 2048");
}

TEST(Poison, UnwrittenElementsAreFoundAndNamed) {
  Fixture a;
  Fixture b;
  std::span<std::byte> nan_bytes(a.tensor.data);
  std::span<std::byte> finite_bytes(b.tensor.data);
  for (size_t row = 1; row < 4; ++row) {
    fill(nan_bytes.subspan((8 * row + 4) * 4, 16), Poison::kNan);
    fill(finite_bytes.subspan((8 * row + 4) * 4, 16), Poison::kFinite);
  }
  const Verdict verdict = find_unwritten(a.view(), b.view());
  EXPECT_EQ(verdict.status, Status::kIncorrectNumerical);
  EXPECT_EQ(
      verdict.message,
      "y[1..3, 4..7] were never written (12 of 32 elements): every element of an output must be stored");
  EXPECT_FALSE(find_unwritten(a.view(), Poison::kNan).passed());
  // The same difference is not a dependence on what was there.
  EXPECT_TRUE(check_equal_calls(a.view(), b.view(), "depends-on-poison").passed());
}

TEST(Poison, AValueThatHappensToBeThePatternIsWritten) {
  Fixture a;
  Fixture b;
  fill(std::span(a.tensor.data).subspan(0, 4), Poison::kFinite);
  fill(std::span(b.tensor.data).subspan(0, 4), Poison::kFinite);
  EXPECT_TRUE(find_unwritten(a.view(), b.view()).passed());
}

TEST(Poison, PatternsAreANaNAndAFiniteValueInEveryFloatingType) {
  for (DType dtype : {DType::kFloat64, DType::kFloat32, DType::kFloat16, DType::kBfloat16,
                      DType::kFloat8E4m3fn, DType::kFloat8E5m2}) {
    std::vector<std::byte> bytes(8);
    fill(bytes, Poison::kNan);
    EXPECT_TRUE(std::isnan(reference::load_element(dtype, bytes, 0))) << to_string(dtype);
    fill(bytes, Poison::kFinite);
    EXPECT_TRUE(std::isfinite(reference::load_element(dtype, bytes, 0))) << to_string(dtype);
  }
}

TEST(Calls, ADifferenceIsRejectedByTheNamedRule) {
  Fixture a;
  Fixture b;
  b.set(8, 5);
  const Verdict verdict = check_equal_calls(a.view(), b.view(), "not-repeatable");
  EXPECT_EQ(verdict.status, Status::kRejected);
  EXPECT_EQ(verdict.rule, "not-repeatable");
  EXPECT_EQ(verdict.evidence.at(0), "y[1, 0]: 1.25, then 5");
  EXPECT_TRUE(check_equal_calls(a.view(), a.view(), "not-repeatable").passed());
}

TEST(Unchanged, AModifiedInputIsNamedWithItsValues) {
  const Fixture original;
  Fixture now;
  EXPECT_TRUE(check_unchanged("y", original.tensor, now.tensor.data).passed());
  now.set(17, 3);
  const Verdict verdict = check_unchanged("y", original.tensor, now.tensor.data);
  EXPECT_EQ(verdict.status, Status::kRejected);
  EXPECT_EQ(verdict.rule, "input-modified");
  EXPECT_EQ(verdict.evidence.at(0), "y[2, 1]: was -1.53125, is 3");
}

// A definition with one output y[n] and one input x[n].
struct Screen {
  Screen() {
    definition = trace::parse_definition(R"({"name":"t","op_type":"t","axes":{"n":{"type":"var"}},
      "inputs":{"x":{"shape":["n"],"dtype":"float32"}},"outputs":{"y":{"shape":["n"],"dtype":"float32"}}})",
                                         "t.json")
                     .value();
    rules.strict["y"] = kStrict;
    Fixture f;
    made.inputs.tensors["x"] = f.tensor;
    made.outputs.values["y"] = f.reference;
    for (double& value : made.outputs.values["y"]) value = value * value;
  }
  std::optional<std::string> find(const reference::OracleOutputs* previous = nullptr) const {
    return find_trivial_answer(definition, {{"n", 32}}, made, rules, previous);
  }
  trace::Definition definition;
  rules::Rules rules;
  reference::ReferenceCase made;
};

TEST(Trivial, WorkloadsThatProveNothingAreNamed) {
  Screen screen;
  EXPECT_EQ(screen.find(), std::nullopt);
  const reference::OracleOutputs same = screen.made.outputs;
  EXPECT_EQ(screen.find(&same), "the previous workload's result passes as y");
  screen.made.outputs.values["y"] = Fixture().reference;
  EXPECT_EQ(screen.find(), "a copy of x passes as y");
  screen.made.outputs.values["y"].assign(32, 2.5);
  EXPECT_EQ(screen.find(), "a constant passes as y");
  screen.made.outputs.values["y"].assign(32, 0);
  EXPECT_EQ(screen.find(), "zeros pass as y");
}

}  // namespace
}  // namespace warpwright::validate
