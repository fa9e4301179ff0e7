// The driver, its objects and CUPTI on a fake GPU.
#include "evaluator/cuda/resources.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>

#include "evaluator/cuda/cupti.h"
#include "evaluator/cuda/fake_gpu_child.h"

namespace warpwright::cuda {
namespace {

constexpr const char* kPtx = R"(.version 8.0
.target sm_90
.address_size 64
.visible .entry store(.param .u64 target, .param .u32 value) {
  .reg .u64 %rd<2>;
  .reg .u32 %r<2>;
  ld.param.u64 %rd1, [target];
  ld.param.u32 %r1, [value];
  st.global.u32 [%rd1], %r1;
  ret;
}
)";
constexpr uint32_t kValue = 0x12345678;

int launch_store(const Driver& driver, abi::Function function, const Stream& stream,
                 abi::DevicePointer target) {
  struct {
    abi::DevicePointer target;
    uint32_t value;
  } parameters = {target, kValue};
  size_t bytes = 12;
  std::array<void*, 5> extra = {abi::kLaunchBufferPointer, &parameters, abi::kLaunchBufferSize, &bytes,
                                abi::kLaunchEnd};
  abi::LaunchConfig config = {1, 1, 1, 1, 1, 1, 0, stream.get(), nullptr, 0};
  return driver->cuLaunchKernelEx.code(&config, function, nullptr, extra.data());
}

// One of everything; what a call's work was, as text.
Result<std::string> use_everything() {
  TRY_ASSIGN(const auto driver, Driver::open());
  TRY_ASSIGN(const auto tracer, ActivityTracer::open("", driver->version()));
  TRY_ASSIGN(const DeviceFacts facts, read_device_facts(*driver, 0));
  TRY_ASSIGN(const auto context, PrimaryContext::retain(*driver, 0));
  TRY_ASSIGN(const auto stream, Stream::create(*driver));
  TRY_ASSIGN(const auto start, Event::create(*driver));
  TRY_ASSIGN(const auto end, Event::create(*driver));
  TRY_ASSIGN(const auto memory, DeviceMemory::allocate(*driver, 1000));
  TRY_ASSIGN(const auto pinned, PinnedMemory::allocate(*driver, 4096));
  TRY_ASSIGN(const auto range, VirtualRange::map(*driver, 0, 5 << 20));
  TRY_ASSIGN(const auto module, Module::load(*driver, kPtx));
  if (module.fault) return module.fault->message;
  TRY_ASSIGN(const auto function, module.value.function("store"));
  if (function.fault) return function.fault->message;
  TRY_ASSIGN(const FunctionInfo info, function_info(*driver, function.value));

  TRY(start.record(stream));
  TRY(tracer->begin(5));
  const int code = launch_store(*driver, function.value, stream, memory.get());
  if (code != 0) return infrastructure_error(describe_failure("cuLaunchKernelEx", code));
  TRY((*driver)->cuMemsetD8Async(memory.get() + 4, 0, 60, stream.get()));
  TRY(tracer->end());
  TRY(end.record(stream));
  TRY((*driver)->cuMemcpyDtoHAsync_v2(pinned.host(), memory.get(), 8, stream.get()));
  TRY(stream.synchronize());
  TRY(context.synchronize());
  TRY_ASSIGN(const double us, end.microseconds_since(start));
  TRY_ASSIGN(auto traces, tracer->collect());
  uint32_t value = 0;
  std::memcpy(&value, pinned.host(), sizeof value);
  const Trace& trace = traces.at(5);
  std::string ran = trace.invalid;
  for (const Activity& activity : trace.activities)
    ran += fmt::format("{}{}+{} ", activity.name, static_cast<int>(activity.kind), activity.bytes);
  return fmt::format("sm_{} {} {} threads {} value {:x} ran {}timed {}", facts.arch, facts.uuid.substr(0, 4),
                     info.max_threads_per_block, range.bytes() >> 20, value, ran, us > 0);
}

std::string text_of(const Result<std::string>& result) {
  return result ? "ok: " + *result : "error: " + result.error().message;
}

TEST(FakeGpu, EverythingIsUsedAndGivenBack) {
  const ChildResult result = run_on_fake_gpu({}, [] { return text_of(use_everything()); });
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.text, "ok: sm_90 GPU- 1024 threads 6 value 12345678 ran store0+0 2+60 timed true");
  EXPECT_EQ(result.count("cuptiFinalize"), 1u);
}

constexpr const char* kPairs[][2] = {
    {"cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2"},
    {"cuStreamCreate", "cuStreamDestroy_v2"},
    {"cuEventCreate", "cuEventDestroy_v2"},
    {"cuMemAlloc_v2", "cuMemFree_v2"},
    {"cuMemHostAlloc", "cuMemFreeHost"},
    {"cuModuleLoadDataEx", "cuModuleUnload"},
    {"cuMemAddressReserve", "cuMemAddressFree"},
    {"cuMemCreate", "cuMemRelease"},
    {"cuMemMap", "cuMemUnmap"},
};

void expect_nothing_kept(const ChildResult& result, const std::string& failed) {
  for (const auto& [take, give] : kPairs)
    EXPECT_EQ(result.count(take) - (take == failed ? 1 : 0), result.count(give))
        << take << " with " << failed;
}

// Failures that are nobody's business: giving back, and detaching CUPTI.
bool is_ignored(const std::string& function) {
  for (const auto& [take, give] : kPairs)
    if (function == give) return true;
  return function == "cuptiActivityDisable" || function == "cuptiFinalize" || function == "cuCtxSetCurrent" ||
         function == "cuptiActivityFlushAll";
}

TEST(FakeGpu, EachCallThatFailsIsNamedAndLeaksNothing) {
  const ChildResult healthy = run_on_fake_gpu({}, [] { return text_of(use_everything()); });
  ASSERT_TRUE(healthy.finished);
  expect_nothing_kept(healthy, "");
  std::map<std::string, int> calls;
  for (const std::string& function : healthy.calls) {
    const int nth = ++calls[function];
    if (nth > 2) continue;
    const ChildResult result = run_on_fake_gpu({{"FAKE_GPU_FAIL", fmt::format("{}:{}:999", function, nth)}},
                                               [] { return text_of(use_everything()); });
    EXPECT_TRUE(result.finished) << function << " " << nth;
    const bool may_pass = is_ignored(function);
    EXPECT_TRUE(result.text.starts_with("error: ") || may_pass)
        << function << " " << nth << ": " << result.text;
    if (result.text.starts_with("error: ")) {
      EXPECT_NE(result.text.find(function), std::string::npos) << function << ": " << result.text;
      EXPECT_EQ(result.text.find('\n'), std::string::npos) << result.text;
    }
    expect_nothing_kept(result, function);
  }
  EXPECT_GT(calls.size(), 40u);
}

TEST(FakeGpu, WhatCannotStartSaysWhy) {
  const auto open = [] {
    const auto driver = Driver::open();
    return driver ? std::string("ok") : driver.error().message;
  };
  const struct {
    std::map<std::string, std::string> environment;
    const char* message;
  } kCases[] = {
      {{{"FAKE_GPU_FAIL", "cuInit:1:34"}}, "take its folder out of LD_LIBRARY_PATH"},
      {{{"FAKE_GPU_FAIL", "cuInit:1:100"}}, "CUDA_VISIBLE_DEVICES"},
      {{{"FAKE_GPU_FAIL", "cuInit:1:803"}}, "reboot"},
      {{{"FAKE_GPU_DRIVER", "11080"}}, "a driver for CUDA 11.8; install one for CUDA 12.0"},
  };
  for (const auto& [environment, message] : kCases) {
    const ChildResult result = run_on_fake_gpu(environment, open);
    EXPECT_NE(result.text.find(message), std::string::npos) << result.text;
  }
}

// Runs `store` at `target` and says what became of it.
Result<std::string> store_at(const std::function<abi::DevicePointer(const VirtualRange&)>& target) {
  TRY_ASSIGN(const auto driver, Driver::open());
  TRY_ASSIGN(const auto tracer, ActivityTracer::open());
  TRY_ASSIGN(const auto context, PrimaryContext::retain(*driver, 0));
  TRY_ASSIGN(const auto stream, Stream::create(*driver));
  TRY_ASSIGN(const auto range, VirtualRange::map(*driver, 0, 100));
  TRY_ASSIGN(const auto module, Module::load(*driver, kPtx));
  TRY_ASSIGN(const auto function, module.value.function("store"));
  launch_store(*driver, function.value, stream, target(range));
  const int code = (*driver)->cuStreamSynchronize.code(stream.get());
  if (code == 0) return "stored";
  tracer->abandon();
  TRY_ASSIGN(const DeviceFault fault, blame(*driver, code, "store"));
  return std::string(fault.kind == DeviceFault::Kind::kFault ? "fault " : "") + fault.message;
}

TEST(FakeGpu, AVirtualRangeHasUnmappedNeighbours) {
  const auto run = [](const std::function<abi::DevicePointer(const VirtualRange&)>& target) {
    const ChildResult result = run_on_fake_gpu({}, [&] { return text_of(store_at(target)); });
    EXPECT_TRUE(result.finished);
    EXPECT_EQ(result.count("cuptiFinalize"), result.text == "ok: stored" ? 1u : 0u);
    return result.text.substr(0, result.text.find(" ("));
  };
  const char* fault = "ok: fault store: CUDA_ERROR_ILLEGAL_ADDRESS";
  EXPECT_EQ(run([](const VirtualRange& range) { return range.begin(); }), "ok: stored");
  EXPECT_EQ(run([](const VirtualRange& range) { return range.end() - 4; }), "ok: stored");
  EXPECT_EQ(run([](const VirtualRange& range) { return range.end(); }), fault);
  EXPECT_EQ(run([](const VirtualRange& range) { return range.begin() - 4; }), fault);
}

Result<std::string> load(const std::string& image, const std::string& symbol) {
  TRY_ASSIGN(const auto driver, Driver::open());
  TRY_ASSIGN(const auto context, PrimaryContext::retain(*driver, 0));
  TRY_ASSIGN(const auto module, Module::load(*driver, image));
  if (module.fault) return "fault: " + module.fault->message;
  TRY_ASSIGN(const auto function, module.value.function(symbol));
  return function.fault ? "fault: " + function.fault->message : "loaded";
}

TEST(FakeGpu, ABadImageIsTheCandidatesAndTheMachinesTroubleIsNot) {
  const auto run = [](const std::string& image, const std::string& symbol, const std::string& fail) {
    return run_on_fake_gpu({{"FAKE_GPU_FAIL", fail}}, [&] { return text_of(load(image, symbol)); }).text;
  };
  EXPECT_EQ(run(kPtx, "store", ""), "ok: loaded");
  EXPECT_TRUE(
      run(kPtx, "other", "").starts_with("ok: fault: cuModuleGetFunction(other): CUDA_ERROR_NOT_FOUND"));
  const std::string broken = run(std::string(kPtx) + "!", "store", "");
  EXPECT_TRUE(broken.starts_with("ok: fault: cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX")) << broken;
  EXPECT_TRUE(run(kPtx, "store", "cuModuleLoadDataEx:1:2")
                  .starts_with("ok: fault: cuModuleLoadDataEx: CUDA_ERROR_OUT"));
  EXPECT_TRUE(run(kPtx, "store", "cuModuleLoadDataEx:1:214").starts_with("error: cuModuleLoadDataEx"));
}

TEST(FakeGpu, RecordsThatCuptiLosesMakeTimesInvalid) {
  const auto run = [](const char* cupti) {
    const ChildResult result =
        run_on_fake_gpu({{"FAKE_GPU_CUPTI", cupti}}, [] { return text_of(use_everything()); });
    EXPECT_TRUE(result.finished);
    return result.text;
  };
  EXPECT_NE(run("drop:3").find("dropped"), std::string::npos);
  EXPECT_NE(run("zero").find("no times"), std::string::npos);
  EXPECT_NE(run("denied").find("NVreg_RestrictProfilingToAdminUsers=0"), std::string::npos);
  EXPECT_TRUE(run("off").starts_with("error: cupti"));
}

TEST(FakeGpu, OneTracerAtATimeAndAnotherAfterIt) {
  const ChildResult result = run_on_fake_gpu({}, [] {
    const auto driver = Driver::open();
    auto first = ActivityTracer::open();
    const auto second = ActivityTracer::open();
    first->reset();
    const auto third = ActivityTracer::open();
    return fmt::format("{} {} {}", first.has_value(), second.has_value(), third.has_value());
  });
  EXPECT_EQ(result.text, "true false true");
}

}  // namespace
}  // namespace warpwright::cuda
