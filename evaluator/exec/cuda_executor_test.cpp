#include "evaluator/exec/cuda_executor.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "evaluator/exec/scripted_device_test.h"
#include "evaluator/exec/test_support.h"
#include "src/base/files.h"

namespace warpwright::exec {
namespace {

using testing::float_at;
using testing::floats;
using testing::garbling_options;
using testing::scale_plan;
using testing::scale_units;
using testing::scripted_options;

std::unique_ptr<Executor> scripted() {
  return make_cuda_executor(scripted_options()).value();
}

std::unique_ptr<LoadedProgram> load(Executor& executor, const std::string& behaviour = "") {
  auto loaded = executor.load(scale_units(behaviour)).value();
  EXPECT_FALSE(loaded.failure) << loaded.failure->message;
  return std::move(loaded.program);
}

std::unique_ptr<Session> session_of(const LoadedProgram& program) {
  auto session = program.open_session();
  EXPECT_TRUE(session->set_input("x", floats(1)));
  EXPECT_TRUE(session->add_buffer("y", BufferRole::kOutput, 128));
  return session;
}

Result<CallReport> call(const LoadedProgram& program, int64_t deadline_ms = 60'000) {
  CallOptions options;
  options.deadline_ms = deadline_ms;
  return session_of(program)->call(scale_plan(2), options);
}

void expect_works(const LoadedProgram& program) {
  auto session = session_of(program);
  const auto report = session->call(scale_plan(2), {});
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_FALSE(report->failure) << report->failure->message;
  EXPECT_EQ(float_at(session->read("y").value(), 3), 8);
}

TEST(CudaExecutor, CallsComputeAndInputsChangeInPlace) {
  auto executor = scripted();
  EXPECT_EQ(executor->name(), "cuda");
  ASSERT_NE(executor->device(), nullptr);
  EXPECT_EQ(executor->device()->arch, 100);
  const auto program = load(*executor);
  auto session = session_of(*program);
  const auto plan = scale_plan(2);
  const auto report = session->call(plan, {}).value();
  ASSERT_EQ(report.operations.size(), 1u);
  EXPECT_EQ(report.operations[0].launch, &std::get<plan::BoundLaunch>(plan.operations[0]));
  EXPECT_EQ(float_at(session->read("y").value(), 0), 2);
  ASSERT_TRUE(session->set_input("x", floats(10)));
  ASSERT_TRUE(session->call(plan, {}));
  EXPECT_EQ(float_at(session->read("y").value(), 0), 20);
  EXPECT_EQ(float_at(session->read("x").value(), 0), 10);
}

TEST(CudaExecutor, ABufferOfAnotherSizeKeepsTheOthersContents) {
  auto executor = scripted();
  const auto program = load(*executor);
  auto session = session_of(*program);
  ASSERT_TRUE(session->call(scale_plan(2), {}));
  ASSERT_TRUE(session->add_buffer("y", BufferRole::kOutput, 256));
  ASSERT_TRUE(session->call(scale_plan(3), {}));
  const auto y = session->read("y").value();
  EXPECT_EQ(y.size(), 256u);
  EXPECT_EQ(float_at(y, 0), 3);
}

TEST(CudaExecutor, MissingKernelsAreFoundBeforeTheRun) {
  auto executor = scripted();
  const auto program = load(*executor);
  auto plan = scale_plan(1);
  EXPECT_FALSE(program->check(plan));
  std::get<plan::BoundLaunch>(plan.operations[0]).name_expression = "gone";
  EXPECT_EQ(program->check(plan).value().status, Status::kCompileError);
}

TEST(CudaExecutor, CodeForAnotherGpuIsACompileErrorThatNamesTheTarget) {
  auto executor = scripted();
  auto units = scale_units();
  units[0].cubin =
      "\x7f"
      "ELF // no-image";
  const auto loaded = executor->load(units).value();
  ASSERT_TRUE(loaded.failure);
  EXPECT_EQ(loaded.failure->status, Status::kCompileError);
  EXPECT_NE(loaded.failure->message.find("--target sm_100"), std::string::npos) << loaded.failure->message;
  EXPECT_FALSE(loaded.failure->needs_confirmation);
}

TEST(CudaExecutor, ACrashOfTheDriverWhileLoadingIsTheProgramsIfItHappensAgain) {
  auto executor = scripted();
  const auto loaded = executor->load(scale_units("crash-load")).value();
  ASSERT_TRUE(loaded.failure);
  EXPECT_TRUE(loaded.failure->needs_confirmation);
  EXPECT_NE(loaded.failure->message.find("signal 11"), std::string::npos) << loaded.failure->message;
  expect_works(*load(*executor));
}

TEST(CudaExecutor, FaultsHangsAndCrashesWantConfirmation) {
  struct Case {
    const char* behaviour;
    Status status;
    const char* message;
  };
  for (const Case& c : {Case{"fault", Status::kRuntimeError, "ILLEGAL_ADDRESS (two lines)"},
                        Case{"hang", Status::kTimeout, "no end within 200 ms"},
                        Case{"crash", Status::kRuntimeError, "killed by signal 11"},
                        Case{"leave", Status::kRuntimeError, "exited with code 0"}}) {
    auto executor = scripted();
    const auto program = load(*executor, c.behaviour);
    const auto report = call(*program, 200);
    ASSERT_TRUE(report) << c.behaviour;
    ASSERT_TRUE(report->failure) << c.behaviour;
    EXPECT_EQ(report->failure->status, c.status) << c.behaviour;
    EXPECT_TRUE(report->failure->needs_confirmation) << c.behaviour;
    EXPECT_NE(report->failure->message.find(c.message), std::string::npos) << report->failure->message;
    ASSERT_TRUE(executor->renew());
    EXPECT_TRUE(call(*program, 200).value().failure) << c.behaviour;  // confirmed
  }
}

TEST(CudaExecutor, RefusedLaunchesAndBrokenRulesNeedNoConfirmation) {
  auto executor = scripted();
  const auto refused = call(*load(*executor, "refuse")).value();
  EXPECT_EQ(refused.failure.value().status, Status::kRuntimeError);
  EXPECT_FALSE(refused.failure->needs_confirmation);
  const auto overrun = call(*load(*executor, "overrun")).value();
  EXPECT_FALSE(overrun.failure);
  ASSERT_NE(overrun.find("out-of-bounds-write"), nullptr);
  EXPECT_EQ(overrun.find("out-of-bounds-write")->status, Status::kRejected);
  EXPECT_NE(call(*load(*executor, "scribble")).value().find("input-modified"), nullptr);
}

TEST(CudaExecutor, TheMachinesFailureIsNobodysVerdict) {
  auto executor = scripted();
  const auto program = load(*executor, "machine");
  const auto report = call(*program);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(report.error().message.find("OUT_OF_MEMORY"), std::string::npos);
  expect_works(*load(*executor));
}

TEST(CudaExecutor, AfterRenewalProgramsWorkAndOldSessionsDoNot) {
  auto executor = scripted();
  const auto program = load(*executor);
  auto before = session_of(*program);
  ASSERT_TRUE(before->call(scale_plan(2), {}));
  ASSERT_TRUE(executor->renew());
  EXPECT_FALSE(before->call(scale_plan(2), {}));
  EXPECT_FALSE(before->read("y"));
  expect_works(*program);
}

TEST(CudaExecutor, TwentyHangsAndTwentyFaultsInARowHarmNobodyElse) {
  auto executor = scripted();
  const auto hang = load(*executor, "hang"), fault = load(*executor, "fault"), other = load(*executor);
  for (int round = 0; round < 20; ++round) {
    for (const LoadedProgram* villain : {hang.get(), fault.get()}) {
      const auto report = call(*villain, 20);
      ASSERT_TRUE(report && report->failure && report->failure->needs_confirmation);
      if (round % 2 == 0) {  // a renewal is allowed, not needed
        ASSERT_TRUE(executor->renew());
      }
      expect_works(*other);
    }
  }
}

TEST(CudaExecutor, AProcessThatIsKilledWhileIdleIsReplacedAndNobodyIsCharged) {
  auto executor = scripted();
  const auto program = load(*executor);
  auto session = session_of(*program);
  ASSERT_TRUE(session->call(scale_plan(2), {}));
  // The one child of this process.
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  pid_t child = 0;
  if (!(children >> child)) GTEST_SKIP() << "this kernel does not list children";
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(session->call(scale_plan(2), {}));
  expect_works(*program);
}

TEST(CudaExecutor, WhatIsNotTheProtocolIsALostProcess) {
  for (const char* nonsense : {"no-json", "old-number", "wrong-kind", "two-lines", "bytes"}) {
    const auto executor = make_cuda_executor(garbling_options(nonsense));
    ASSERT_FALSE(executor) << nonsense;  // the health check is the first to see it
    EXPECT_NE(executor.error().message.find("protocol"), std::string::npos) << executor.error().message;
  }
}

TEST(CudaExecutor, AReplyWithoutAnEndIsCutOff) {
  const auto executor = make_cuda_executor(garbling_options("endless"));
  ASSERT_FALSE(executor);
  EXPECT_NE(executor.error().message.find("without an end"), std::string::npos) << executor.error().message;
}

TEST(CudaExecutor, ASickDeviceIsAnErrorUntilItIsWell) {
  const auto folder = TempDirectory::create().value();
  const auto sick = folder.path() / "sick";
  auto options = scripted_options();
  options.process.set_environment["SCRIPT_SICK"] = sick.string();
  auto executor = make_cuda_executor(options).value();
  const auto program = load(*executor);
  ASSERT_TRUE(write_file_atomic(sick, ""));
  const auto renewed = executor->renew();
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(renewed.error().message.find("health check"), std::string::npos) << renewed.error().message;
  EXPECT_FALSE(call(*program));
  std::filesystem::remove(sick);
  expect_works(*program);
}

TEST(CudaExecutor, NoDriverIsSaidAtOnceAndAutoTakesTheSimulator) {
  ::setenv("WARPWRIGHT_LIBCUDA", "/nowhere/libcuda.so.1", 1);
  const auto cuda = open_executor("cuda");
  const auto any = open_executor("auto");
  ::unsetenv("WARPWRIGHT_LIBCUDA");
  ASSERT_FALSE(cuda);
  EXPECT_EQ(cuda.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(cuda.error().message.find("/nowhere/libcuda.so.1"), std::string::npos);
  EXPECT_EQ(any.value()->name(), "sim");
  EXPECT_EQ(open_executor("gpu").error().kind, ErrorKind::kUsage);
}

// --- samplers ---

SamplerSetup duel(const LoadedProgram& first, const LoadedProgram& second, const plan::BoundPlan& plan,
                  const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  SamplerSetup setup;
  setup.contenders = {{&first, &plan}, {&second, &plan}};
  setup.tensors = {{"y", BufferRole::kOutput, 128}, {"x", BufferRole::kInput, 128}};
  setup.versions = {{{"x", a}}, {{"x", b}}};
  setup.deadline_ms = 200;
  return setup;
}

TEST(CudaSampler, ShotsGiveSamplesAndKeepOutputs) {
  auto executor = scripted();
  const auto program = load(*executor);
  const auto plan = scale_plan(2);
  const auto a = floats(1), b = floats(100);
  auto sampler = executor->open_sampler(duel(*program, *program, plan, a, b)).value();
  EXPECT_EQ(sampler->note(), "two sets only");
  const auto batch = sampler->take(std::vector<cuda::Shot>{{0, 0, true}, {1, 1, true}}).value();
  ASSERT_FALSE(batch.failure);
  ASSERT_EQ(batch.samples.size(), 2u);
  EXPECT_EQ(batch.samples[1].span_us, 2);
  EXPECT_EQ(float_at(sampler->read_kept(0, "y").value(), 0), 2);
  EXPECT_EQ(float_at(sampler->read_kept(1, "y").value(), 0), 200);
}

TEST(CudaSampler, AFailureIsTheShotsContendersOrNobodysWhenNobodyKnows) {
  auto executor = scripted();
  const auto good = load(*executor), fault = load(*executor, "fault"), hang = load(*executor, "hang");
  const auto plan = scale_plan(2);
  const auto a = floats(1), b = floats(2);
  const std::vector<cuda::Shot> mixed = {{0, 0, false}, {1, 0, false}}, one = {{1, 0, false}, {1, 1, false}};
  auto take = [&](const LoadedProgram& villain, const std::vector<cuda::Shot>& shots) {
    auto sampler = executor->open_sampler(duel(*good, villain, plan, a, b)).value();
    auto batch = sampler->take(shots).value();
    EXPECT_TRUE(batch.failure && batch.failure->needs_confirmation);
    EXPECT_FALSE(sampler->take(shots));  // it went with the process
    return batch.contender;
  };
  EXPECT_EQ(take(*fault, mixed), 1);
  EXPECT_EQ(take(*hang, mixed), -1);
  EXPECT_EQ(take(*hang, one), 1);
  expect_works(*good);
}

}  // namespace
}  // namespace warpwright::exec
