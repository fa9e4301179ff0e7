#include "src/report/population_text.h"

#include <gtest/gtest.h>

namespace warpwright::report {
namespace {

events::ResultSummary result(double small_us, double large_us, int launches) {
  events::ResultSummary summary;
  summary.status = Status::kPassed;
  summary.launches = launches;
  summary.workloads = {{"u1", {}, "small", 3, Status::kPassed, small_us, 0},
                       {"u2", {}, "large", 1, Status::kPassed, large_us, 0}};
  summary.measure = {"sim", "b200", "sim-estimate", "contest"};
  return summary;
}

events::RunView some_run() {
  events::RunView view;
  view.started = events::RunStarted{};
  view.started->search.window = 4;
  view.results = {{"k0", result(8, 100, 1)}, {"k1", result(2, 100, 2)}, {"k2", result(8, 25, 2)}};
  view.baseline = events::Baseline{"plain.cu", 0, view.results["k0"].measure, view.results["k0"].workloads};
  const double scores[] = {1, 3.25, 1.75}, gains[] = {1, 2.25, 0.75};
  for (events::CandidateId id = 0; id < 3; ++id) {
    events::Candidate& c = view.candidates[id];
    c.id = id;
    c.phase = events::Phase::kApplied;
    c.status = Status::kPassed;
    c.result_key = "k" + std::to_string(id);
    c.score = scores[id];
    c.portfolio_gain = gains[id];
    if (id > 0) c.origin.parent = 0;
  }
  view.champions = {{"small", {1, 4, 3}}, {"large", {2, 4, 1}}};
  view.best = 1;
  view.applied = 3;
  view.islands.resize(2);
  view.islands[0].best = 1;
  view.islands[0].members = {0, 1, 2};
  view.islands[0].resets = 7;
  view.islands[1].resting_model = "strong";
  view.interventions = {{{20, 0, "heat", 2, "", {}}, 30, 3, 1'500'000},
                        {{60, 1, "model", 2, "strong", {}}, 10, 1.5, 0}};
  view.counters.staleness = 6;
  view.counters.longest_staleness = 3;
  return view;
}

TEST(PopulationText, ShowsWhatIsOnEveryIslandAndWhoLeadsEachBand) {
  const std::string text = population_text(some_run());
  EXPECT_NE(text.find("c0001 3.250x"), std::string::npos) << text;
  EXPECT_NE(text.find("strong rests"), std::string::npos);
  EXPECT_NE(text.find("together score 4.000x, the best of the run alone scores 3.250x"), std::string::npos)
      << text;
}

TEST(PopulationText, TheParetoFrontHoldsTheRobustAndTheSimple) {
  const Json json = population_json(some_run());
  ASSERT_EQ(json["pareto_front"].size(), 2u);
  EXPECT_EQ(json["pareto_front"][0]["id"], "c0001");
  EXPECT_EQ(json["pareto_front"][1]["id"], "c0000") << "one launch";
  EXPECT_EQ(json["pareto_front"][0]["worst_band"], 1);
  EXPECT_EQ(json["lexicographic"][0]["id"], "c0001");
}

TEST(PopulationText, InterventionsAreShownWithWhatCameOfThem) {
  const std::string text = population_text(some_run());
  EXPECT_NE(text.find("island 0 at 2.000x, heat: 30 candidates later 3.000x"), std::string::npos) << text;
  EXPECT_NE(text.find("model (strong rests): 10 candidates later 1.500x"), std::string::npos);
  const Json json = population_json(some_run());
  ASSERT_EQ(json["interventions"].size(), 2u);
  EXPECT_EQ(json["interventions"][0]["best_since"], 3);
  EXPECT_EQ(json["interventions"][0]["dollars"], 1.5);
}

TEST(PopulationText, StalenessIsBoundedByTheWindow) {
  const Staleness staleness = staleness_of(some_run());
  EXPECT_EQ(staleness.bound, 3);
  EXPECT_EQ(staleness.longest, 3);
  EXPECT_EQ(staleness.mean, 2);
  EXPECT_EQ(staleness.parent_age, 1.5);
}

TEST(PopulationText, ARunThatHasNotBegunIsNoError) {
  EXPECT_EQ(population_text({}), "");
  EXPECT_TRUE(population_json({}).is_object());
}

}  // namespace
}  // namespace warpwright::report
