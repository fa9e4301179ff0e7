#include "evaluator/validate/ranked.h"

#include <gtest/gtest.h>

#include "evaluator/reference/numeric.h"

namespace warpwright::validate {
namespace {

using reference::Candidate;
using trace::DType;

// Two rows of four slots: six candidates with scores 6, 5, 4, 3, 2, 1 and terms of size 10; and two
// candidates.
struct Rows {
  Rows() {
    ranking.slots = 4;
    ranking.rows = {{{60, 6, 10}, {50, 5, 10}, {40, 4, 10}, {30, 3, 10}, {20, 2, 10}, {10, 1, 10}},
                    {{7, 2, 1}, {9, 1, 1}}};
  }
  Comparison compare(std::vector<int> values, double margin = 0.01,
                     const rules::OfficialTolerance* official = nullptr) const {
    std::vector<std::byte> data(values.size() * 4);
    for (size_t i = 0; i < values.size(); ++i) reference::store_element(DType::kInt32, data, i, values[i]);
    rules::StrictTolerance strict;
    strict.score_margin = margin;
    const TensorView view{"indices", DType::kInt32, {2, 4}, data};
    return compare_ranked(view, ranking, official, margin > 0 ? &strict : nullptr).value();
  }
  reference::Ranking ranking;
};

TEST(Ranked, TheBestInAnyOrderPass) {
  const Rows rows;
  EXPECT_EQ(reference::best_of(rows.ranking), (std::vector<double>{60, 50, 40, 30, 7, 9, -1, -1}));
  const rules::OfficialTolerance exact{0, 0, 1};
  const Comparison compared = rows.compare({30, 60, 50, 40, 9, 7, -1, -1}, 1e-9, &exact);
  EXPECT_TRUE(compared.verdict.passed()) << compared.verdict.message;
  EXPECT_EQ(compared.statistics.max_abs, 0);
}

TEST(Ranked, SlotsMustNameDistinctTokensOfTheRowThenMinusOne) {
  const Rows rows;
  const auto evidence = [&](std::vector<int> values) {
    const Comparison compared = rows.compare(std::move(values));
    EXPECT_EQ(compared.verdict.status, Status::kIncorrectNumerical);
    return compared.verdict.evidence.empty() ? "" : compared.verdict.evidence.front();
  };
  EXPECT_EQ(evidence({60, 50, 40, -1, 7, 9, -1, -1}),
            "row 0: slot 3 is -1, but the row has 6 candidates for its 4 slots");
  EXPECT_EQ(evidence({60, 50, 40, 7, 7, 9, -1, -1}),
            "row 0: slot 3 names 7, which is no candidate of this row");
  EXPECT_EQ(evidence({60, 50, 40, 60, 7, 9, -1, -1}), "row 0: slot 3 names 60 again");
  EXPECT_EQ(evidence({60, 50, 40, 30, 7, 9, 0, -1}),
            "row 1: slot 2 is 0, but the row has only 2 candidates: -1 belongs there");
  EXPECT_EQ(evidence({60, 50, 40, 30, -1, -1, 7, 9}),
            "row 1: slot 0 is -1, but the row has 2 candidates for its 4 slots");
}

TEST(Ranked, ATokenBeyondTheBorderFailsUnlessRoundingExplainsIt) {
  const Rows rows;
  const std::vector<int> next_best = {60, 50, 40, 20, 7, 9, -1, -1};  // 20 for 30: 1 apart, 20 of terms
  EXPECT_TRUE(rows.compare(next_best, 0.051).verdict.passed());
  const Comparison wrong = rows.compare(next_best, 0.049);
  EXPECT_FALSE(wrong.verdict.passed());
  EXPECT_NEAR(wrong.statistics.scaled_max, 0.05, 1e-12);
  EXPECT_NE(
      wrong.verdict.message.find("indices: 1 of 2 rows do not name the best; row 0: index 30 is missing"),
      std::string::npos)
      << wrong.verdict.message;
  const std::vector<int> far = {10, 50, 40, 20, 7, 9, -1, -1};
  EXPECT_NEAR(rows.compare(far, 0.051).statistics.scaled_max, 0.2, 1e-12);  // 60 against 20, the next
}

TEST(Ranked, TheOfficialRuleComparesSortedScores) {
  const Rows rows;
  const rules::OfficialTolerance loose{0, 0.34, 1}, tight{1e-2, 1e-2, 1};
  const std::vector<int> next_best = {60, 50, 40, 20, 7, 9, -1, -1};  // scores 6 5 4 2 for 6 5 4 3
  EXPECT_TRUE(rows.compare(next_best, 0, &loose).verdict.passed());
  const Comparison wrong = rows.compare(next_best, 0, &tight);
  EXPECT_EQ(wrong.verdict.message,
            "indices: 1 sorted scores miss both atol 0.01 and rtol 0.01 (contest rule)");
}

TEST(Ranked, ATokenThatTheRowHasTwiceMayBeNamedTwice) {
  Rows rows;
  rows.ranking.rows[1] = {{7, 2, 1}, {7, 2, 1}};
  EXPECT_TRUE(rows.compare({60, 50, 40, 30, 7, 7, -1, -1}).verdict.passed());
  EXPECT_FALSE(rows.compare({60, 50, 40, 30, 7, 9, -1, -1}).verdict.passed());
}

}  // namespace
}  // namespace warpwright::validate
