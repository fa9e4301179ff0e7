// cp.async.bulk.tensor against plain loops over random tensors, boxes, strides and swizzles.
#include <cstring>
#include <random>

#include "evaluator/sim/bulk_copy.h"
#include "evaluator/sim/tensor_copy_test_support.h"

namespace warpwright::sim {
namespace {

uint32_t pick(std::mt19937& random, uint32_t least, uint32_t most) {
  return least + random() % (most - least + 1);
}

TensorCase draw(std::mt19937& random) {
  constexpr TensorMapType kTypes[] = {TensorMapType::kU8, TensorMapType::kBf16, TensorMapType::kF32,
                                      TensorMapType::kS64};
  TensorCase c;
  c.map.type = kTypes[random() % 4];
  c.element = unit_of(c.map.type).shared_bytes;
  c.map.rank = pick(random, 1, 5);
  c.map.swizzle = static_cast<TensorSwizzle>(random() % 7);
  const uint32_t span = swizzle_span(c.map.swizzle), row = span != 0 ? span : 16 * pick(random, 1, 5);
  uint64_t stride = 0;
  for (uint32_t d = 0; d < c.map.rank; ++d) {
    c.map.box[d] = d == 0 ? row / c.element : pick(random, 1, 5);
    if (c.map.box[d] > 256) c.map.box[d] = 256;
    if (d > 0) c.map.element_strides[d] = pick(random, 1, 3);
    c.map.dims[d] = pick(random, 1, 2 * c.map.box[d]);
    if (d > 0) c.map.strides[d - 1] = stride;
    const uint64_t extent = d == 0 ? c.map.dims[0] * c.element : stride * c.map.dims[d];
    stride = (extent + 15) / 16 * 16 + 16 * (random() % 2);
    c.start[d] = static_cast<int64_t>(random() % (c.map.dims[d] + 4)) - 3;
  }
  c.tensor_bytes = stride;
  if (is_floating(c.map.type)) c.map.oob_fill = random() % 2;
  return c;
}

// The tables of the manual: which chunk of a row of 128 bytes lies where.
uint32_t place_of(TensorSwizzle swizzle, uint32_t at) {
  const uint32_t row = at / 128 % 8, byte = at % 128, begin = at - byte;
  const auto chunk_of = [&](uint32_t width, uint32_t key) {
    return begin + ((byte / width) ^ key) * width + byte % width;
  };
  switch (swizzle) {
    case TensorSwizzle::kNone:
      return at;
    case TensorSwizzle::k32:
      return chunk_of(16, row % 2);
    case TensorSwizzle::k64:
      return chunk_of(16, row % 4);
    case TensorSwizzle::k128:
      return chunk_of(16, row);
    case TensorSwizzle::k128Atom32:
      return chunk_of(32, row % 4);
    case TensorSwizzle::k128Atom32Flip8:
      return chunk_of(32, row % 4) ^ (row % 2 * 8);
    case TensorSwizzle::k128Atom64:
      return chunk_of(64, row % 2);
  }
  return at;
}

// Calls visit(place in shared memory, offset in the tensor or -1) for every element of the box.
template <class Visitor>
void visit_box(const TensorCase& c, Visitor visit) {
  uint32_t total = 1;
  std::array<uint32_t, kMaxTensorRank> counts = {};
  for (uint32_t d = 0; d < c.map.rank; ++d) {
    counts[d] =
        d == 0 ? c.map.box[0] : (c.map.box[d] + c.map.element_strides[d] - 1) / c.map.element_strides[d];
    total *= counts[d];
  }
  for (uint32_t k = 0; k < total; ++k) {
    int64_t offset = 0;
    uint32_t rest = k;
    bool inside = true;
    for (uint32_t d = 0; d < c.map.rank; ++d) {
      const int64_t at =
          c.start[d] + static_cast<int64_t>(rest % counts[d]) * (d == 0 ? 1 : c.map.element_strides[d]);
      rest /= counts[d];
      inside &= at >= 0 && at < static_cast<int64_t>(c.map.dims[d]);
      offset += at * static_cast<int64_t>(d == 0 ? c.element : c.map.strides[d - 1]);
    }
    visit(place_of(c.map.swizzle, k * c.element), inside ? offset : -1);
  }
}

std::vector<uint8_t> bytes_of(std::size_t count, uint32_t seed) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
  return bytes;
}

TEST(TensorCopies, LoadWhatPlainLoopsDo) {
  std::mt19937 random(1);
  for (int k = 0; k < 150; ++k) {
    TensorCase c = draw(random);
    const uint32_t box = box_bytes(c.map), words = box / 4;
    const std::vector<uint8_t> tensor = bytes_of(c.tensor_bytes, 5);
    TestLaunch t(
        bulk_kernel({"map", "out"}, load_text(c) + wait() + dump("%rd1", static_cast<int>(words * 4))));
    c.map.address = t.input("tensor", tensor);
    t.launch.parameters.clear();
    t.argument(encode_tensor_map(c.map));
    const uint64_t out = t.output<uint32_t>("out", words);
    t.options.reverse_order = k % 2 != 0;
    const LaunchReport report = t.run({1, 1, 1}, {64, 1, 1});
    ASSERT_TRUE(report.completed) << k << messages(report);
    EXPECT_EQ(report.counters.copy_engine_bytes, box);
    const std::vector<uint8_t> found = t.read<uint8_t>(out);
    const uint64_t nan = c.element == 2 ? 0x7fff : c.element == 4 ? 0x7fffffff : 0;
    visit_box(c, [&](uint32_t place, int64_t offset) {
      uint64_t expected = c.map.oob_fill == 1 ? nan : 0, value = 0;
      if (offset >= 0) std::memcpy(&expected, tensor.data() + offset, c.element);
      std::memcpy(&value, found.data() + place, c.element);
      ASSERT_EQ(value, expected) << k << " at " << place << " from " << offset;
    });
  }
}

TEST(TensorCopies, StoreWhatPlainLoopsDo) {
  std::mt19937 random(2);
  for (int k = 0; k < 100; ++k) {
    TensorCase c = draw(random);
    const uint32_t words = box_bytes(c.map) / 4;
    const std::vector<uint32_t> in = numbers(words, 3);
    TestLaunch t(bulk_kernel({"map", "in"}, fill("%rd1", static_cast<int>(words * 4)) + store_text(c)));
    c.map.address = t.output<uint8_t>("tensor", c.tensor_bytes);
    t.launch.parameters.clear();
    t.argument(encode_tensor_map(c.map));
    t.input("in", in);
    const LaunchReport report = t.run({1, 1, 1}, {64, 1, 1});
    ASSERT_TRUE(report.completed) << k << messages(report);
    EXPECT_TRUE(report.findings.empty()) << k << messages(report);
    std::vector<uint8_t> expected(c.tensor_bytes);
    visit_box(c, [&](uint32_t place, int64_t offset) {
      if (offset >= 0)
        std::memcpy(expected.data() + offset, reinterpret_cast<const uint8_t*>(in.data()) + place, c.element);
    });
    ASSERT_EQ(t.read<uint8_t>(c.map.address), expected) << k;
  }
}

TEST(TensorCopies, GatherAndScatterRows) {
  TensorCase c = tensor_matrix();
  c.map.box[1] = 1;
  c.start = {16, 3, 15, 16, -1};  // two rows outside
  const std::string load =
      single(expect("256") +
                 "cp.async.bulk.tensor.2d.shared::cta.global.tile::gather4.mbarrier::complete_tx::bytes "
                 "[%r2], " +
                 coordinates(c, 5) + ", [%r1];\n",
             "ISSUED");
  const TensorOutcome gathered = run_tensor(c, load + wait() + dump("%rd1", 256));
  ASSERT_TRUE(gathered.report.completed) << messages(gathered.report);
  for (std::size_t k = 0; k < 64; ++k) {
    const uint32_t expected = k >= 32 ? 0 : gathered.tensor[(k < 16 ? 3 : 15) * 64 + 16 + k % 16];
    ASSERT_EQ(gathered.out[k], expected) << k;
  }
  const std::string write = "shl.b32 %r5, %r0, 2;\nadd.u32 %r5, %r2, %r5;\nst.shared.u32 [%r5], %r0;\n";
  const TensorOutcome scattered = run_tensor(
      c, write + changed(store_text(tensor_matrix()), "tile.bulk_group " + coordinates(tensor_matrix()),
                         "tile::scatter4.bulk_group " + coordinates(c, 5)));
  ASSERT_TRUE(scattered.report.findings.empty()) << messages(scattered.report);
  EXPECT_EQ(scattered.tensor[3 * 64 + 16 + 5], 5u);
  EXPECT_EQ(scattered.tensor[15 * 64 + 16 + 5], 21u);
}

TEST(TensorCopies, ReduceIntoGlobalMemory) {
  const TensorCase c = tensor_matrix();
  const std::string write = "shl.b32 %r5, %r0, 2;\nadd.u32 %r5, %r2, %r5;\nst.shared.u32 [%r5], 1000;\n";
  const std::string add =
      changed(changed(store_text(c), "cp.async", "cp.reduce.async"), "tile.bulk", "add.tile.bulk");
  const TensorOutcome plain = run_tensor(c, ""), summed = run_tensor(c, write + add),
                      largest = run_tensor(c, write + changed(add, ".add", ".max"));
  ASSERT_TRUE(summed.report.findings.empty()) << messages(summed.report);
  for (std::size_t k = 0; k < 1024; ++k) {
    const bool inside = k % 64 >= 16 && k % 64 < 32 && k / 64 >= 8 && k / 64 < 12;
    ASSERT_EQ(summed.tensor[k], plain.tensor[k] + (inside ? 1000u : 0u)) << k;
    ASSERT_EQ(largest.tensor[k], inside ? std::max(plain.tensor[k], 1000u) : plain.tensor[k]) << k;
  }
  TensorCase half = c;
  half.map.type = TensorMapType::kF32;
  const TensorOutcome refused = run_tensor(half, write + changed(add, ".add", ".xor"));
  EXPECT_TRUE(has_finding(refused.report, "bad-descriptor")) << messages(refused.report);
}

TEST(TensorCopies, MissingStepsAreReported) {
  const TensorCase c = tensor_matrix();
  const std::string load = load_text(c) + wait() + dump("%rd1", 256);
  EXPECT_TRUE(run_tensor(c, load).report.findings.empty());
  EXPECT_TRUE(has_finding(run_tensor(c, changed(load, "[%r1], 256", "[%r1], 240")).report, "deadlock"));
  EXPECT_TRUE(has_finding(run_tensor(c, without(load, wait())).report, "async-copy-read-before-wait"));
  const std::string store = fill("%rd1", 256) + store_text(c);
  const std::string write = "shl.b32 %r5, %r0, 2;\nadd.u32 %r5, %r2, %r5;\nst.shared.u32 [%r5], %r0;\n";
  EXPECT_TRUE(has_finding(run_tensor(c, write + without(store_text(c), kFence)).report, "missing-fence"));
  EXPECT_TRUE(has_finding(run_tensor(c, write + without(store_text(c), kWaitGroup)).report,
                          "async-copy-overwritten"));
  TensorCase moved = c;
  moved.start[1] += 1;
  EXPECT_NE(run_tensor(c, load_text(moved) + wait() + dump("%rd1", 256)).out, run_tensor(c, load).out);
}

}  // namespace
}  // namespace warpwright::sim
