// A study is a set of ordinary runs: it may stop anywhere, and does nothing twice.
#include "src/engine/study.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "src/engine/report_memory.h"
#include "src/engine/run_directory.h"
#include "src/engine/test_run.h"

namespace warpwright::engine {
namespace {

// Ctrl-C in the middle of the `nth` run.
class InterruptingView final : public report::LiveView {
 public:
  explicit InterruptingView(int nth) : runs_left_(nth) {}
  void update(const report::LiveStatus& status, int64_t) override {
    if (runs_left_ == 0 && status.evaluations >= 2) {
      runs_left_ = -1;
      ::raise(SIGINT);
    }
  }
  void note(const std::string& line) override { runs_left_ -= line.starts_with("study, run") ? 1 : 0; }
  void finish() override {}

 private:
  int runs_left_;
};

class StudyTest : public ::testing::Test {
 protected:
  StudyTest() : folder_(TempDirectory::create().value()) {}
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

  StudyPlan plan() const {
    StudyPlan plan;
    plan.definitions = {test_config(2, {"--ledger", path("ledger").string()})};
    plan.strategies = {"evolve", "best-of-n", "hill-climb"};
    plan.seeds = {1, 2};
    plan.max_evaluations = 10;
    return plan;
  }
  Result<StudyOutcome> study(const StudyPlan& plan, const std::string& name = "study") const {
    report::SilentView live;
    SystemClock clock;
    return run_study(plan, path(name), "", live, clock);
  }
  int64_t evaluated() const {
    int64_t lines = 0;
    for (const auto& [identity, count] : ledger_of(path("ledger"))) lines += count;
    return lines;
  }

  TempDirectory folder_;
};

TEST_F(StudyTest, EveryRunIsAnOrdinaryRunOfTheSameBudget) {
  const auto outcome = study(plan());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_FALSE(outcome->interrupted);
  ASSERT_EQ(outcome->study.runs.size(), 6u);
  for (const report::StudyRun& run : outcome->study.runs) {
    EXPECT_EQ(run.evaluations, 10) << run.folder;
    EXPECT_GE(run.best, run.best_seed) << run.folder;
    const History history = history_of(path("study") / run.folder);
    EXPECT_EQ(history.view.started->search.strategy, run.strategy);
    EXPECT_EQ(history.view.started->seed, run.seed);
  }
  for (const char* file : {"study.json", "study.md", "result.json"})
    EXPECT_TRUE(std::filesystem::exists(path("study") / file)) << file;
}

TEST_F(StudyTest, EqualProgramsAreEvaluatedOnceAndCountInEveryRun) {
  ASSERT_TRUE(study(plan()));
  for (const auto& [identity, count] : ledger_of(path("ledger"))) EXPECT_EQ(count, 1) << identity;
  EXPECT_LT(evaluated(), 60);
}

TEST_F(StudyTest, WhatARunRemembersChangesNothingOfIt) {
  ASSERT_TRUE(study(plan()));
  RunConfig alone = plan().definitions.front();
  alone.seed = 2;
  alone.input_seed = 1;
  alone.search.race_margin = 0;
  alone.max_evaluations = 10;
  ASSERT_TRUE(run(alone, path("alone")));
  const History expected = history_of(path("alone"));
  const History shared = history_of(study_run_folder(path("study"), alone.definition, "evolve", 2));
  EXPECT_EQ(shared.sequence, expected.sequence);
  EXPECT_EQ(shared.digest, expected.digest);
}

TEST_F(StudyTest, FinishedRunsAreNotRunAgainAndNewSeedsAreAdded) {
  StudyPlan grown = plan();
  ASSERT_TRUE(study(grown));
  const int64_t before = evaluated();
  const auto journal =
      RunDirectory(study_run_folder(path("study"), grown.definitions[0].definition, "evolve", 1)).journal();
  const auto written = std::filesystem::last_write_time(journal);
  ASSERT_TRUE(study(grown));
  EXPECT_EQ(evaluated(), before);
  EXPECT_EQ(std::filesystem::last_write_time(journal), written);
  grown.seeds = {3};
  const auto outcome = study(grown);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->study.runs.size(), 9u) << "the runs before are part of the study";
}

TEST_F(StudyTest, AnInterruptedStudyGoesOnAsIfItHadNotBeen) {
  StudyPlan slow = plan();  // so that the signal comes before the run's end
  for (const char* argument : {"--work", "6"}) slow.definitions[0].worker_arguments.emplace_back(argument);
  ASSERT_TRUE(study(slow, "whole"));
  // In a process of its own: a signal stays for good.
  EXPECT_EXIT(
      {
        InterruptingView live(3);
        SystemClock clock;
        const auto interrupted = run_study(slow, path("cut"), "", live, clock);
        std::_Exit(interrupted && interrupted->interrupted && interrupted->study.runs.size() == 2 ? 130 : 1);
      },
      ::testing::ExitedWithCode(130), "");
  const auto resumed_plan = resumed_study(path("cut"));
  ASSERT_TRUE(resumed_plan) << resumed_plan.error().message;
  const auto resumed = study(*resumed_plan, "cut");
  ASSERT_TRUE(resumed) << resumed.error().message;
  ASSERT_EQ(resumed->study.runs.size(), 6u);
  for (const report::StudyRun& run : resumed->study.runs)
    EXPECT_EQ(history_of(path("cut") / run.folder).sequence, history_of(path("whole") / run.folder).sequence)
        << run.folder;
}

TEST_F(StudyTest, AFolderKeepsItsBudgetAndItsConfiguration) {
  StudyPlan small = plan();
  small.strategies = {"best-of-n"};
  small.seeds = {1};
  ASSERT_TRUE(study(small));
  StudyPlan other = small;
  other.max_evaluations = 20;
  const auto budget = study(other);
  ASSERT_FALSE(budget);
  EXPECT_NE(budget.error().message.find("10 evaluations for each run"), std::string::npos)
      << budget.error().message;
  other = small;
  other.definitions[0].search.window = 3;
  const auto configuration = study(other);
  ASSERT_FALSE(configuration);
  EXPECT_NE(configuration.error().message.find("another configuration of gdn_decode"), std::string::npos);
}

TEST_F(StudyTest, WhatCannotBeComparedIsRefused) {
  StudyPlan twice = plan();
  twice.seeds = {1, 1};
  EXPECT_FALSE(check_study(twice));
  StudyPlan unknown = plan();
  unknown.strategies = {"luck"};
  EXPECT_FALSE(check_study(unknown));
  StudyPlan without_seeds = plan();
  without_seeds.definitions[0].agent = "scratch";
  const auto refused = check_study(without_seeds);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("no measure in common"), std::string::npos)
      << refused.error().message;
}

TEST(ReportMemory, KeepsOnlyWhatIsTheSameEveryTime) {
  const auto folder = TempDirectory::create().value();
  const ReportMemory memory(folder.path() / "reports");
  EvaluationReport report;
  report.status = Status::kPassed;
  report.result_key = "0a1b";
  report.timing.method = "cupti";
  memory.keep("0a1b", false, report);
  EXPECT_FALSE(memory.find("0a1b", false)) << "a measured time is a sample";
  report.status = Status::kTimeout;
  memory.keep("0a1b", false, report);
  EXPECT_FALSE(memory.find("0a1b", false)) << "load decides a timeout";
  report.status = Status::kPassed;
  report.timing.method = "sim-estimate";
  memory.keep("0a1b", false, report);
  ASSERT_TRUE(memory.find("0a1b", false));
  EXPECT_FALSE(memory.find("0a1b", true)) << "it has no profile";
  ASSERT_TRUE(write_file_atomic(folder.path() / "reports/0a1b.json", "{\"torn"));
  EXPECT_FALSE(memory.find("0a1b", false));
  EXPECT_FALSE(memory.find("../0a1b", false));
}

}  // namespace
}  // namespace warpwright::engine
