#include "src/rules/measured_device.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "src/base/files.h"

namespace warpwright::rules {
namespace {

MeasuredDevice example() {
  MeasuredDevice measured;
  measured.model = "h100";
  measured.gpu = "NVIDIA \"H100\" 80GB HBM3";
  measured.driver = "13000";
  measured.date = "2026-11-23";
  measured.method = "cupti";
  measured.sm_clock_mhz = 1755;
  measured.dram_bandwidth_gb_s = 2950;
  measured.l2_bandwidth_gb_s = 7000;
  measured.fma_tflops = 59;
  measured.tensor_bf16_tflops = 610;
  measured.first_launch_us = 2.3;
  measured.next_launch_us = 1.6;
  measured.dependent_launch_us = 0.7;
  measured.noise_floor = 0.006;
  return measured;
}

class MeasuredDeviceFile : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* cache = std::getenv("WARPWRIGHT_CACHE")) before_ = cache;
    ::setenv("WARPWRIGHT_CACHE", folder_.path().c_str(), 1);
  }
  void TearDown() override {
    if (before_.empty())
      ::unsetenv("WARPWRIGHT_CACHE");
    else
      ::setenv("WARPWRIGHT_CACHE", before_.c_str(), 1);
  }
  void store(const std::string& text) {
    const auto path = measured_device_file("h100");
    ASSERT_TRUE(warpwright::create_directories(path.parent_path()));
    ASSERT_TRUE(write_file_atomic(path, text));
  }
  TempDirectory folder_ = TempDirectory::create().value();
  std::string before_;
};

TEST_F(MeasuredDeviceFile, ReadsBackAsWritten) {
  store(to_toml(example()));
  const auto read = load_measured_device("h100");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(*read);
  EXPECT_EQ(to_toml(**read), to_toml(example()));
  EXPECT_FALSE(load_measured_device("b200").value().has_value());
}

TEST_F(MeasuredDeviceFile, TheModelTakesItsFiguresAndBecomesAnother) {
  const DeviceModel shipped = load_device("h100").value();
  store(to_toml(example()));
  const DeviceModel device = load_device("h100").value();
  EXPECT_EQ(device.dram_bandwidth_gb_s, 2950);
  EXPECT_EQ(device.sm_clock_mhz, 1755);
  EXPECT_EQ(device.calibration.next_launch_us, 1.6);
  EXPECT_EQ(device.peak_tflops, shipped.peak_tflops) << "mma.sync is no peak of the device";
  EXPECT_NE(device.identity(), shipped.identity());
  MeasuredDevice other = example();
  other.l2_bandwidth_gb_s += 1;
  store(to_toml(other));
  EXPECT_NE(load_device("h100")->identity(), device.identity());
}

TEST_F(MeasuredDeviceFile, MistakesAreNamedWithTheirLine) {
  store(to_toml(example()) + "colour = 3\n");
  auto read = load_measured_device("h100");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("h100.toml:17: unknown key 'colour'"), std::string::npos)
      << read.error().message;
  std::string negative = to_toml(example());
  negative.replace(negative.find("= 2950"), 6, "= -295");
  store(negative);
  read = load_measured_device("h100");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("h100.toml:9"), std::string::npos) << read.error().message;
  EXPECT_FALSE(load_device("h100")) << "a broken file is not passed over";
}

TEST_F(MeasuredDeviceFile, WhatNoSuchDeviceCanHaveIsRefused) {
  const DeviceModel device = load_device("h100").value();
  EXPECT_EQ(implausible_figures(example(), device), "");
  MeasuredDevice absurd = example();
  absurd.dram_bandwidth_gb_s = 30000;  // a copy that never left the L2
  EXPECT_NE(implausible_figures(absurd, device).find("copy bandwidth of 3e+04 GB/s"), std::string::npos)
      << implausible_figures(absurd, device);
  absurd = example();
  absurd.fma_tflops = 1000;  // the chains were optimised away
  EXPECT_NE(implausible_figures(absurd, device), "");
  absurd = example();
  absurd.l2_bandwidth_gb_s = 400;
  EXPECT_NE(implausible_figures(absurd, device), "");
}

}  // namespace
}  // namespace warpwright::rules
