// What a run saves, and what it spends at its end: near duplicates, races and finalists, with the fake
// worker.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "src/engine/run_directory.h"
#include "src/engine/test_run.h"
#include "src/search/finalists.h"

namespace warpwright::engine {
namespace {

class Economy : public ::testing::Test {
 protected:
  Economy() : folder_(TempDirectory::create().value()) {}
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  // A run with one seed, and answers of a scripted model that are the seed again under other names: only the
  // identity tells them apart.
  RunConfig config_with_answers_like_the_seed(int count) const {
    const std::string seed =
        "/*@plan\ntune ROWS = 16 in {1, 2, 4, 8, 16};\n"
        "plain<<<dim3(batch_size), 128>>>(q, output, new_state);\n*/\n"
        "__global__ void plain() { (void)knob::ROWS; }\n";
    for (const char* folder : {"seeds", "answers"}) EXPECT_TRUE(warpwright::create_directories(path(folder)));
    EXPECT_TRUE(write_file_atomic(path("seeds") / "plain.cu", seed));
    for (int k = 0; k < count; ++k)
      EXPECT_TRUE(write_file_atomic(
          path("answers") / fmt::format("answer{}.md", k),
          fmt::format("```cuda\n{}//@alike\n__device__ int f{}() {{ return 0; }}\n```\n", seed, k)));
    RunConfig config = test_config(3, {"--ledger", path("ledger").string()});
    config.seeds_folder = path("seeds").string();
    config.scripted_folder = path("answers").string();
    config.search.operators = {{"tune", 0.3}, {"scripted", 0.7}};
    config.search.tuning_budget = 0;
    return config;
  }
  TempDirectory folder_;
};

TEST_F(Economy, NearDuplicatesCostNoEvaluation) {
  const auto outcome = run(config_with_answers_like_the_seed(6), path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const events::RunView view = history_of(path("run")).view;
  EXPECT_EQ(view.counters.by_operator.at("scripted"), 6);
  EXPECT_GE(view.counters.near_duplicates, 4);
  const auto evaluated = ledger_of(path("ledger"));
  std::map<KnobValues, events::CandidateId> first;  // of the programs, by setting
  for (const auto& [id, candidate] : view.candidates) {
    if (candidate.phase != events::Phase::kApplied) continue;
    const auto [known, is_new] = first.try_emplace(candidate.knobs, id);
    if (is_new) continue;
    EXPECT_EQ(candidate.duplicate_of, known->second);
    EXPECT_EQ(candidate.score, view.find(known->second)->score);
    const bool is_like_the_seed = known->second == 0;
    EXPECT_FALSE(is_like_the_seed && evaluated.contains(candidate.identity)) << id;
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
