#include "evaluator/cuda/nvml.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "evaluator/cuda/engine.h"
#include "evaluator/cuda/fake_gpu_child.h"

namespace warpwright::cuda {
namespace {

TEST(Nvml, AMissingLibraryIsAnErrorThatNamesIt) {
  const auto nvml = Nvml::open("GPU-0", "/nowhere/libnvidia-ml.so.1");
  ASSERT_FALSE(nvml);
  EXPECT_NE(nvml.error().message.find("/nowhere/libnvidia-ml.so.1"), std::string::npos);
  const auto other = Nvml::open("GPU-0", "libm.so.6");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("libm.so.6 lacks nvmlInit_v2"), std::string::npos);
}

TEST(Nvml, OnlyReasonsThatHoldTheClocksDownAreNamed) {
  EXPECT_EQ(describe_clock_reasons(0), "");
  EXPECT_EQ(describe_clock_reasons(abi::kReasonGpuIdle), "");
  EXPECT_EQ(describe_clock_reasons(abi::kReasonSwPowerCap | abi::kReasonHwThermalSlowdown),
            "power cap, hardware thermal slowdown");
}

std::string look_at_clocks() {
  const auto nvml = Nvml::open("GPU-0");
  if (!nvml) return nvml.error().message;
  const Health health = (*nvml)->health();
  return fmt::format("{} of {} MHz, {}, usable {} {}", (*nvml)->sm_clock_mhz().value_or(0),
                     (*nvml)->max_sm_clock_mhz().value_or(0), (*nvml)->lock_clocks_if_asked(), health.usable,
                     health.problem);
}

TEST(Nvml, ClocksAreLockedIfAskedAndGivenFree) {
  const auto run = [](std::map<std::string, std::string> environment) {
    return run_on_fake_gpu(std::move(environment), look_at_clocks);
  };
  EXPECT_EQ(run({}).text, "1980 of 1980 MHz, not locked, usable true ");
  const ChildResult locked = run({{"WARPWRIGHT_LOCK_SM_MHZ", "1500"}});
  EXPECT_EQ(locked.text, "1980 of 1980 MHz, locked at 1500 MHz, usable true ");
  EXPECT_EQ(locked.count("nvmlDeviceResetGpuLockedClocks"), 1u);
  const ChildResult denied =
      run({{"WARPWRIGHT_LOCK_SM_MHZ", "1500"}, {"FAKE_GPU_FAIL", "nvmlDeviceSetGpuLockedClocks:1:4"}});
  EXPECT_NE(denied.text.find("not locked (no permission: as root, nvidia-smi -lgc 1500,1500)"),
            std::string::npos)
      << denied.text;
  EXPECT_EQ(denied.count("nvmlDeviceResetGpuLockedClocks"), 0u);
  EXPECT_NE(run({{"WARPWRIGHT_LOCK_SM_MHZ", "fast"}}).text.find("is no frequency"), std::string::npos);
}

TEST(Nvml, ASickDeviceIsNotUsable) {
  const auto run = [](const std::string& fail) {
    return run_on_fake_gpu({{"FAKE_GPU_FAIL", fail}}, look_at_clocks).text;
  };
  EXPECT_NE(run("nvmlDeviceGetClockInfo:1:15").find("usable false the GPU has fallen off the bus"),
            std::string::npos);
  EXPECT_NE(run("nvmlDeviceGetClockInfo:1:16").find("usable false the GPU must be reset"), std::string::npos);
  EXPECT_NE(run("nvmlDeviceGetFieldValues:1:3").find("usable true"), std::string::npos);
  EXPECT_EQ(run("nvmlInit_v2:1:9"), "nvmlInit_v2: Unknown Error");
}

TEST(Nvml, ADeviceThatWantsAResetIsNotOpened) {
  const auto open = [] {
    const auto engine = Engine::open();
    return engine ? "clocks " + (*engine)->facts().clocks : engine.error().message;
  };
  const std::string reset = run_on_fake_gpu({{"FAKE_GPU_FAIL", "nvmlDeviceGetClockInfo:1:16"}}, open).text;
  EXPECT_NE(reset.find("the GPU must be reset: nvidia-smi --gpu-reset"), std::string::npos) << reset;
  const std::string without = run_on_fake_gpu({{"FAKE_GPU_FAIL", "nvmlInit_v2:1:9"}}, open).text;
  EXPECT_EQ(without, "clocks not known (nvmlInit_v2: Unknown Error)");
}

}  // namespace
}  // namespace warpwright::cuda
