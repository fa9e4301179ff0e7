// The verdict on a prompt section follows from the calls with and without it, and from enough of them only.
#include "src/report/trials_text.h"

#include <gtest/gtest.h>

namespace warpwright::report {
namespace {

// Of `calls`, every fourth gains `gain`.
void fill(events::ArmRecord& arm, double& squares, int64_t calls, double gain, int64_t microdollars) {
  arm = {calls, gain * static_cast<double>(calls / 4), microdollars};
  squares = gain * gain * static_cast<double>(calls / 4);
}

events::RunView view_of(double gain_with, double gain_without, int64_t calls) {
  events::RunView view;
  events::TrialRecord& trial = view.trials["lessons"];
  fill(trial.with, trial.squares_with, calls, gain_with, 2'000'000);
  fill(trial.without, trial.squares_without, calls, gain_without, 0);
  return view;
}

TEST(Trials, AClearDifferenceIsSaidEitherWay) {
  EXPECT_NE(trials_text(view_of(0.4, 0.05, 200)).find("worth having: +0.08"), std::string::npos);
  EXPECT_NE(trials_text(view_of(0.05, 0.4, 200)).find("better left out: -0.08"), std::string::npos);
  EXPECT_NE(trials_text(view_of(0.20, 0.18, 40)).find("no difference shown"), std::string::npos);
}

TEST(Trials, FewCallsGiveNoVerdict) {
  const std::string text = trials_text(view_of(0.4, 0, 8));
  EXPECT_NE(text.find("no verdict yet: 10 calls"), std::string::npos) << text;
  EXPECT_FALSE(trials_json(view_of(0.4, 0, 8))["lessons"].contains("difference_per_call"));
}

TEST(Trials, GainPerDollarNeedsDollars) {
  const Json json = trials_json(view_of(0.4, 0.05, 200));
  EXPECT_DOUBLE_EQ(json["lessons"]["with"]["dollars"].get<double>(), 2);
  EXPECT_NE(trials_text(view_of(0.4, 0.05, 200)).find(" 10.000 "), std::string::npos);  // 20 for 2 dollars
}

TEST(Trials, WithoutTrialsThereIsNoSection) {
  EXPECT_EQ(trials_text(events::RunView{}), "");
}

}  // namespace
}  // namespace warpwright::report
