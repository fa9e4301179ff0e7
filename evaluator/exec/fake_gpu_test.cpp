// The whole way down: executor, device process, engine and a driver, which runs on the simulator
// (tests/fake_gpu).
#include <gtest/gtest.h>

#include <cmath>

#include "evaluator/exec/cuda_executor.h"
#include "evaluator/exec/test_support.h"
#include "src/base/files.h"

namespace warpwright::exec {
namespace {

using testing::float_at;
using testing::floats;
using testing::scale_launch;
using testing::scale_plan;
using testing::scale_units;

class FakeGpu : public ::testing::Test {
 protected:
  CudaOptions options() {
    CudaOptions options;
    options.process.argv = {std::filesystem::read_symlink("/proc/self/exe"), "device-process"};
    const std::string library = program_directory() / "libfake_gpu.so";
    for (const char* name : {"WARPWRIGHT_LIBCUDA", "WARPWRIGHT_LIBCUPTI", "WARPWRIGHT_LIBNVML"})
      options.process.set_environment[name] = library;
    options.process.set_environment.insert(variables_.begin(), variables_.end());
    options.lock_folder = folder_.path();
    return options;
  }
  std::unique_ptr<Executor> open() {
    auto executor = make_cuda_executor(options());
    EXPECT_TRUE(executor) << executor.error().message;
    return std::move(*executor);
  }

  TempDirectory folder_ = TempDirectory::create().value();
  std::map<std::string, std::string> variables_;
};

std::unique_ptr<LoadedProgram> load(Executor& executor, const std::vector<CodeUnit>& units = scale_units()) {
  auto loaded = executor.load(units);
  EXPECT_TRUE(loaded) << loaded.error().message;
  EXPECT_FALSE(loaded->failure) << loaded->failure->message;
  return std::move(loaded->program);
}

std::unique_ptr<Session> session_of(const LoadedProgram& program) {
  auto session = program.open_session();
  EXPECT_TRUE(session->set_input("x", floats(1)));
  EXPECT_TRUE(session->add_buffer("y", BufferRole::kOutput, 128));
  return session;
}

void expect_works(const LoadedProgram& program) {
  auto session = session_of(program);
  const auto report = session->call(scale_plan(2), {});
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_FALSE(report->failure) << report->failure->message;
  EXPECT_TRUE(report->findings.empty()) << report->findings[0].message;
  EXPECT_EQ(float_at(session->read("y").value(), 31), 64);
}

// A kernel `k` with the given body; it has the address of y in %rd1.
std::vector<CodeUnit> kernel_of_y(const std::string& body) {
  const std::string head = R"(.version 7.0
.target sm_70
.address_size 64
.visible .entry k(.param .u64 y, .param .u64 x) {
  .reg .b32 %r<4>; .reg .b64 %rd<5>; .reg .pred %p<2>;
  ld.param.u64 %rd1, [y];
  ld.param.u64 %rd2, [x];
)";
  return {{"", head + body + "  ret;\n}\n", "", {{"k", "k"}}}};
}

plan::BoundPlan plan_of_y(uint32_t threads = 1) {
  plan::BoundLaunch launch;
  launch.kernel = launch.name_expression = "k";
  launch.block.x = threads;
  launch.arguments = {plan::BufferView{"y", 0, "float", false}, plan::BufferView{"x", 0, "float", false}};
  plan::BoundPlan plan;
  plan.operations = {launch};
  return plan;
}

Result<CallReport> call(const LoadedProgram& program, const plan::BoundPlan& plan,
                        int64_t deadline_ms = 60'000) {
  CallOptions options;
  options.deadline_ms = deadline_ms;
  return session_of(program)->call(plan, options);
}

TEST_F(FakeGpu, CallsComputeWhatTheSimulatorComputes) {
  auto executor = open();
  EXPECT_EQ(executor->device()->arch, 90);
  EXPECT_NE(executor->device_text().find("cupti"), std::string::npos) << executor->device_text();
  expect_works(*load(*executor));
}

TEST_F(FakeGpu, FaultsAreSurvivedTwentyTimesWithNobodyElseHarmed) {
  auto executor = open();
  const auto villain = load(*executor, kernel_of_y("  mov.u64 %rd3, 8;\n  st.global.u32 [%rd3], 1;\n"));
  const auto other = load(*executor);
  for (int round = 0; round < 20; ++round) {
    const auto report = call(*villain, plan_of_y());
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_TRUE(report->failure);
    EXPECT_EQ(report->failure->status, Status::kRuntimeError);
    EXPECT_TRUE(report->failure->needs_confirmation);
    EXPECT_NE(report->failure->message.find("k: CUDA_ERROR_ILLEGAL_ADDRESS"), std::string::npos)
        << report->failure->message;
    const auto renewed = executor->renew();
    ASSERT_TRUE(renewed) << renewed.error().message;
    expect_works(*other);
  }
}

TEST_F(FakeGpu, HangsAreSurvivedTwentyTimesWithNobodyElseHarmed) {
  auto executor = open();
  const auto villain = load(*executor, kernel_of_y("again:\n  bra again;\n"));
  const auto other = load(*executor);
  for (int round = 0; round < 20; ++round) {
    const auto report = call(*villain, plan_of_y(), 50);
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_TRUE(report->failure);
    EXPECT_EQ(report->failure->status, Status::kTimeout);
    EXPECT_TRUE(report->failure->needs_confirmation);
    ASSERT_TRUE(executor->renew());
    expect_works(*other);
  }
}

TEST_F(FakeGpu, GuardsAndInputsAreChecked) {
  auto executor = open();
  const auto overrun = load(*executor, kernel_of_y("  st.global.u32 [%rd1+128], 1;\n"));
  const auto past = call(*overrun, plan_of_y()).value();
  EXPECT_FALSE(past.failure);
  ASSERT_NE(past.find("out-of-bounds-write"), nullptr);
  EXPECT_NE(past.find("out-of-bounds-write")->message.find("y"), std::string::npos);
  const auto scribble = load(*executor, kernel_of_y("  st.global.u32 [%rd2+4], 1;\n"));
  EXPECT_NE(call(*scribble, plan_of_y()).value().find("input-modified"), nullptr);
  expect_works(*load(*executor));
}

TEST_F(FakeGpu, AnUnwrittenOutputKeepsThePoison) {
  auto executor = open();
  const auto idle = load(*executor, kernel_of_y(""));
  auto session = session_of(*idle);
  ASSERT_TRUE(session->call(plan_of_y(), {}));
  EXPECT_TRUE(std::isnan(float_at(session->read("y").value(), 5)));
}

TEST_F(FakeGpu, ARefusedLaunchLeavesTheProcessAlone) {
  auto executor = open();
  const auto program = load(*executor);
  auto plan = scale_plan(2);
  std::get<plan::BoundLaunch>(plan.operations[0]).block.x = 2048;
  auto session = session_of(*program);
  const auto report = session->call(plan, {}).value();
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->status, Status::kRuntimeError);
  EXPECT_FALSE(report.failure->needs_confirmation);
  EXPECT_FALSE(session->call(scale_plan(2), {}).value().failure);
}

TEST_F(FakeGpu, ACubinForAnotherGpuIsACompileError) {
  auto executor = open();
  auto units = scale_units();
  units[0].cubin = std::string(
                       "\x7f"
                       "ELF\2\1\1\0",
                       8) +
                   std::string(100, '\0');
  const auto refused = executor->load(units).value();
  ASSERT_TRUE(refused.failure);
  EXPECT_EQ(refused.failure->status, Status::kCompileError);
  EXPECT_NE(refused.failure->message.find("--target sm_90"), std::string::npos) << refused.failure->message;
  expect_works(*load(*executor));
}

TEST_F(FakeGpu, SamplersTimeTwoProgramsOnChangingInputs) {
  auto executor = open();
  const auto first = load(*executor), second = load(*executor, scale_units("rival"));
  const auto plan = scale_plan(2);
  const auto a = floats(1), b = floats(100);
  SamplerSetup setup;
  setup.contenders = {{first.get(), &plan}, {second.get(), &plan}};
  setup.tensors = {{"x", BufferRole::kInput, 128}, {"y", BufferRole::kOutput, 128}};
  setup.versions = {{{"x", a}}, {{"x", b}}};
  auto opened = executor->open_sampler(setup);
  ASSERT_TRUE(opened) << opened.error().message;
  const auto batch = (*opened)->take(std::vector<cuda::Shot>{{0, 0, true}, {1, 0, false}, {1, 1, true}});
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_FALSE(batch->failure) << batch->failure->message;
  ASSERT_EQ(batch->samples.size(), 3u);
  for (const cuda::Sample& sample : batch->samples) {
    EXPECT_GT(sample.span_us, 0);
    EXPECT_EQ(sample.activities, batch->samples[0].activities);
  }
  EXPECT_EQ(batch->samples[0].output_hash, batch->samples[1].output_hash);
  EXPECT_NE(batch->samples[0].output_hash, batch->samples[2].output_hash);
  EXPECT_EQ(float_at((*opened)->read_kept(0, "y").value(), 0), 2);
  EXPECT_EQ(float_at((*opened)->read_kept(2, "y").value(), 0), 200);
}

TEST_F(FakeGpu, AHangInAShotIsTheContendersTimeout) {
  auto executor = open();
  const auto villain = load(*executor, kernel_of_y("again:\n  bra again;\n"));
  const auto plan = plan_of_y();
  const auto a = floats(1);
  SamplerSetup setup;
  setup.contenders = {{villain.get(), &plan}};
  setup.tensors = {{"x", BufferRole::kInput, 128}, {"y", BufferRole::kOutput, 128}};
  setup.versions = {{{"x", a}}};
  setup.deadline_ms = 300;
  auto sampler = executor->open_sampler(setup).value();
  const auto batch = sampler->take(std::vector<cuda::Shot>{{0, 0, false}}).value();
  ASSERT_TRUE(batch.failure);
  EXPECT_EQ(batch.failure->status, Status::kTimeout);
  EXPECT_EQ(batch.contender, 0);
}

TEST_F(FakeGpu, ADriverThatDiesInACallIsConfirmedElsewhere) {
  variables_["FAKE_GPU_DIE"] = "cuLaunchKernelEx:9";
  auto executor = open();
  const auto program = load(*executor);
  bool died = false;
  for (int round = 0; round < 20 && !died; ++round) {
    const auto report = call(*program, scale_plan(2));
    if (!report) continue;
    died = report->failure.has_value();
    if (died) {
      EXPECT_TRUE(report->failure->needs_confirmation);
      EXPECT_NE(report->failure->message.find("signal 6"), std::string::npos) << report->failure->message;
    }
  }
  EXPECT_TRUE(died);
}

TEST_F(FakeGpu, ASickGpuIsNotRenewed) {
  const auto sick = folder_.path() / "sick";
  variables_["FAKE_GPU_SICK"] = sick.string();
  auto executor = open();
  const auto program = load(*executor);
  ASSERT_TRUE(write_file_atomic(sick, ""));
  const auto renewed = executor->renew();
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().kind, ErrorKind::kInfrastructure);
  std::filesystem::remove(sick);
  ASSERT_TRUE(executor->renew());
  expect_works(*program);
}

}  // namespace
}  // namespace warpwright::exec
