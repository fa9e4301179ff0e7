// The harness's device code (evaluator/cuda/kernels), executed by the project's own simulator.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "evaluator/cuda/harness_layout.h"
#include "evaluator/ptx/module.h"
#include "evaluator/sim/simulator.h"

namespace warpwright::cuda {
namespace {

class HarnessKernels : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file("evaluator/cuda/kernels/harness.ptx");
    std::stringstream text;
    text << file.rdbuf();
    auto module = ptx::parse(text.str());
    ASSERT_TRUE(module.has_value()) << module.error().message;
    auto built = sim::Program::build(std::move(*module));
    ASSERT_TRUE(built.has_value()) << built.error().message;
    program = *built;
    buffer = memory.allocate("buffer", kBytes, sim::Access::kReadWrite);
    found = memory.allocate("found", kMaxRanges * sizeof(FoundInRange), sim::Access::kReadWrite);
    memory.mark_initialised(buffer, true);
    memory.mark_initialised(found, true);
  }

  void run(const std::string& kernel, const std::vector<std::byte>& parameters, uint32_t ranges = 1) {
    sim::Launch launch;
    launch.kernel = kernel;
    launch.grid = {3, ranges, 1};
    launch.block = {256, 1, 1};
    launch.parameters = parameters;
    const sim::LaunchReport report = sim::run(*program, launch, memory, {});
    for (const auto& finding : report.findings) ADD_FAILURE() << finding.message;
    EXPECT_TRUE(report.completed);
  }
  void fill(uint64_t begin, uint64_t end, uint64_t key) {
    ByteRanges ranges = {};
    ranges.at[0] = {buffer, begin, end, key};
    run("ww_fill", pack(ranges));
  }
  FoundInRange search(const char* kernel, uint64_t begin, uint64_t end, uint64_t key) {
    ByteRanges ranges = {};
    ranges.at[0] = {buffer, begin, end, key};
    std::memset(memory.bytes(found).data(), 0, sizeof(FoundInRange));
    run(kernel, pack(ranges, found));
    FoundInRange result;
    std::memcpy(&result, memory.bytes(found).data(), sizeof result);
    return result;
  }

  template <class... Ts>
  static std::vector<std::byte> pack(const Ts&... values) {
    std::vector<std::byte> block;
    const auto add = [&block](const void* value, size_t size) {
      const size_t alignment = std::min<size_t>(size, 8);
      const size_t at = (block.size() + alignment - 1) / alignment * alignment;
      block.resize(at + size);
      std::memcpy(block.data() + at, value, size);
    };
    (add(&values, sizeof values), ...);
    return block;
  }
  std::span<std::byte> content() { return memory.bytes(buffer); }

  static constexpr uint64_t kBytes = 40'000;
  std::shared_ptr<const sim::Program> program;
  sim::Memory memory;
  uint64_t buffer = 0, found = 0;
};

TEST_F(HarnessKernels, FillWritesThePatternAndNothingElse) {
  for (const auto& [begin, end] :
       {std::pair<uint64_t, uint64_t>{0, kBytes}, {3, 5}, {13, 29'001}, {256, 256}}) {
    std::fill(content().begin(), content().end(), std::byte{0x11});
    fill(begin, end, 99);
    for (uint64_t i = 0; i < kBytes; ++i) {
      const auto expected = i >= begin && i < end
                                ? static_cast<std::byte>(pattern_word(99, i / 8) >> (8 * (i % 8)))
                                : std::byte{0x11};
      ASSERT_EQ(content()[i], expected) << "byte " << i << " of [" << begin << ", " << end << ")";
    }
    EXPECT_EQ(search("ww_check", begin, end, 99).count, 0u);
  }
}

TEST_F(HarnessKernels, CheckCountsWhatDiffersAndSaysWhere) {
  fill(0, kBytes, 7);
  content()[4001] ^= std::byte{1};
  content()[4002] ^= std::byte{128};
  content()[39'999] ^= std::byte{4};
  const FoundInRange all = search("ww_check", 0, kBytes, 7);
  EXPECT_EQ(all.count, 3u);
  EXPECT_EQ(~all.complement_of_first, 4001u);
  EXPECT_EQ(all.last, 39'999u);
  EXPECT_EQ(search("ww_check", 4002, 39'999, 7).count, 1u);
  EXPECT_EQ(search("ww_check", 4003, 39'999, 7).count, 0u);
  EXPECT_GT(search("ww_check", 0, kBytes, 8).count, kBytes / 2) << "another key is another pattern";
}

TEST_F(HarnessKernels, KeyZeroIsZeroBytes) {
  std::fill(content().begin(), content().end(), std::byte{0});
  EXPECT_EQ(search("ww_check", 5, 30'000, 0).count, 0u);
  content()[17] = std::byte{2};
  EXPECT_EQ(search("ww_check", 5, 30'000, 0).count, 1u);
}

TEST_F(HarnessKernels, HashSeesEveryByteAndEveryPosition) {
  fill(0, kBytes, 5);
  std::set<uint64_t> seen = {search("ww_hash", 0, 20'003, 31).count};
  EXPECT_EQ(seen.count(search("ww_hash", 0, 20'003, 31).count), 1u) << "the same content, the same hash";
  for (const uint64_t at : {0, 1, 7, 8, 4099, 20'002}) {
    content()[at] ^= std::byte{0x40};
    EXPECT_TRUE(seen.insert(search("ww_hash", 0, 20'003, 31).count).second) << "byte " << at;
  }
  const uint64_t before = search("ww_hash", 0, 20'003, 31).count;
  content()[20'003] ^= std::byte{1};
  EXPECT_EQ(search("ww_hash", 0, 20'003, 31).count, before) << "a byte behind the range";
  for (int i = 0; i < 8; ++i)
    std::swap(content()[static_cast<size_t>(i)], content()[static_cast<size_t>(800 + i)]);
  EXPECT_TRUE(seen.insert(search("ww_hash", 0, 20'003, 31).count).second) << "two words swapped";
  EXPECT_TRUE(seen.insert(search("ww_hash", 0, 20'003, 32).count).second) << "another key";
}

TEST_F(HarnessKernels, SeveralRangesAreHandledAtOnce) {
  ByteRanges ranges = {};
  ranges.at[0] = {buffer, 0, 1000, 1};
  ranges.at[1] = {buffer, 1000, 1003, 2};
  ranges.at[2] = {buffer, 1003, 9000, 3};
  run("ww_fill", pack(ranges), 3);
  EXPECT_EQ(search("ww_check", 0, 1000, 1).count, 0u);
  EXPECT_EQ(search("ww_check", 1000, 1003, 2).count, 0u);
  EXPECT_EQ(search("ww_check", 1003, 9000, 3).count, 0u);
  content()[1001] ^= std::byte{1};
  std::memset(memory.bytes(found).data(), 0, 3 * sizeof(FoundInRange));
  run("ww_check", pack(ranges, found), 3);
  std::vector<FoundInRange> results(3);
  std::memcpy(results.data(), memory.bytes(found).data(), 3 * sizeof(FoundInRange));
  EXPECT_EQ(results[0].count, 0u);
  EXPECT_EQ(results[1].count, 1u);
  EXPECT_EQ(results[2].count, 0u);
}

TEST_F(HarnessKernels, FlushWritesZerosOrWordsThatAreNot) {
  run("ww_flush", pack(buffer, uint64_t{kBytes / 16}, uint64_t{12345}));
  std::set<uint64_t> words;
  for (uint64_t i = 0; i < kBytes / 8; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, content().data() + i * 8, 8);
    words.insert(word);
  }
  EXPECT_EQ(words.size(), kBytes / 8);
  EXPECT_FALSE(words.contains(0));
  run("ww_flush", pack(buffer, uint64_t{kBytes / 16}, uint64_t{0}));
  for (const std::byte b : content()) ASSERT_EQ(b, std::byte{0});
}

TEST_F(HarnessKernels, BlockReturnsWhenItIsReleasedAndWhenItsTimeIsOver) {
  const uint64_t flags = memory.allocate("flags", 8, sim::Access::kReadWrite);
  memory.mark_initialised(flags, true);
  const auto flag = [&](int index) {
    uint32_t value = 0;
    std::memcpy(&value, memory.bytes(flags).data() + 4 * index, 4);
    return value;
  };
  const auto launch = [&](uint32_t ticket) {
    sim::Launch block;
    block.kernel = "ww_block";
    block.parameters = pack(flags, flags + 4, ticket, uint32_t{0}, uint64_t{0});
    const sim::LaunchReport report = sim::run(*program, block, memory, {});
    for (const auto& finding : report.findings) ADD_FAILURE() << finding.message;
    EXPECT_TRUE(report.completed);
  };
  const uint32_t released = 41;
  std::memcpy(memory.bytes(flags).data(), &released, 4);
  launch(41);
  EXPECT_EQ(flag(1), 0u);
  launch(42);
  EXPECT_EQ(flag(1), 42u) << "not released: it timed out";
}

TEST_F(HarnessKernels, OneStampPerTicket) {
  const uint64_t stamp = memory.allocate("stamp", sizeof(ClockStamp), sim::Access::kReadWrite);
  memory.mark_initialised(stamp, true);
  run("ww_stamp", pack(stamp, uint64_t{3}));
  ClockStamp written;
  std::memcpy(&written, memory.bytes(stamp).data(), sizeof written);
  EXPECT_EQ(written.ticket, 3u);
}

}  // namespace
}  // namespace warpwright::cuda
