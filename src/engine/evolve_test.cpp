#include "src/engine/evolve.h"

#include <gtest/gtest.h>

#include "src/engine/engine.h"
#include "src/engine/evaluate_once.h"
#include "src/engine/run_directory.h"
#include "src/engine/test_run.h"

namespace warpwright::engine {
namespace {

class Evolve : public ::testing::Test {
 protected:
  Evolve() : folder_(TempDirectory::create().value()) {}
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  TempDirectory folder_;
};

TEST_F(Evolve, EndsWithExactlyItsBudgetAndWritesBestAndReport) {
  const auto outcome = run(test_config(), path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->stop, Stop::kBudget);
  EXPECT_EQ(outcome->evaluations, 12);
  ASSERT_TRUE(outcome->best);
  const History history = history_of(path("run"));
  EXPECT_EQ(history.finished.size(), 12u);
  EXPECT_GT(history.view.find(*outcome->best)->score, 1.0);
  EXPECT_EQ(history.view.finished_reason, "12 evaluations");
  const RunDirectory files(path("run"));
  for (const auto& file : {files.config(), files.best_source(), files.best_record(), files.report_text()})
    EXPECT_TRUE(std::filesystem::exists(file)) << file;
  EXPECT_NE(read_file(files.report_text())->find("sim-estimate"), std::string::npos);
}

TEST_F(Evolve, SameSeedSameCandidatesWithAnyNumberOfWorkers) {
  std::vector<History> histories;
  for (const int workers : {1, 2, 5}) {
    const auto directory = path("run" + std::to_string(workers));
    const auto outcome = run(test_config(workers, {"--work", "2"}), directory);
    ASSERT_TRUE(outcome) << outcome.error().message;
    histories.push_back(history_of(directory));
  }
  EXPECT_GE(histories[0].sequence.size(), 24u);
  for (size_t i = 1; i < histories.size(); ++i) {
    EXPECT_EQ(histories[0].sequence, histories[i].sequence);
    EXPECT_EQ(histories[0].digest, histories[i].digest);
  }
}

// Of the candidates with better scores only those lead that beat the leader of their time.
TEST_F(Evolve, MeasuredCandidatesLeadOnlyAfterAWonDuelAndTheLastOneIsHeldToo) {
  std::vector<History> histories;
  for (const int workers : {1, 4}) {
    const auto directory = path("run" + std::to_string(workers));
    RunConfig config = test_config(workers, {"--measures", "--ledger", path("ledger").string()});
    config.executor = "cuda";
    const auto outcome = run(config, directory);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->evaluations, 12) << "a duel is no evaluation";
    histories.push_back(history_of(directory));
  }
  EXPECT_EQ(histories[0].sequence, histories[1].sequence);
  EXPECT_EQ(histories[0].digest, histories[1].digest);
  const events::RunView& view = histories[0].view;
  ASSERT_FALSE(view.duels.empty());
  std::optional<events::CandidateId> leader = view.find(0)->id;
  for (const auto& [pair, duel] : view.duels) {
    EXPECT_EQ(pair.second, *leader) << "duels are fought with the leader, in order";
    EXPECT_EQ(duel.is_won(), duel.ratio < 0.8);
    if (duel.is_won()) leader = pair.first;
  }
  EXPECT_EQ(view.best, leader);
}

TEST_F(Evolve, AnotherSeedGivesOtherCandidates) {
  RunConfig config = test_config();
  ASSERT_TRUE(run(config, path("a")));
  config.seed = 6;
  ASSERT_TRUE(run(config, path("b")));
  EXPECT_NE(history_of(path("a")).sequence, history_of(path("b")).sequence);
}

TEST_F(Evolve, EqualProgramsAreEvaluatedOnceAndASearchedSpaceEndsTheRun) {
  RunConfig config = test_config(2, {"--ledger", path("ledger").string()});
  config.max_evaluations = 1000;
  const auto outcome = run(config, path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->stop, Stop::kExhausted);
  // plain: 5 x 3 programs, twice that many assignments; other: 3 of 4 (one is refused by `require`).
  EXPECT_EQ(outcome->evaluations, 18);
  for (const auto& [identity, count] : ledger_of(path("ledger"))) EXPECT_EQ(count, 1) << identity;
  EXPECT_EQ(history_of(path("run")).view.counters.duplicates, 15);
}

TEST_F(Evolve, ScriptedAnswersBecomeCandidatesOrSayWhyNot) {
  RunConfig config = test_config();
  config.scripted_folder = "src/engine/testdata/answers";
  config.search.operators = {{"tune", 0.2}, {"scripted", 0.8}};
  const auto outcome = run(config, path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const events::RunView view = history_of(path("run")).view;
  EXPECT_EQ(view.counters.by_operator.at("scripted"), 4);
  EXPECT_EQ(view.counters.by_phase[static_cast<size_t>(events::Phase::kProposalFailed)], 1);
  EXPECT_EQ(view.counters.by_status.at(Status::kCompileError), 1);
  EXPECT_EQ(view.counters.by_status.at(Status::kIncorrectNumerical), 1);
}

TEST_F(Evolve, ABrokenBaselineEndsTheRunAndSaysSo) {
  RunConfig config = test_config();
  config.seeds_folder = path("seeds").string();
  ASSERT_TRUE(warpwright::create_directories(path("seeds")));
  ASSERT_TRUE(write_file_atomic(path("seeds") / "plain.cu", "// syntax_error\n"));
  const auto outcome = run(config, path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_FALSE(outcome->best);
  EXPECT_NE(outcome->reason.find("syntax_error"), std::string::npos) << outcome->reason;
}

TEST_F(Evolve, NothingIsWrittenWhereNoWorkerCanStart) {
  const auto outcome = run(test_config(2, {"--bye-at-start"}), path("run"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(outcome.error().message.find("NVRTC is missing"), std::string::npos) << outcome.error().message;
  EXPECT_FALSE(std::filesystem::exists(path("run")));
}

TEST_F(Evolve, MistakesAreUsageErrorsBeforeAnythingIsWritten) {
  RunConfig unknown = test_config();
  unknown.definition = "gdn_decode_qk4_v8_d128_k_lost";
  RunConfig no_seeds = test_config();
  no_seeds.seeds_folder = path("nothing").string();
  RunConfig no_device = test_config();
  no_device.device = "b300";
  for (const RunConfig& config : {unknown, no_seeds, no_device}) {
    const auto outcome = run(config, path("run"));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, ErrorKind::kUsage) << outcome.error().message;
  }
  EXPECT_FALSE(std::filesystem::exists(path("run")));
  EXPECT_FALSE(run(test_config(), "/dev/null/run"));
}

TEST_F(Evolve, ARunFolderIsNotStartedTwice) {
  RunConfig config = test_config();
  config.max_evaluations = 3;
  ASSERT_TRUE(run(config, path("run")));
  const auto again = run(config, path("run"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kUsage);
  EXPECT_NE(again.error().message.find("--resume"), std::string::npos);
}

TEST_F(Evolve, AFinishedRunGoesOnWithALargerBudgetButNotWithAnotherSeed) {
  RunConfig config = test_config(2, {"--ledger", path("ledger").string()});
  config.max_evaluations = 10;
  ASSERT_TRUE(run(config, path("run")));
  auto resumed = resumed_config(path("run"));
  ASSERT_TRUE(resumed) << resumed.error().message;
  resumed->max_evaluations = 15;
  const auto outcome = run(*resumed, path("run"), Resume::kYes);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->evaluations, 15);
  for (const auto& [identity, count] : ledger_of(path("ledger"))) EXPECT_EQ(count, 1) << identity;

  resumed->seed = 77;
  const auto refused = run(*resumed, path("run"), Resume::kYes);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("run.seed"), std::string::npos) << refused.error().message;
}

TEST_F(Evolve, ACandidateThatKillsItsWorkersIsSetApartAndTheRunGoesOn) {
  ASSERT_TRUE(warpwright::create_directories(path("answers")));
  ASSERT_TRUE(
      write_file_atomic(path("answers") / "1.cu",
                        "//@fake crash\n/*@plan\nx<<<dim3(batch_size), 96>>>(q, output, new_state);\n*/\n"
                        "__global__ void x() {}\n"));
  RunConfig config = test_config();
  config.max_evaluations = 8;
  config.scripted_folder = path("answers").string();
  config.search.operators = {{"tune", 0.1}, {"scripted", 0.9}};
  const auto outcome = run(config, path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->evaluations, 8);
  const events::RunView view = history_of(path("run")).view;
  EXPECT_EQ(view.counters.by_phase[static_cast<size_t>(events::Phase::kAbandoned)], 1);
  EXPECT_EQ(view.counters.by_status.count(Status::kWorkerLost), 0u);
}

// Crashing, hanging up, writing without end or sense, and reports that read well and are not true.
TEST_F(Evolve, AHostileEvaluatorNeverEndsTheRun) {
  const std::vector<std::string> lost = {"crash",        "exit0",           "endless",      "oversize",
                                         "bad_json",     "not_a_number",    "worker_lost",  "no_key",
                                         "no_workloads", "other_workloads", "negative_time"};
  const std::vector<std::string> odd = {"garbage", "flood_stderr", "twice", "wrong_id", "banner"};
  ASSERT_TRUE(warpwright::create_directories(path("answers")));
  int file = 10;
  for (const auto* behaviours : {&lost, &odd})
    for (const std::string& behaviour : *behaviours)
      ASSERT_TRUE(write_file_atomic(path("answers") / (std::to_string(file++) + ".cu"),
                                    "//@fake " + behaviour +
                                        "\n/*@plan\nx<<<dim3(batch_size), 96>>>(q, output, new_state);\n*/\n"
                                        "__global__ void x() {}\n"));
  RunConfig config = test_config(2);
  config.max_evaluations = 30;
  config.scripted_folder = path("answers").string();
  config.search.operators = {{"tune", 0.2}, {"scripted", 0.8}};
  const auto outcome = run(config, path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const events::RunView view = history_of(path("run")).view;
  EXPECT_EQ(view.counters.by_phase[static_cast<size_t>(events::Phase::kAbandoned)],
            static_cast<int64_t>(lost.size()));
  EXPECT_EQ(view.counters.by_operator.at("scripted"), static_cast<int64_t>(lost.size() + odd.size()));
  EXPECT_EQ(view.counters.by_status.count(Status::kWorkerLost), 0u);
  ASSERT_TRUE(outcome->best);
  EXPECT_LT(view.find(*outcome->best)->score, 100) << "no lie leads";
}

// The fake worker lets every villain pass, as a broken evaluator would.
TEST_F(Evolve, NoSearchWhereACheatWouldScore) {
  ::setenv("WARPWRIGHT_CACHE", path("cache").c_str(), 1);
  RunConfig config = test_config();
  config.red_team = true;
  const auto outcome = run(config, path("run"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(outcome.error().message.find("the villain a_behind_a_constant_pointer would score"),
            std::string::npos)
      << outcome.error().message;
  EXPECT_FALSE(std::filesystem::exists(path("run"))) << "nothing was written";

  EXPECT_FALSE(std::filesystem::exists(path("cache") / "red-team")) << "only a clean pass is remembered";

  config.red_team = false;
  ASSERT_TRUE(run(config, path("run")));
  const auto report = read_file(RunDirectory(path("run")).report_text());
  ::unsetenv("WARPWRIGHT_CACHE");
  ASSERT_TRUE(report);
  EXPECT_NE(report->find("red team     SKIPPED"), std::string::npos) << *report;
}

TEST_F(Evolve, TimeBudgetEndsTheRun) {
  RunConfig config = test_config(1, {"--work", "50"});
  config.max_evaluations = 1000;
  config.max_minutes = 0.005;
  const auto outcome = run(config, path("run"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->stop, Stop::kTime);
}

TEST(EvaluateOnce, RunsOneRequestAndSaysWhichExecutorTookIt) {
  workers::WorkerSettings settings;
  settings.worker_path = FAKE_WORKER;
  EvaluationRequest request;
  request.id = "once";
  request.definition = "any";
  request.source = "// knob::A";
  std::vector<Stage> stages;
  const auto result = evaluate_once(settings, request, [&](Stage stage) { stages.push_back(stage); });
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->report.status, Status::kPassed);
  EXPECT_EQ(result->hello.executor, "sim");
  EXPECT_EQ(stages, std::vector<Stage>{Stage::kCompile});

  settings.worker_path = "/nonexistent";
  settings.respawn_base_ms = 1;
  const auto failed = evaluate_once(settings, request, {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kInfrastructure);
}

TEST(RequestId, NamesItsWork) {
  for (const WorkItem item : {WorkItem{WorkKind::kCompile, 0}, WorkItem{WorkKind::kEvaluate, 1234},
                              WorkItem{WorkKind::kDuel, 7}, WorkItem{WorkKind::kFinal, 3}})
    EXPECT_EQ(work_of_request(request_id(item)), item);
  for (const char* id : {"", "t", "t1", "x1/compile", "t1/compiles", "t/compile"})
    EXPECT_FALSE(work_of_request(id)) << id;
}

TEST(WithDefaultKnobs, ReplacesDeclaredDefaultsInThePlanOnly) {
  const std::string source =
      "// tune A = 1 in {1, 2}\n/*@plan\ntune A = 1 in {1, 2};\ntune AB=3 in {3};\n*/\n";
  EXPECT_EQ(with_default_knobs(source, {{"A", "2"}, {"AB", "4"}, {"C", "9"}}),
            "// tune A = 1 in {1, 2}\n/*@plan\ntune A = 2 in {1, 2};\ntune AB=4 in {3};\n*/\n");
  const auto declared = [](const std::string& text) {
    return with_default_knobs("/*@plan " + text, {{"A", "9"}}).substr(8);
  };
  EXPECT_EQ(declared("tune\n  A\t= -0.5\nin {1}"), "tune\n  A\t= 9\nin {1}");
  for (const char* other : {"retune A = 1 in {1}", "tuneA = 1 in {1}", "tune B = A in {1}", "tune A = 1; in",
                            "tune A = 1 inner", "tune A 1 in", "tune A =", "tune A", "tune"})
    EXPECT_EQ(declared(other), other);
  EXPECT_EQ(declared("tune A = 1; tune A = 2 in"), "tune A = 1; tune A = 9 in");
}

TEST(DefaultRunDirectory, NamesConfigurationAndTime) {
  EXPECT_EQ(default_run_directory("runs", "gdn", 1'700'000'000'000), "runs/gdn-20231114-221320");
}

}  // namespace
}  // namespace warpwright::engine
