// The last stage of a request with a rival, on real candidates: estimates on the simulator, measurements on a
// recorded device.
#include "evaluator/service/duel_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "evaluator/exec/recorded_executor.h"
#include "src/base/files.h"
#include "src/base/rng.h"

namespace warpwright::service {
namespace {

constexpr const char* kDefinition = "gdn_decode_qk4_v8_d128_k_last";

std::string seed_source(const std::string& name) {
  return read_file(find_home().value() / "seeds" / kDefinition / name).value();
}

std::string broken_source(const std::string& name) {
  return read_file(find_home().value() / "tests/broken_kernels" / name).value();
}

constexpr const char* kPlain = "plain.cu";
constexpr const char* kRows = "warp_rows.cu";

// A device on which the challenger takes `ratio` times the incumbent's 10 us, with 1 % of noise.
exec::Recording noisy_device(double ratio) {
  exec::Recording recording;
  recording.device = exec::recorded_device();
  recording.sample = [ratio, rng = std::make_shared<Rng>(11)](const exec::RecordedShot& shot) {
    cuda::Sample sample;
    sample.span_us = (shot.shot.contender == 0 ? 10 * ratio : 10) * (1 + 0.02 * (rng->uniform() - 0.5));
    sample.events_us = sample.span_us + 0.4;
    sample.sm_clock_mhz = 1965;
    return sample;
  };
  return recording;
}

struct DuelStage : ::testing::Test {
  Resources make_resources() {
    EvaluatorOptions options;
    options.home = find_home().value();
    compile::CompilerOptions compiler_options;
    compiler_options.cache_folder = compile::default_cache_folder();
    return Resources{options,
                     trace::DatasetPath::open({}).value(),
                     compile::Compiler::create(std::move(compiler_options)).value(),
                     {},
                     reference::OracleCache()};
  }

  // The challenger through smoke, then the duel.
  StageResult hold(const std::string& challenger, const std::string& incumbent) {
    request.id = "1";
    request.source = challenger;
    request.definition = kDefinition;
    request.selection = "0";
    request.limits.warp_instructions = 20'000'000;
    request.rival = Rival{incumbent, "incumbent.cu", {}, 0.15};
    evaluation.emplace(Evaluation{request, hooks, std::numeric_limits<int64_t>::max()});
    for (auto* stage : {prepare, compile_candidate, smoke}) {
      TRY_ASSIGN(auto ending, stage(*evaluation, resources));
      if (ending) return ending;
    }
    return hold_duel(*evaluation, resources);
  }
  void on_device(exec::Recording recording) {
    request.executor = "cuda";
    resources.executors["cuda"] = exec::make_recorded_executor(std::move(recording));
  }
  // No ending, and a duel in the report.
  void expect_held(const StageResult& outcome) {
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_FALSE(*outcome) << (*outcome)->message;
    ASSERT_TRUE(evaluation->report.duel);
  }
  const DuelReport& duel() const { return *evaluation->report.duel; }

  Resources resources = make_resources();
  EvaluationRequest request;
  EvaluationHooks hooks;
  std::optional<Evaluation> evaluation;
};

TEST_F(DuelStage, EstimatesOfOneProgramTie) {
  request.executor = "sim";
  expect_held(hold(seed_source(kRows), seed_source(kRows)));
  EXPECT_EQ(duel().verdict, "TIE");
  EXPECT_EQ(duel().ratio, 1);
  EXPECT_EQ(duel().method, "sim-estimate");
  EXPECT_EQ(duel().incumbent_identity, evaluation->report.identity);
}

TEST_F(DuelStage, EstimatesOfTwoProgramsMirrorEachOther) {
  request.executor = "sim";
  expect_held(hold(seed_source(kRows), seed_source(kPlain)));
  const DuelReport forward = duel();
  ASSERT_EQ(forward.workloads.size(), 1u);
  EXPECT_EQ(forward.verdict, forward.workloads[0].verdict);
  EXPECT_DOUBLE_EQ(forward.ratio, forward.workloads[0].challenger_us / forward.workloads[0].incumbent_us);
  expect_held(hold(seed_source(kPlain), seed_source(kRows)));
  EXPECT_NEAR(duel().ratio * forward.ratio, 1, 1e-9);
  EXPECT_EQ(forward.verdict == "ESTIMATED_FASTER", duel().verdict == "ESTIMATED_SLOWER");
}

TEST_F(DuelStage, AFasterChallengerWinsOnADevice) {
  on_device(noisy_device(0.9));
  expect_held(hold(seed_source(kRows), seed_source(kPlain)));
  EXPECT_EQ(duel().verdict, "FASTER");
  EXPECT_NEAR(duel().ratio, 0.9, 0.01);
  EXPECT_LT(duel().low, duel().ratio);
  EXPECT_GT(duel().high, duel().ratio);
  EXPECT_EQ(duel().noise_floor, 0.005);
  EXPECT_EQ(duel().method, "cupti");
  EXPECT_EQ(duel().pairs, 32);
  ASSERT_EQ(duel().workloads.size(), 1u);
  EXPECT_NEAR(duel().workloads[0].challenger_us, 9, 0.1);
  EXPECT_NEAR(duel().workloads[0].incumbent_us, 10, 0.1);
  EXPECT_EQ(duel().message, "FASTER on 1 of 1 workloads");
}

TEST_F(DuelStage, AWinnerHasToWinAgainWithEverythingAtAnotherPlace) {
  exec::Recording recording = noisy_device(1);
  const auto equal = recording.sample;
  recording.sample = [equal](const exec::RecordedShot& shot) {
    cuda::Sample sample = equal(shot);
    if (shot.sampler == 0 && shot.shot.contender == 0) sample.span_us *= 0.9;  // lies well, once
    return sample;
  };
  on_device(std::move(recording));
  expect_held(hold(seed_source(kRows), seed_source(kRows)));
  EXPECT_EQ(duel().verdict, "UNCLEAR");
  EXPECT_NEAR(duel().ratio, 1, 0.005);
}

TEST_F(DuelStage, EqualProgramsAreTheSameOnADevice) {
  on_device(noisy_device(1));
  expect_held(hold(seed_source(kRows), seed_source(kRows)));
  EXPECT_EQ(duel().verdict, "SAME");
}

TEST_F(DuelStage, AnIncumbentThatFailsItsChecksIsNotChargedToTheChallenger) {
  on_device(noisy_device(0.9));
  expect_held(hold(seed_source(kRows), broken_source("all_zeros.cu")));
  EXPECT_EQ(duel().verdict, "");
  EXPECT_EQ(duel().incumbent_status, Status::kIncorrectNumerical);
  EXPECT_NE(duel().message.find("the incumbent fails its checks"), std::string::npos);
  EXPECT_EQ(evaluation->report.status, Status::kWorkerLost) << "untouched by the duel";
}

TEST_F(DuelStage, AChallengerThatComputesSomethingElseWhenTimedIsCharged) {
  exec::Recording recording = noisy_device(0.5);
  recording.tamper = [](const exec::RecordedShot& shot, const std::string&, std::span<std::byte> output) {
    if (shot.shot.contender == 0) std::fill(output.begin(), output.end(), std::byte{0});
  };
  on_device(std::move(recording));
  const auto outcome = hold(seed_source(kRows), seed_source(kPlain));
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(*outcome);
  EXPECT_EQ((*outcome)->status, Status::kRejected);
  EXPECT_EQ((*outcome)->rule, "wrong-when-timed");
  EXPECT_FALSE(evaluation->report.duel);
}

TEST_F(DuelStage, AnIncumbentThatComputesSomethingElseWhenTimedLosesNothingForTheChallenger) {
  exec::Recording recording = noisy_device(0.5);
  recording.tamper = [](const exec::RecordedShot& shot, const std::string&, std::span<std::byte> output) {
    if (shot.shot.contender != 0) std::fill(output.begin(), output.end(), std::byte{0});
  };
  on_device(std::move(recording));
  expect_held(hold(seed_source(kRows), seed_source(kPlain)));
  EXPECT_EQ(duel().verdict, "");
  EXPECT_EQ(duel().incumbent_rule, "wrong-when-timed");
}

TEST_F(DuelStage, ATimeBelowThePhysicalFloorIsRefused) {
  on_device(noisy_device(0.001));
  const auto outcome = hold(seed_source(kRows), seed_source(kPlain));
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(*outcome);
  EXPECT_EQ((*outcome)->status, Status::kRejected);
  EXPECT_EQ((*outcome)->rule, "below-physical-floor");
}

TEST_F(DuelStage, AFaultThatDoesNotComeAgainIsTheDevices) {
  exec::Recording recording = noisy_device(0.9);
  recording.mishap = [](const exec::RecordedEvent& event) {
    const bool first_take = event.kind == exec::RecordedEvent::Kind::kTake && event.index == 3;
    return first_take ? exec::Mishap::kFault : exec::Mishap::kNone;
  };
  on_device(std::move(recording));
  expect_held(hold(seed_source(kRows), seed_source(kPlain)));
  EXPECT_EQ(duel().verdict, "FASTER");
  EXPECT_FALSE(evaluation->report.warnings.empty());
}

TEST_F(DuelStage, ADeviceThatFailsIsAnErrorAndNoVerdict) {
  exec::Recording recording = noisy_device(0.9);
  recording.mishap = [](const exec::RecordedEvent& event) {
    return event.kind == exec::RecordedEvent::Kind::kTake ? exec::Mishap::kMachineError : exec::Mishap::kNone;
  };
  on_device(std::move(recording));
  EXPECT_FALSE(hold(seed_source(kRows), seed_source(kPlain)));
  EXPECT_FALSE(evaluation->report.duel);
}

}  // namespace
}  // namespace warpwright::service
