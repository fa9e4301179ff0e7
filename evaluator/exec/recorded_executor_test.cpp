#include "evaluator/exec/recorded_executor.h"

#include <gtest/gtest.h>

#include "evaluator/exec/test_support.h"

namespace warpwright::exec {
namespace {

using testing::float_at;
using testing::floats;
using testing::scale_plan;
using testing::scale_units;

std::unique_ptr<LoadedProgram> load(Executor& executor, const std::string& comment = "") {
  return std::move(executor.load(scale_units(comment)).value().program);
}

CallReport call_once(const LoadedProgram& program) {
  auto session = program.open_session();
  EXPECT_TRUE(session->set_input("x", floats(1)));
  EXPECT_TRUE(session->add_buffer("y", BufferRole::kOutput, 128));
  CallReport report = session->call(scale_plan(2), {}).value();
  if (!report.failure) {
    EXPECT_EQ(float_at(session->read("y").value(), 3), 8);
  }
  return report;
}

SamplerSetup setup_of(const LoadedProgram& program, const plan::BoundPlan& plan,
                      const std::vector<std::vector<std::byte>>& versions) {
  SamplerSetup setup;
  setup.contenders = {{&program, &plan}};
  setup.tensors = {{"x", BufferRole::kInput, 128}, {"y", BufferRole::kOutput, 128}};
  for (const auto& version : versions) setup.versions.push_back({{"x", version}});
  return setup;
}

TEST(RecordedExecutor, ComputesOnTheSimulatorAndTimesByScript) {
  Recording recording{recorded_device()};
  recording.sample = [](const RecordedShot& shot) {
    cuda::Sample sample;
    sample.span_us = 5.0 + static_cast<double>(shot.index);
    return sample;
  };
  auto executor = make_recorded_executor(recording);
  const auto program = load(*executor);
  EXPECT_FALSE(call_once(*program).failure);

  const auto plan = scale_plan(3);
  const std::vector<std::vector<std::byte>> versions = {floats(1), floats(10)};
  auto sampler = executor->open_sampler(setup_of(*program, plan, versions)).value();
  const std::vector<cuda::Shot> shots = {{0, 0, true}, {0, 1, true}, {0, 0, false}};
  const auto batch = sampler->take(shots).value();
  ASSERT_EQ(batch.samples.size(), 3u);
  EXPECT_EQ(batch.samples[2].span_us, 7);
  EXPECT_EQ(batch.samples[0].output_hash, batch.samples[2].output_hash);
  EXPECT_NE(batch.samples[0].output_hash, batch.samples[1].output_hash);
  EXPECT_EQ(float_at(sampler->read_kept(1, "y").value(), 0), 30);
}

TEST(RecordedExecutor, ALostProcessStaysLostUntilRenewed) {
  Recording recording{recorded_device()};
  recording.mishap = [](const RecordedEvent& event) {
    return event.kind == RecordedEvent::Kind::kCall && event.index == 0 ? Mishap::kFault : Mishap::kNone;
  };
  auto executor = make_recorded_executor(recording);
  const auto program = load(*executor);
  const auto report = call_once(*program);
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(report.failure->needs_confirmation);
  EXPECT_FALSE(executor->load(scale_units()));
  auto before = program->open_session();
  ASSERT_TRUE(executor->renew());
  EXPECT_FALSE(before->call(scale_plan(1), {}));
  EXPECT_FALSE(call_once(*program).failure);
}

TEST(RecordedExecutor, MishapsCanBeTiedToOneProgram) {
  Recording recording{recorded_device()};
  recording.mishap = [](const RecordedEvent& event) {
    return event.source.find("villain") != std::string::npos && event.kind == RecordedEvent::Kind::kCall
               ? Mishap::kHang
               : Mishap::kNone;
  };
  auto executor = make_recorded_executor(recording);
  const auto villain = load(*executor, "villain"), other = load(*executor);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(call_once(*villain).failure.value().status, Status::kTimeout);
    ASSERT_TRUE(executor->renew());
    EXPECT_FALSE(call_once(*other).failure);
  }
}

TEST(RecordedExecutor, TamperedOutputsDifferFromWhatWasComputed) {
  Recording recording{recorded_device()};
  recording.tamper = [](const RecordedShot&, const std::string&, std::span<std::byte> bytes) {
    bytes[0] ^= std::byte{1};
  };
  auto executor = make_recorded_executor(recording);
  const auto program = load(*executor);
  const auto plan = scale_plan(2);
  auto sampler = executor->open_sampler(setup_of(*program, plan, {floats(1)})).value();
  ASSERT_TRUE(sampler->take(std::vector<cuda::Shot>{{0, 0, true}}));
  EXPECT_NE(float_at(sampler->read_kept(0, "y").value(), 0), 2);
}

}  // namespace
}  // namespace warpwright::exec
