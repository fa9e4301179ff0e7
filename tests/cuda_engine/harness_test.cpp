// The harness's kernels through the driver, and what is compiled into the program.
#include "evaluator/cuda/harness.h"

#include "evaluator/cuda/shot_timer.h"
#include "src/base/hash.h"
#include "tests/cuda_engine/engine_testing.h"

namespace warpwright::cuda {
namespace {

class HarnessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    driver = value_of(Driver::open());
    context = value_of(PrimaryContext::retain(*driver, 0));
    stream = value_of(Stream::create(*driver));
    harness = value_of(Harness::load(*driver, stream, 4));
  }
  std::unique_ptr<const Driver> driver;
  PrimaryContext context;
  Stream stream;
  std::unique_ptr<Harness> harness;
};

TEST(HarnessSource, ThePtxIsOfTheSourceBesideIt) {
  for (const std::string path : {"evaluator/cuda/kernels/harness", "tests/cuda_engine/testdata/kernels"}) {
    const std::string ptx = read_text(path + ".ptx");
    EXPECT_NE(ptx.find("sha256 " + sha256_hex(read_text(path + ".cu")) + "\n"), std::string::npos)
        << path << ".cu was changed: run tools/harness-kernels.sh";
  }
  EXPECT_EQ(kHarnessPtx, read_text("evaluator/cuda/kernels/harness.ptx"));
}

TEST_F(HarnessTest, AClosedGateHoldsTheStreamUntilItIsOpened) {
  for (int i = 0; i < 3; ++i) {
    value_of(harness->close_gate(200'000'000));
    harness->open_gate();
    value_of(stream.synchronize());
    EXPECT_FALSE(harness->gate_timed_out());
  }
}

TEST_F(HarnessTest, AForgottenGateOpensByItself) {
  value_of(harness->close_gate(1000));
  value_of(stream.synchronize());
  EXPECT_TRUE(harness->gate_timed_out());
  value_of(harness->close_gate(200'000'000));
  harness->open_gate();
  value_of(stream.synchronize());
  EXPECT_FALSE(harness->gate_timed_out()) << "the next one is judged by itself";
}

TEST_F(HarnessTest, HostAndDeviceHashAlike) {
  for (const size_t size : {0, 1, 7, 8, 9, 4096, 5001}) {
    std::vector<std::byte> content(size);
    for (size_t i = 0; i < size; ++i) content[i] = static_cast<std::byte>(i * 37 + 1);
    const DeviceMemory memory = value_of(DeviceMemory::allocate(*driver, size + 8));
    if (size > 0) value_of((*driver)->cuMemcpyHtoDAsync_v2(memory.get(), content.data(), size, stream.get()));
    const ByteRange range{memory.get(), 0, size, 99};
    EXPECT_EQ(value_of(harness->hash({&range, 1}))[0], hash_on_host(content, 99)) << size;
  }
}

TEST_F(HarnessTest, MoreRangesThanOneLaunchTakesAreAllSearched) {
  constexpr size_t kRanges = 1500, kBytes = 64;
  const DeviceMemory memory = value_of(DeviceMemory::allocate(*driver, kRanges * kBytes));
  std::vector<ByteRange> ranges;
  for (size_t i = 0; i < kRanges; ++i) ranges.push_back({memory.get() + i * kBytes, 0, kBytes, i + 1});
  value_of(harness->fill(ranges));
  for (const FoundInRange& found : value_of(harness->check(ranges))) ASSERT_EQ(found.count, 0u);
  const unsigned char other[2] = {};
  value_of((*driver)->cuMemcpyHtoDAsync_v2(memory.get() + 1400 * kBytes + 3, other, 2, stream.get()));
  const auto found = value_of(harness->check(ranges));
  for (size_t i = 0; i < kRanges; ++i) EXPECT_EQ(found[i].count > 0, i == 1400) << i;
  EXPECT_TRUE(value_of(harness->check({})).empty());
}

TEST_F(HarnessTest, TheClockIsThatBetweenTheStamps) {
  EXPECT_EQ(harness->stamp(0), 0);
  const DeviceMemory memory = value_of(DeviceMemory::allocate(*driver, 1 << 20));
  value_of(harness->flush(memory, 1));
  EXPECT_EQ(harness->stamp(1), 0);
  EXPECT_GT(value_of(harness->sm_clock_mhz()), 100);
  EXPECT_EQ(harness->stamp(0), 0);
  EXPECT_EQ(value_of(harness->sm_clock_mhz()), 0) << "the second stamp is older than the first";
}

TEST(Clocks, MayDifferByTwoMicrosecondsOrATenth) {
  EXPECT_TRUE(clocks_agree(5, 6.9));
  EXPECT_FALSE(clocks_agree(5, 7.1));
  EXPECT_FALSE(clocks_agree(5, 2.9));
  EXPECT_TRUE(clocks_agree(100, 109));
  EXPECT_FALSE(clocks_agree(100, 111));
}

}  // namespace
}  // namespace warpwright::cuda
