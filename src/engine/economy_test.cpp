// What a run saves, and what it spends at its end: near duplicates, races and finalists, with the fake
// worker.
#include <gtest/gtest.h>

#include "src/engine/run_directory.h"
#include "src/engine/test_run.h"
#include "src/search/finalists.h"

namespace warpwright::engine {
namespace {

class Economy : public ::testing::Test {
 protected:
  Economy() : folder_(TempDirectory::create().value()) {}
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  // Answers of a scripted model: the plain seed again and again, which only its identity tells apart.
  std::string answers_like_the_seed(int count) const {
    const std::string seed = read_file("src/engine/testdata/seeds/plain.cu").value();
    EXPECT_TRUE(warpwright::create_directories(path("answers")));
    for (int k = 0; k < count; ++k)
      EXPECT_TRUE(write_file_atomic(path("answers") / ("answer" + std::to_string(k) + ".md"),
                                    "```cuda\n" + seed + "//@alike " + std::to_string(k) + "\n```\n"));
    return path("answers").string();
  }
  TempDirectory folder_;
};

TEST_F(Economy, NearDuplicatesCostNoEvaluation) {
  RunConfig config = test_config(3, {"--ledger", path("ledger").string()});
  config.scripted_folder = answers_like_the_seed(6);
  config.search.operators = {{"tune", 0.3}, {"scripted", 0.7}};
  config.search.tuning_budget = 0;
  const auto outcome = run(config, path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const events::RunView view = history_of(path("run")).view;
  EXPECT_EQ(view.counters.by_operator.at("scripted"), 6);
  EXPECT_GE(view.counters.near_duplicates, 6);
  const auto evaluated = ledger_of(path("ledger"));
  for (const auto& [id, candidate] : view.candidates) {
    if (candidate.origin.op != "scripted") continue;
    EXPECT_EQ(candidate.duplicate_of, view.baseline->candidate);
    EXPECT_EQ(candidate.score, 1);
    EXPECT_FALSE(evaluated.contains(candidate.identity));
  }
}

TEST_F(Economy, RacesAreTheSameWithAnyNumberOfWorkers) {
  std::vector<History> histories;
  for (const int workers : {1, 4}) {
    RunConfig config = test_config(workers, {"--work", "2"});
    config.max_evaluations = 16;
    config.search.race_margin = 0.05;
    const auto outcome = run(config, path("run" + std::to_string(workers)));
    ASSERT_TRUE(outcome) << outcome.error().message;
    histories.push_back(history_of(path("run" + std::to_string(workers))));
  }
  EXPECT_EQ(histories[0].sequence, histories[1].sequence);
  EXPECT_EQ(histories[0].digest, histories[1].digest);
  EXPECT_FALSE(histories[0].view.races.empty());
  EXPECT_GT(histories[0].view.counters.lost_races, 0);
  for (const auto& [id, candidate] : histories[0].view.candidates) {
    if (!candidate.lost_race) continue;
    EXPECT_LT(candidate.score, histories[0].view.find(*histories[0].view.best)->score);
  }
  EXPECT_NE(read_file(RunDirectory(path("run1")).report_text())->find("lost its race"), std::string::npos);
}

TEST_F(Economy, TheBestOfAMeasuredRunAreMeasuredOnceMoreAndOnlyOnce) {
  RunConfig config = test_config(2, {"--measures"});
  config.executor = "cuda";
  const auto outcome = run(config, path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const events::RunView view = history_of(path("run")).view;
  EXPECT_EQ(view.finalists.size(), search::kFinalists);
  EXPECT_TRUE(view.finalists.contains(*view.best));
  EXPECT_EQ(view.counters.evaluations, 12) << "a finalist is no evaluation";
  EXPECT_TRUE(search::finalists_to_measure(view).empty());
  const std::string report = read_file(RunDirectory(path("run")).report_text()).value();
  EXPECT_NE(report.find("measured once more"), std::string::npos) << report;

  const auto again = run(config, path("run"), Resume::kYes);
  ASSERT_TRUE(again) << again.error().message;
  const auto journal = journal::Journal::open_read_only(path("run"));
  int measured = 0;
  const auto records = journal->read_events();
  for (const events::Record& record : *records)
    measured += std::holds_alternative<events::FinalistMeasured>(record.event) ? 1 : 0;
  EXPECT_EQ(measured, static_cast<int>(search::kFinalists));
}

TEST_F(Economy, EstimatesAreExactAndNotReplayed) {
  const auto outcome = run(test_config(), path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(history_of(path("run")).view.finalists.empty());
  const std::string report = read_file(RunDirectory(path("run")).report_text()).value();
  EXPECT_NE(report.find("estimates are exact"), std::string::npos) << report;
}

}  // namespace
}  // namespace warpwright::engine
