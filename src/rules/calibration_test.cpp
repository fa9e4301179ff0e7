#include "src/rules/calibration.h"

#include <gtest/gtest.h>

#include <fstream>

#include "src/base/files.h"
#include "src/rules/device.h"

namespace warpwright::rules {
namespace {

class CalibrationFile : public testing::Test {
 protected:
  Result<Calibration> load(const std::string& text) {
    std::ofstream(path_) << text;
    return load_calibration_file(path_);
  }
  TempDirectory folder_ = TempDirectory::create().value();
  std::filesystem::path path_ = folder_.path() / "x.toml";
};

TEST_F(CalibrationFile, IsReadAsItWasWritten) {
  Calibration calibration;
  calibration.weights[static_cast<size_t>(Resource::kL2)] = 1.0 / 3;
  calibration.latency_weight = 0.25;
  calibration.exponent = 8;
  calibration.first_launch_us = 2.125;
  calibration.provenance = {true, "a \"file\"", "2026-11-22", "cupti", 120, 40, 3, "tau 0.8"};
  const auto again = load(to_toml(calibration, "x"));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->weights, calibration.weights);
  EXPECT_EQ(again->identity(), calibration.identity());
  EXPECT_EQ(again->provenance.source, "a \"file\"");
  EXPECT_EQ(again->provenance.samples, 120);
  EXPECT_EQ(again->describe().substr(0, 20), "fitted to 120 measur");
}

TEST_F(CalibrationFile, ItsIdentityIsThatOfItsNumbers) {
  Calibration one, other;
  other.provenance.source = "elsewhere";
  EXPECT_EQ(one.identity(), other.identity());
  other.next_launch_us += 1e-9;
  EXPECT_NE(one.identity(), other.identity());
}

TEST_F(CalibrationFile, MistakesNameFileLineAndKey) {
  const std::string good = to_toml(Calibration(), "x");
  const auto broken = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const auto loaded = load(text);
    return loaded ? std::string("loaded") : loaded.error().message.substr(path_.string().size());
  };
  EXPECT_EQ(broken("\nxu = 1", "\nxu = -1"), ":23: 'xu' must be from 0 to 1000");
  EXPECT_EQ(broken("\nxu = 1", "\nux = 1"), ":19: key 'xu' is missing (expected a number)");
  EXPECT_EQ(broken("exponent = 4", "exponent = 3"), ":32: 'exponent' must be 1, 2, 4, 8 or 16");
  EXPECT_EQ(broken("\"literature\"", "\"guess\""), ":5: 'kind' must be \"literature\" or \"fitted\"");
  EXPECT_EQ(broken("[launch]", "[lunch]"), ":1: table [launch] is missing");
}

TEST(Calibration, WhatIsShippedSaysThatItIsNotMeasured) {
  for (const char* name : {"b200", "h100", "h200"}) {
    const auto device = load_device(name);
    ASSERT_TRUE(device) << device.error().message;
    EXPECT_FALSE(device->calibration.provenance.fitted);
    EXPECT_NE(device->calibration.describe().find("not calibrated on hardware"), std::string::npos);
  }
}

}  // namespace
}  // namespace warpwright::rules
