#include "evaluator/cuda/nvml.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace warpwright::cuda
