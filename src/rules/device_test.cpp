#include "src/rules/device.h"

#include <gtest/gtest.h>

#include <fstream>

#include "src/base/files.h"

namespace warpwright::rules {
namespace {

TEST(Device, EveryShippedModelLoads) {
  for (const char* name : {"b200", "h100", "h200"}) {
    auto device = load_device(name);
    ASSERT_TRUE(device) << device.error().message;
    EXPECT_GT(device->sm_count, 100);
    EXPECT_GT(device->dram_bandwidth_gb_s, 1000);
  }
}

TEST(Device, MistakesNameFileLineAndKey) {
  auto folder = TempDirectory::create().value();
  const auto path = folder.path() / "x.toml";
  std::ofstream(path) << "sm_count = 148\nsm_cuont = 148\n";
  EXPECT_EQ(load_device_file(path).error().message, path.string() + ":2: unknown key 'sm_cuont'");
  std::ofstream(path) << "sm_count = -1\n";
  EXPECT_EQ(load_device_file(path).error().message,
            path.string() + ":1: 'sm_count' must be a positive number");
  EXPECT_EQ(load_device("b300").error().message,
            "unknown device 'b300'; configs/devices has b200, h100, h200");
}

}  // namespace
}  // namespace warpwright::rules
