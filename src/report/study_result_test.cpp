// What a study concludes from runs whose curves are known.
#include "src/report/study_result.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/report/study_text.h"

namespace warpwright::report {
namespace {

// Best is `first` until `rise_at` evaluations and `last` from then on.
StudyRun make_run(const std::string& strategy, uint64_t seed, double first, double last, int64_t rise_at,
                  const std::string& definition = "toy") {
  StudyRun run;
  run.definition = definition;
  run.strategy = strategy;
  run.seed = seed;
  run.best_seed = first;
  run.tie_margin = 0.15;
  run.finished = "8 evaluations";
  for (int64_t k = 1; k <= 8; ++k)
    run.steps.push_back({k, 0.25 * static_cast<double>(k), k < rise_at ? first : last});
  run.evaluations = 8;
  run.dollars = 2;
  run.best = last;
  return run;
}

Study study_of(std::vector<StudyRun> runs) {
  Study study;
  study.strategies = {"evolve", "best-of-n"};
  study.max_evaluations = 8;
  study.runs = std::move(runs);
  return study;
}

TEST(Study, ACurveIsReadAtSharesOfTheBudget) {
  const StudyRun run = make_run("evolve", 1, 2, 4, 5);
  Study study = study_of({run});
  EXPECT_DOUBLE_EQ(best_at(run, study, 0.5), 2);
  EXPECT_DOUBLE_EQ(best_at(run, study, 0.625), 4);
  study.max_dollars = 4;  // the run spent 2 of them: its first half is all there is
  EXPECT_DOUBLE_EQ(best_at(run, study, 0.25), 2);
  EXPECT_DOUBLE_EQ(best_at(run, study, 0.5), 4);
  EXPECT_DOUBLE_EQ(best_at(run, study, 1), 4);
}

TEST(Study, FiguresOfACellAreThoseOfItsRuns) {
  const Study study = study_of({make_run("evolve", 1, 2, 4, 5), make_run("evolve", 2, 2, 8, 5)});
  const StudyCell cell = summarize(study).cells.at(0);
  EXPECT_EQ(cell.runs, 2u);
  EXPECT_DOUBLE_EQ(cell.medians.at(1), 2);
  EXPECT_DOUBLE_EQ(cell.medians.at(3), 6);
  EXPECT_NEAR(cell.worth.value, std::log(4.0 * 8) / 2, 1e-12);
  EXPECT_NEAR(cell.per_evaluation.value, std::log(4.0 * 8) / 2 / 8, 1e-12);
  ASSERT_TRUE(cell.per_dollar);
  EXPECT_NEAR(cell.per_dollar->value, std::log(4.0 * 8) / 2 / 2, 1e-12);
  EXPECT_DOUBLE_EQ(cell.best_seed, 2);
  // From an eighth of the budget to five eighths at ln 2, then at ln 4 or ln 8.
  EXPECT_NEAR(cell.area.value, 0.5 * std::log(2.0) + 0.375 * std::log(32.0) / 2, 0.02);
}

std::vector<StudyRun> duel(double factor_step) {
  std::vector<StudyRun> runs;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const double noise = 1 + 0.02 * static_cast<double>(seed);
    runs.push_back(make_run("evolve", seed, 1, 3 * noise * factor_step, 3));
    runs.push_back(make_run("best-of-n", seed, 1, 3 * (1.2 - 0.02 * static_cast<double>(seed)), 3));
  }
  return runs;
}

TEST(Study, AClearDifferenceIsAVerdict) {
  const StudySummary summary = summarize(study_of(duel(1.5)));
  const StudyDuel& result = summary.duels.at(0);
  EXPECT_EQ(result.ahead, 5);
  EXPECT_TRUE(verdict_of(result).starts_with("evolve is ahead: +0.3")) << verdict_of(result);
  const StudyDuel other = summarize(study_of(duel(0.7))).duels.at(0);
  EXPECT_TRUE(verdict_of(other).starts_with("best-of-n is ahead: -0.4")) << verdict_of(other);
}

TEST(Study, WhatAnEstimateCannotTellApartIsSaidSo) {
  const std::string small = verdict_of(summarize(study_of(duel(1.16))).duels.at(0));
  EXPECT_NE(small.find("evolve is ahead"), std::string::npos) << small;
  EXPECT_NE(small.find("less than the 15 % within which estimates tie"), std::string::npos) << small;
}

TEST(Study, DifferencesOfBothSignsShowNothing) {
  std::vector<StudyRun> runs;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    runs.push_back(make_run("evolve", seed, 1, seed % 2 == 0 ? 4 : 3, 3));
    runs.push_back(make_run("best-of-n", seed, 1, seed % 2 == 0 ? 3 : 4, 3));
  }
  EXPECT_TRUE(verdict_of(summarize(study_of(runs)).duels.at(0)).starts_with("no difference shown: "));
}

TEST(Study, OnlyPairsOfEqualSeedsAreCompared) {
  const StudySummary summary =
      summarize(study_of({make_run("evolve", 1, 1, 3, 3), make_run("best-of-n", 2, 1, 2, 3)}));
  EXPECT_EQ(summary.duels.at(0).difference.count, 0u);
  EXPECT_TRUE(verdict_of(summary.duels.at(0)).starts_with("no verdict: 0 pairs"));
}

TEST(Study, DefinitionsWeighAlikeInTheWhole) {
  std::vector<StudyRun> runs;
  for (uint64_t seed = 1; seed <= 9; ++seed) {
    runs.push_back(make_run("evolve", seed, 1, 2, 3, "often"));
    runs.push_back(make_run("best-of-n", seed, 1, 2, 3, "often"));
  }
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    runs.push_back(make_run("evolve", seed, 1, std::exp(1.0), 3, "seldom"));
    runs.push_back(make_run("best-of-n", seed, 1, 1, 3, "seldom"));
  }
  const StudySummary summary = summarize(study_of(runs));
  ASSERT_EQ(summary.duels.size(), 3u);
  EXPECT_TRUE(summary.duels[2].definition.empty());
  EXPECT_NEAR(summary.duels[2].difference.value, 0.5, 1e-9);
  EXPECT_EQ(summary.duels[2].equal, 9);
}

TEST(Study, ARunInWhichNothingPassedIsWorthNothing) {
  StudyRun run = make_run("evolve", 1, 0, 0, 3);
  run.best = 0;
  const StudyCell cell = summarize(study_of({run})).cells.at(0);
  EXPECT_EQ(cell.worth.value, 0);
  EXPECT_EQ(cell.area.value, 0);
}

TEST(Study, EveryFormSaysThatTimesAreEstimates) {
  const Study study = study_of(duel(1.5));
  EXPECT_NE(render_study_text(study).find("ESTIMATES"), std::string::npos);
  const std::string markdown = render_study_markdown(study, {"warpwright study --definition toy"});
  EXPECT_NE(markdown.find("ESTIMATES"), std::string::npos);
  EXPECT_NE(markdown.find("warpwright study --definition toy"), std::string::npos);
  const Json json = to_json(study);
  EXPECT_EQ(json["comparisons"][0]["ahead"], 5);
  EXPECT_EQ(json["runs"].size(), 10u);
}

// The curve is in the order of tickets, an equal program costs nothing, a lost race is no result.
TEST(Study, ARunsCurveCountsWhatWasEvaluated) {
  events::RunView view;
  events::RunStarted started;
  started.definition = "toy";
  started.seed = 7;
  started.seeds = {{"plain.cu", "p"}};
  started.search.strategy = "hill-climb";
  view.started = started;
  const auto add = [&](Status status, double score, int64_t microdollars, bool is_duplicate, bool lost_race) {
    const auto id = static_cast<events::CandidateId>(view.candidates.size());
    events::Candidate c;
    c.id = id;
    c.phase = events::Phase::kApplied;
    c.status = status;
    c.score = score;
    c.microdollars = microdollars;
    c.lost_race = lost_race;
    if (is_duplicate) c.duplicate_of = 0;
    view.candidates[id] = c;
    view.applied = id + 1;
  };
  add(Status::kPassed, 1, 0, false, false);
  add(Status::kPassed, 2, 500'000, false, false);
  add(Status::kPassed, 2, 250'000, true, false);
  add(Status::kPassed, 9, 0, false, true);
  add(Status::kTimeout, 0, 250'000, false, false);
  view.best = 1;
  const StudyRun run = study_run_of(view);
  EXPECT_EQ(run.strategy, "hill-climb");
  ASSERT_EQ(run.steps.size(), 5u);
  EXPECT_EQ(run.steps.back().evaluations, 4);
  EXPECT_DOUBLE_EQ(run.steps.back().dollars, 1);
  EXPECT_DOUBLE_EQ(run.steps.back().best, 2);
  EXPECT_DOUBLE_EQ(run.best_seed, 1);
  EXPECT_DOUBLE_EQ(run.best, 2);
}

}  // namespace
}  // namespace warpwright::report
