// Races of whole evaluations: on the simulator, and on a device with times by script.
#include "evaluator/service/race_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "evaluator/exec/recorded_executor.h"
#include "evaluator/service/evaluator.h"
#include "src/base/files.h"

namespace warpwright::service {
namespace {

constexpr const char* kDefinition = "gdn_decode_qk4_v8_d128_k_last";
constexpr const char* kSelection = "0,10,18,25";  // batches of 1, 4, 8, 16

std::unique_ptr<Evaluator> make_evaluator(EvaluatorOptions options = {}) {
  options.home = find_home().value();
  auto evaluator = Evaluator::create(options);
  if (!evaluator) throw std::runtime_error(evaluator.error().message);
  return std::move(*evaluator);
}

EvaluationRequest request_for(const std::string& selection) {
  EvaluationRequest request;
  request.id = "race";
  request.definition = kDefinition;
  request.source = read_file(find_home().value() / "seeds" / request.definition / "plain.cu").value();
  request.selection = selection;
  return request;
}

// Of this program with itself as baseline: what is not run yet is expected to be `best_ratio` times as fast.
Race race_of(const EvaluationReport& whole, double floor, double best_ratio) {
  Race race;
  race.floor = floor;
  for (const WorkloadReport& workload : whole.workloads)
    race.workloads.push_back({workload.uuids.front(), workload.weight, workload.latency_us, best_ratio});
  std::reverse(race.workloads.begin(), race.workloads.end());
  return race;
}

class RaceOnTheSimulator : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    evaluator_ = make_evaluator();
    whole_ = evaluator_->evaluate(request_for(kSelection), {});
    ASSERT_EQ(whole_.status, Status::kPassed) << whole_.message;
    ASSERT_EQ(whole_.workloads.size(), 4u);
  }
  static void TearDownTestSuite() { evaluator_.reset(); }

  static EvaluationReport run(const std::optional<Race>& race, Stage last_stage = Stage::kTime) {
    EvaluationRequest request = request_for(kSelection);
    request.race = race;
    request.last_stage = last_stage;
    return evaluator_->evaluate(request, {});
  }

  static std::unique_ptr<Evaluator> evaluator_;
  static EvaluationReport whole_;
};
std::unique_ptr<Evaluator> RaceOnTheSimulator::evaluator_;
EvaluationReport RaceOnTheSimulator::whole_;

TEST_F(RaceOnTheSimulator, IsLostAsSoonAsTheBoundIsBelowTheFloor) {
  double weights = 0;
  for (const WorkloadReport& workload : whole_.workloads) weights += workload.weight;
  size_t run_before = 0;
  for (const double floor : {2.9, 2.0, 1.6}) {
    const EvaluationReport report = run(race_of(whole_, floor, 3));
    ASSERT_EQ(report.status, Status::kPassed) << report.message;
    EXPECT_TRUE(report.lost_race);
    EXPECT_LT(report.race_bound, floor);
    EXPECT_LT(report.workloads.size(), whole_.workloads.size());
    EXPECT_GE(report.workloads.size(), run_before) << "a lower floor takes no less to be missed";
    run_before = report.workloads.size();
    double bound = 0;
    for (const WorkloadReport& workload : whole_.workloads) bound += 3 * workload.weight / weights;
    for (const WorkloadReport& workload : report.workloads) {
      EXPECT_GT(workload.latency_us, 0);
      bound -= 2 * workload.weight / weights;
    }
    EXPECT_NEAR(report.race_bound, bound, 1e-9);
    EXPECT_EQ(report.timing.method, "sim-estimate");
    EXPECT_EQ(report.stage, Stage::kTime);
  }
  EXPECT_GT(run_before, 1u);
}

TEST_F(RaceOnTheSimulator, ThatIsNotLostChangesNothingButTheKey) {
  const EvaluationReport report = run(race_of(whole_, 0.9, 1));
  EXPECT_FALSE(report.lost_race);
  EXPECT_EQ(report.race_bound, 0);
  EXPECT_NE(report.result_key, whole_.result_key);
  EXPECT_EQ(report.identity, whole_.identity);
  ASSERT_EQ(report.workloads.size(), whole_.workloads.size());
  for (size_t k = 0; k < report.workloads.size(); ++k) {
    EXPECT_EQ(report.workloads[k].uuids, whole_.workloads[k].uuids)
        << "the order of reports is the selection's";
    EXPECT_EQ(report.workloads[k].latency_us, whole_.workloads[k].latency_us);
    EXPECT_EQ(report.workloads[k].outputs_hash, whole_.workloads[k].outputs_hash);
  }
}

TEST_F(RaceOnTheSimulator, StopsNobodyWhoIsTheFastestSomewhere) {
  Race race = race_of(whole_, 2, 1.5);
  for (RaceWorkload& workload : race.workloads) workload.baseline_us *= 1.6;
  EXPECT_FALSE(run(race).lost_race);
  for (RaceWorkload& workload : race.workloads) workload.best_ratio = 1.7;
  EXPECT_TRUE(run(race).lost_race);
}

TEST_F(RaceOnTheSimulator, OfOtherWorkloadsOrWithoutTimesIsNone) {
  Race race = race_of(whole_, 5, 1);
  EXPECT_FALSE(run(race, Stage::kValidate).lost_race);
  race.workloads.pop_back();
  const EvaluationReport report = run(race);
  EXPECT_FALSE(report.lost_race);
  EXPECT_EQ(report.workloads.size(), 4u);
  EXPECT_TRUE(std::any_of(report.warnings.begin(), report.warnings.end(),
                          [](const std::string& warning) { return warning.starts_with("no race"); }));
}

TEST_F(RaceOnTheSimulator, ADuelIsFoughtToItsEnd) {
  EvaluationRequest request = request_for("0");
  request.race = race_of(whole_, 5, 1);
  request.last_stage = Stage::kSmoke;
  request.rival = Rival{request.source, "rival.cu", {}, 0.15};
  const EvaluationReport report = evaluator_->evaluate(request, {});
  EXPECT_FALSE(report.lost_race);
  ASSERT_TRUE(report.duel);
  EXPECT_EQ(report.duel->verdict, "TIE");
}

class RaceOnADevice : public testing::Test {
 protected:
  RaceOnADevice() {
    recording_.device = exec::recorded_device();
    recording_.sample = [](const exec::RecordedShot&) {
      cuda::Sample sample;
      sample.span_us = sample.events_us = 10;
      sample.sm_clock_mhz = 1965;
      return sample;
    };
    EvaluatorOptions options;
    options.open_executor = [this](std::string_view) -> Result<std::unique_ptr<exec::Executor>> {
      return exec::make_recorded_executor(recording_);
    };
    evaluator_ = make_evaluator(options);
  }

  exec::Recording recording_;
  std::unique_ptr<Evaluator> evaluator_;
};

// Everything is validated, and timing stops.
TEST_F(RaceOnADevice, StopsTheTiming) {
  EvaluationRequest request = request_for("0,10");
  const EvaluationReport whole = evaluator_->evaluate(request, {});
  ASSERT_EQ(whole.status, Status::kPassed) << whole.message;
  ASSERT_GE(whole.workloads.size(), 2u);
  request.race = race_of(whole, 1.9, 2);
  const EvaluationReport lost = evaluator_->evaluate(request, {});
  EXPECT_EQ(lost.status, Status::kPassed) << lost.message;
  EXPECT_TRUE(lost.lost_race);
  ASSERT_EQ(lost.workloads.size(), 1u);
  EXPECT_EQ(lost.workloads[0].uuids.front(), request.race->workloads[0].uuid);
  EXPECT_FALSE(lost.workloads[0].outputs_hash.empty());
  EXPECT_EQ(lost.timing.method, "cupti");
}

TEST_F(RaceOnADevice, AskedForManySamplesTimesThatOften) {
  EvaluationRequest request = request_for("0");
  const std::string key = evaluator_->evaluate(request, {}).result_key;
  request.min_samples = 220;
  for (const std::string profile : {"contest", "strict"}) {
    request.timing_profile = profile;
    const EvaluationReport often = evaluator_->evaluate(request, {});
    ASSERT_EQ(often.status, Status::kPassed) << often.message;
    for (const WorkloadReport& workload : often.workloads) EXPECT_GE(workload.samples, 220) << profile;
    EXPECT_NE(often.result_key, key);
  }
}

}  // namespace
}  // namespace warpwright::service
