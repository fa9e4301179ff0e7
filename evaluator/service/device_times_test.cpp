// The stages on an executor that measures, with times and mishaps by script: what a machine does is told from
// what a candidate does.
#include <gtest/gtest.h>

#include <memory>

#include "evaluator/exec/recorded_executor.h"
#include "evaluator/service/evaluator.h"
#include "src/base/files.h"

namespace warpwright::service {
namespace {

using exec::Mishap;
using exec::RecordedEvent;
using exec::RecordedShot;

exec::Recording steady(double latency_us = 10) {
  exec::Recording recording;
  recording.device = exec::recorded_device();
  recording.sample = [latency_us](const RecordedShot&) {
    cuda::Sample sample;
    sample.span_us = sample.events_us = latency_us;
    sample.sm_clock_mhz = 1965;
    return sample;
  };
  return recording;
}

// Evaluates a seed with a device of that behaviour.
EvaluationReport evaluate_on(exec::Recording recording, const std::string& profile = "contest") {
  EvaluatorOptions options;
  options.home = find_home().value();
  auto shared = std::make_shared<exec::Recording>(std::move(recording));
  options.open_executor = [shared](std::string_view) -> Result<std::unique_ptr<exec::Executor>> {
    return exec::make_recorded_executor(*shared);
  };
  auto evaluator = Evaluator::create(options);
  if (!evaluator) throw std::runtime_error(evaluator.error().message);
  EvaluationRequest request;
  request.id = "device";
  request.definition = "gdn_decode_qk4_v8_d128_k_last";
  request.source = read_file(options.home / "seeds" / request.definition / "warp_rows.cu").value();
  request.selection = "0";
  request.timing_profile = profile;
  return (*evaluator)->evaluate(request, {});
}

TEST(DeviceTimes, AContestTimeHasTheOfficialCountsAndSaysHowItWasTaken) {
  const EvaluationReport report = evaluate_on(steady());
  ASSERT_EQ(report.status, Status::kPassed) << report.message;
  ASSERT_EQ(report.workloads.size(), 1u);
  EXPECT_DOUBLE_EQ(report.workloads[0].latency_us, 10);
  EXPECT_EQ(report.workloads[0].samples, 3 * 50);
  EXPECT_EQ(report.workloads[0].clock_mhz, 1965);
  EXPECT_EQ(report.timing.method, "cupti");
  EXPECT_EQ(report.timing.profile, "contest");
  EXPECT_EQ(report.timing.device, exec::recorded_device().name);
  EXPECT_TRUE(report.timing.calibration.empty()) << "a measurement has no estimate's calibration";
}

TEST(DeviceTimes, AStrictTimeGoesOnUntilItIsKnownAndDropsThrottledSamples) {
  exec::Recording recording = steady();
  const auto plain = recording.sample;
  recording.sample = [plain](const RecordedShot& shot) {
    cuda::Sample sample = plain(shot);
    if (shot.index % 5 == 0) {
      sample.sm_clock_mhz = 900;
      sample.span_us = sample.events_us = 25;
    }
    return sample;
  };
  const EvaluationReport report = evaluate_on(std::move(recording), "strict");
  ASSERT_EQ(report.status, Status::kPassed) << report.message;
  EXPECT_DOUBLE_EQ(report.workloads[0].latency_us, 10);
  EXPECT_GE(report.workloads[0].samples, 200);
  EXPECT_GT(report.workloads[0].dropped, 20);
  EXPECT_EQ(report.timing.profile, "strict");
}

TEST(DeviceTimes, WithoutCuptiTheEventsAreTheMethod) {
  exec::Recording recording = steady();
  const auto plain = recording.sample;
  recording.sample = [plain](const RecordedShot& shot) {
    cuda::Sample sample = plain(shot);
    sample.span_us = 0;
    return sample;
  };
  const EvaluationReport report = evaluate_on(std::move(recording));
  ASSERT_EQ(report.status, Status::kPassed) << report.message;
  EXPECT_EQ(report.timing.method, "events");
}

TEST(DeviceTimes, OutputsThatAreWrongOnlyWhenTimedAreRefused) {
  exec::Recording recording = steady();
  recording.tamper = [](const RecordedShot&, const std::string& output, std::span<std::byte> bytes) {
    if (output == "output") std::fill(bytes.begin(), bytes.end(), std::byte{0});
  };
  const EvaluationReport report = evaluate_on(std::move(recording));
  EXPECT_EQ(report.status, Status::kRejected);
  EXPECT_EQ(report.rule, "wrong-when-timed") << report.message;
}

// Nobody looks at this call's outputs, only at its hash.
TEST(DeviceTimes, ASingleTimedCallWithOtherOutputsIsFoundByItsHash) {
  exec::Recording recording = steady();
  const auto plain = recording.sample;
  recording.sample = [plain](const RecordedShot& shot) {
    cuda::Sample sample = plain(shot);
    if (shot.sampler == 0 && !shot.shot.keep_outputs && shot.index == 40) sample.output_hash = 12345;
    return sample;
  };
  bool found = false;  // unless that very call was one of those looked at
  for (int attempt = 0; attempt < 3 && !found; ++attempt)
    found = evaluate_on(recording).rule == "wrong-when-timed";
  EXPECT_TRUE(found);
}

TEST(DeviceTimes, AKernelThatIsQuickOnRepeatedInputsIsRefused) {
  exec::Recording recording = steady();
  const auto plain = recording.sample;
  auto last = std::make_shared<int>(-1);
  recording.sample = [plain, last](const RecordedShot& shot) {
    cuda::Sample sample = plain(shot);
    if (*last == shot.shot.version) sample.span_us = sample.events_us = 6;
    *last = shot.shot.version;
    return sample;
  };
  const EvaluationReport report = evaluate_on(std::move(recording));
  EXPECT_EQ(report.status, Status::kRejected);
  EXPECT_EQ(report.rule, "faster-on-repeated-inputs") << report.message;
}

TEST(DeviceTimes, ATimeBelowThePhysicalFloorIsRefused) {
  const EvaluationReport report = evaluate_on(steady(0.01));
  EXPECT_EQ(report.status, Status::kRejected);
  EXPECT_EQ(report.rule, "below-physical-floor") << report.message;
}

exec::Recording failing(Mishap mishap, std::function<bool(const RecordedEvent&)> when) {
  exec::Recording recording = steady();
  recording.mishap = [mishap, when](const RecordedEvent& event) {
    return when(event) ? mishap : Mishap::kNone;
  };
  return recording;
}
bool first_call(const RecordedEvent& event) {
  return event.kind == RecordedEvent::Kind::kCall && event.index == 0;
}
bool every_call(const RecordedEvent& event) {
  return event.kind == RecordedEvent::Kind::kCall;
}
bool every_take(const RecordedEvent& event) {
  return event.kind == RecordedEvent::Kind::kTake;
}

TEST(DeviceFailures, OneThatDoesNotComeBackInAFreshProcessIsAWarning) {
  for (const Mishap mishap : {Mishap::kFault, Mishap::kHang}) {
    const EvaluationReport report = evaluate_on(failing(mishap, first_call));
    EXPECT_EQ(report.status, Status::kPassed) << report.message;
    ASSERT_FALSE(report.warnings.empty());
    EXPECT_NE(report.warnings[0].find("failed once"), std::string::npos) << report.warnings[0];
  }
}

TEST(DeviceFailures, OneThatComesBackIsTheCandidates) {
  EXPECT_EQ(evaluate_on(failing(Mishap::kFault, every_call)).status, Status::kRuntimeError);
  EXPECT_EQ(evaluate_on(failing(Mishap::kHang, every_call)).status, Status::kTimeout);
  const EvaluationReport timed = evaluate_on(failing(Mishap::kFault, every_take));
  EXPECT_EQ(timed.status, Status::kRuntimeError);
  EXPECT_EQ(timed.stage, Stage::kTime);
}

TEST(DeviceFailures, TheMachinesOwnAreNeverCharged) {
  EXPECT_EQ(evaluate_on(failing(Mishap::kMachineError, every_call)).status, Status::kWorkerLost);
  EXPECT_EQ(evaluate_on(failing(Mishap::kDeviceSick, every_take)).status, Status::kWorkerLost);
  // A fault, and then the device does not come back: it was the device.
  exec::Recording recording = steady();
  recording.mishap = [](const RecordedEvent& event) {
    if (event.kind == RecordedEvent::Kind::kRenew) return Mishap::kDeviceSick;
    return first_call(event) ? Mishap::kFault : Mishap::kNone;
  };
  EXPECT_EQ(evaluate_on(std::move(recording)).status, Status::kWorkerLost);
}

}  // namespace
}  // namespace warpwright::service
