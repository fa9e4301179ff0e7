#include "evaluator/timing/floor.h"

#include <gtest/gtest.h>

#include "src/base/files.h"

namespace warpwright::timing {
namespace {

struct Decode {
  trace::LoadedDefinition loaded =
      trace::DatasetPath::open({}).value().load("gdn_decode_qk4_v8_d128_k_last").value();
  rules::Rules rules = rules::load_rules(loaded, find_home().value()).value();
  rules::DeviceModel device = rules::load_device("b200").value();

  PhysicalFloor floor(int64_t batch_size) const {
    return physical_floor(rules, loaded.definition, {{"batch_size", batch_size}}, device).value();
  }
};

TEST(PhysicalFloor, OfADecodeStepIsTheStateReadOnceFromMemory) {
  const Decode decode;
  const PhysicalFloor floor = decode.floor(64);
  const int64_t state = int64_t{64} * 8 * 128 * 128 * 4;
  EXPECT_GT(floor.bytes_read, state);
  EXPECT_LT(floor.bytes_read, state * 1.01);
  EXPECT_GT(floor.bytes_written, state);
  EXPECT_NEAR(floor.floor_us(), static_cast<double>(state) / 7.1e6, 0.1);  // 7.1 TB/s: 4.7 us
  EXPECT_EQ(floor.floor_us(), floor.dram_us);
}

TEST(PhysicalFloor, CountsOnlyWritesThatTheCacheCannotHold) {
  Decode decode;
  const double fits = decode.floor(64).dram_us;
  decode.device.l2_bytes = 0;
  EXPECT_NEAR(decode.floor(64).dram_us, 2 * fits, 0.1);
}

TEST(PhysicalFloor, WithoutARuleIsTheOutputsWritten) {
  Decode decode;
  decode.rules.floor = {};
  const PhysicalFloor floor = decode.floor(64);
  EXPECT_EQ(floor.bytes_read, 0);
  EXPECT_EQ(floor.bytes_written, int64_t{64} * 8 * 128 * (128 * 4 + 2));
  EXPECT_EQ(floor.floor_us(), floor.l2_us);
  EXPECT_GT(floor.l2_us, 0);
}

TEST(PhysicalFloor, OfManyFlopsIsThePeakRate) {
  Decode decode;
  decode.rules.floor.flops = "batch_size * 1000000000";
  EXPECT_NEAR(decode.floor(45).floor_us(), 10, 1e-9);  // 4.5e10 flops at 4500 TFLOP/s
}

TEST(PhysicalFloor, RefusesOnlyWhatIsClearlyBelow) {
  const PhysicalFloor floor = Decode().floor(64);
  EXPECT_FALSE(refuse_below_floor(floor.floor_us() * 0.91, floor));
  const auto refusal = refuse_below_floor(floor.floor_us() * 0.89, floor);
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->find("bytes read"), std::string::npos);
}

TEST(PhysicalFloor, ANegativeCountIsAnErrorOfTheRules) {
  Decode decode;
  decode.rules.floor.flops = "batch_size - 10";
  EXPECT_FALSE(physical_floor(decode.rules, decode.loaded.definition, {{"batch_size", 2}}, decode.device));
}

}  // namespace
}  // namespace warpwright::timing
