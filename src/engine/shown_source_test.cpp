#include "src/engine/shown_source.h"

#include <gtest/gtest.h>

namespace warpwright::engine {
namespace {

constexpr const char* kSource =
    "/*@plan\ntune A = 1 in {1, 2};\ntune B = 8 in {8, 16};\nrun<<<dim3(B), 32>>>(q, output);\n*/\n"
    "// tune A = 1 in {1, 2}\n";

events::SearchSettings tuning() {
  events::SearchSettings settings;
  settings.best_settings = true;
  settings.tuning_budget = 12;
  return settings;
}

events::Candidate candidate() {
  events::Candidate candidate;
  candidate.id = 3;
  candidate.knobs = {{"A", "2"}, {"B", "16"}};
  return candidate;
}

TEST(ShownSource, HasTheCandidatesValuesAsDefaultsOfItsPlanAndNothingElseChanged) {
  for (const char* op : {"diff", "rewrite", "crossover", "repair", "plan", ""})
    EXPECT_EQ(
        shown_source(tuning(), candidate(), kSource, op),
        "/*@plan\ntune A = 2 in {1, 2};\ntune B = 16 in {8, 16};\nrun<<<dim3(B), 32>>>(q, output);\n*/\n"
        "// tune A = 1 in {1, 2}\n")
        << op;
}

TEST(ShownSource, IsTheFileAsItLiesForScriptedAnswersAndWhereNothingIsTuned) {
  EXPECT_EQ(shown_source(tuning(), candidate(), kSource, "scripted"), kSource);
  events::SearchSettings no_budget = tuning(), not_best = tuning();
  no_budget.tuning_budget = 0;
  not_best.best_settings = false;
  EXPECT_EQ(shown_source(no_budget, candidate(), kSource, "diff"), kSource);
  EXPECT_EQ(shown_source(not_best, candidate(), kSource, "diff"), kSource);
}

// An answer may come long after its parent's standing has changed: it is read against what was shown.
TEST(ShownSource, IsAFunctionOfSourceAndKnobsAlone) {
  events::Candidate later = candidate();
  later.phase = events::Phase::kApplied;
  later.status = Status::kPassed;
  later.score = 3;
  later.microdollars = 700;
  later.lost_race = true;
  EXPECT_EQ(shown_source(tuning(), later, kSource, "diff"),
            shown_source(tuning(), candidate(), kSource, "diff"));
}

TEST(ShownSource, LeavesASourceWithoutAPlanOrWithOtherKnobsAlone) {
  EXPECT_EQ(shown_source(tuning(), candidate(), "__global__ void f() {}\n", "diff"),
            "__global__ void f() {}\n");
  EXPECT_EQ(shown_source(tuning(), candidate(), "/*@plan\ntune C = 1 in {1};\n*/\n", "diff"),
            "/*@plan\ntune C = 1 in {1};\n*/\n");
  EXPECT_EQ(shown_source(tuning(), candidate(), "", "diff"), "");
}

}  // namespace
}  // namespace warpwright::engine
