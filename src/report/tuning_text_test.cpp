#include "src/report/tuning_text.h"

#include <gtest/gtest.h>

namespace warpwright::report {
namespace {

events::RunView tuned_run() {
  events::RunView view;
  for (events::CandidateId id : {3, 7, 9}) {
    view.candidates[id].id = id;
    view.candidates[id].knobs = {{"SPLITS", std::to_string(id)}, {"WARPS", "4"}};
  }
  view.sources["a"].first_candidate = 3;
  view.sources["b"].first_candidate = 7;
  view.tuning["a"] = {3, 2, 6, 18, 15, 0, 1.25, 9, 1.5};
  view.tuning["b"] = {7, 1, 12, 12, 4, 2, 2.0, 7, 2.0};
  return view;
}

TEST(TuningText, SessionsStandBestFirstWithBudgetGainAndValues) {
  const std::string text = tuning_text(tuned_run());
  EXPECT_NE(text.find("tuning of knobs: 19 evaluations for 2 sources"), std::string::npos) << text;
  const size_t first = text.find("c0007"), second = text.find("c0003");
  ASSERT_NE(first, std::string::npos);
  ASSERT_NE(second, std::string::npos);
  EXPECT_LT(first, second) << text;
  EXPECT_NE(text.find("20.0%  c0009 SPLITS=9 WARPS=4"), std::string::npos) << text;
  EXPECT_NE(tuning_text(tuned_run(), 1).find("and 1 more"), std::string::npos);
}

TEST(TuningText, JsonSaysTheSame) {
  const Json json = tuning_json(tuned_run());
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[1]["used"], 15);
  EXPECT_EQ(json[1]["budget"], 18);
  EXPECT_EQ(json[1]["best"], "c0009");
  EXPECT_EQ(json[1]["knobs"]["SPLITS"], "9");
}

TEST(TuningText, ARunWithoutSessionsSaysNothing) {
  EXPECT_EQ(tuning_text(events::RunView()), "");
}

}  // namespace
}  // namespace warpwright::report
