// Tensor maps: their image, what is refused, tensormap.replace.
#include "evaluator/sim/tensor_map.h"

#include "evaluator/sim/bulk_test_support.h"

namespace warpwright::sim {
namespace {

TensorMap matrix(uint64_t address) {
  TensorMap map;
  map.address = address;
  map.type = TensorMapType::kBf16;
  map.rank = 2;
  map.dims = {128, 64};
  map.strides = {256};
  map.box = {64, 8};
  map.swizzle = TensorSwizzle::k128;
  return map;
}

TEST(TensorMaps, KeepTheirFiguresInTheirImage) {
  TensorMap map = matrix(4096);
  map.rank = 5;
  map.dims = {128, 1ull << 32, 3, 4, 5};
  map.strides = {256, 1ull << 39, 16, 32};
  map.box = {64, 256, 1, 2, 3};
  map.element_strides = {1, 8, 2, 3, 4};
  map.l2_promotion = 3;
  map.oob_fill = 1;
  map.swizzle = TensorSwizzle::k128Atom64;
  TensorMapImage image = encode_tensor_map(map);
  const auto read = decode_tensor_map(image);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->dims, map.dims);
  EXPECT_EQ(read->strides, map.strides);
  EXPECT_EQ(read->box, map.box);
  EXPECT_EQ(read->element_strides, map.element_strides);
  EXPECT_EQ(read->swizzle, map.swizzle);
  EXPECT_EQ(encode_tensor_map(*read), image);
  for (std::size_t at = 0; at < image.size(); ++at) {
    image[at] ^= std::byte{4};
    EXPECT_FALSE(decode_tensor_map(image).has_value()) << at;
    image[at] ^= std::byte{4};
  }
}

// Triton's kernels clear 128 bytes and replace every field.
TEST(TensorMaps, MayBeginAsZeros) {
  const auto blank = decode_tensor_map(TensorMapImage{});
  ASSERT_TRUE(blank.has_value());
  EXPECT_TRUE(complaint_about(*blank).has_value());
}

TEST(TensorMaps, AreRefusedAsTheDriverDoes) {
  EXPECT_FALSE(complaint_about(matrix(4096)).has_value());
  const std::vector<std::pair<void (*)(TensorMap&), std::string>> kCases = {
      {[](TensorMap& m) { m.address = 4104; }, "multiple of 16"},
      {[](TensorMap& m) { m.rank = 6; }, "1 to 5"},
      {[](TensorMap& m) { m.dims[1] = 0; }, "1 to 2^32"},
      {[](TensorMap& m) { m.box[1] = 257; }, "1 to 256"},
      {[](TensorMap& m) { m.strides[0] = 264; }, "a multiple of 16"},
      {[](TensorMap& m) { m.element_strides[1] = 9; }, "1 to 8"},
      {[](TensorMap& m) { m.box[0] = 128; }, "the swizzle allows 128"},
      {[](TensorMap& m) { m.box[0] = 60; }, "a multiple of 16"},
      {[](TensorMap& m) { m.type = TensorMapType::kU16, m.oob_fill = 1; }, "NaN"},
      {[](TensorMap& m) { m.interleave = 1; }, "3 to 5"},
      {[](TensorMap& m) { m.type = TensorMapType::kU6x16Wide; }, "128 of them"},
  };
  for (const auto& [damage, message] : kCases) {
    TensorMap map = matrix(4096);
    damage(map);
    const auto complaint = complaint_about(map);
    ASSERT_TRUE(complaint.has_value()) << message;
    EXPECT_NE(complaint->find(message), std::string::npos) << *complaint;
  }
}

const std::string kLoad =
    single(expect("1024") +
               "cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes [%r2], "
               "[%rd0, {0, 8}], [%r1];\n",
           "ISSUED");
LaunchReport run(const TensorMap& map, const std::string& body, std::vector<uint32_t>* out = nullptr,
                 bool damage = false) {
  TestLaunch t(bulk_kernel({"map", "out"}, body));
  TensorMap placed = map;
  const uint64_t tensor = t.memory.allocate("tensor", 64 * 256, Access::kReadOnly);
  t.memory.mark_initialised(tensor, true);
  const std::vector<uint32_t> values = numbers(64 * 64);
  std::memcpy(t.memory.bytes(tensor).data(), values.data(), values.size() * 4);
  placed.address += tensor;
  TensorMapImage image = encode_tensor_map(placed);
  if (damage) image[40] ^= std::byte{1};
  t.argument(image);
  const uint64_t result = t.output<uint32_t>("out", 1024);
  t.options.warp_instruction_budget = 1'000'000;
  const LaunchReport report = t.run({1, 1, 1}, {64, 1, 1});
  if (out != nullptr) *out = t.read<uint32_t>(result);
  return report;
}
std::string fatal_text(const LaunchReport& report) {
  return report.fatal() == nullptr ? "" : report.fatal()->rule + ": " + report.fatal()->message;
}

TEST(TensorMaps, ThatCannotBeUsedAreNamed) {
  const std::string body = kLoad + wait();
  EXPECT_EQ(fatal_text(run(matrix(0), body)), "");
  EXPECT_NE(fatal_text(run(matrix(0), body, nullptr, true)).find("not what cuTensorMapEncodeTiled"),
            std::string::npos);
  TensorMap map = matrix(0);
  map.rank = 1;
  EXPECT_NE(fatal_text(run(map, body)).find("has 1 dimensions, but the copy has 2"), std::string::npos);
  map = matrix(0);
  map.dims[1] = 1000;  // more than the buffer has
  EXPECT_NE(fatal_text(run(map, changed(body, "{0, 8}", "{0, 60}"))).find("out-of-bounds-read"),
            std::string::npos);
  map = matrix(0);
  map.rank = 3;
  map.dims[2] = map.box[2] = 1;
  map.strides[1] = 16;
  map.interleave = 1;
  EXPECT_NE(
      fatal_text(run(map, changed(changed(body, "2d", "3d"), "{0, 8}", "{0, 8, 0}"))).find("interleaved"),
      std::string::npos);
  EXPECT_NE(fatal_text(run(matrix(0), changed(body, "[%r2]", "[%r2+64]"))).find("not a multiple of 128"),
            std::string::npos);
  EXPECT_NE(fatal_text(run(matrix(0), changed(body, "[%rd0,", "[%rd0+16,"))).find("aligned to 64"),
            std::string::npos);
}

TEST(TensorMaps, OfAnyFiguresDoNoHarm) {
  uint64_t state = 1;
  const auto draw = [&](std::initializer_list<uint64_t> usual) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t die = (state >> 33) % (8 * (usual.size() + 1)), at = die > usual.size() ? 0 : die;
    return at == usual.size() ? state >> (state >> 58) : usual.begin()[at];
  };
  int fine = 0;
  for (int k = 0; k < 400; ++k) {
    TensorMap map = matrix(0);
    map.address = draw({0, 0, 16, 4096});
    map.type = static_cast<TensorMapType>(draw({9, 9, 7, 0, 13, 14, 15, 16}) % 32);
    map.rank = static_cast<uint32_t>(draw({2, 2, 2, 3, 0}) % 8);
    map.dims = {draw({128, 64, 0}), draw({64, 63, uint64_t{1} << 32}), draw({1})};
    map.strides = {draw({256, 16, 0}), draw({16})};
    map.box = {static_cast<uint32_t>(draw({64, 32, 256})), static_cast<uint32_t>(draw({8, 256})), 1};
    map.element_strides[1] = static_cast<uint32_t>(draw({1, 2, 8}));
    map.swizzle = static_cast<TensorSwizzle>(draw({0, 3, 4, 5, 6}) % 9);
    map.interleave = static_cast<uint8_t>(draw({0, 0, 0, 1}));
    map.oob_fill = static_cast<uint8_t>(draw({0, 0, 1}));
    const std::string x = std::to_string(static_cast<int32_t>(draw({0, 64, 0xffffffff, 0x80000000}))),
                      y = std::to_string(static_cast<int32_t>(draw({8, 60, 0xfffffffe, 0x7fffffff})));
    const std::string at = "{" + x + ", " + y + "}";
    const std::string store = "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%rd0, " + at +
                              "], [%r2];\n" + kCommit + kWaitGroup;
    const LaunchReport report =
        run(map, k % 2 == 0 ? changed(kLoad, "{0, 8}", at) + wait() : single(store, "STORED"));
    fine += report.completed;
    EXPECT_TRUE(report.completed || report.fatal() != nullptr);
  }
  EXPECT_GT(fine, 3);
}

// Copied to shared memory, changed there, copied to global memory, used.
TEST(TensorMaps, AreReplacedFieldByField) {
  const std::string copy =
      "shl.b32 %r5, %r0, 2;\nadd.u32 %r6, %r2, %r5;\ncvt.u64.u32 %rd5, %r5;\n"
      "setp.ge.u32 %p3, %r0, 32;\n@%p3 bra COPIED;\nadd.s64 %rd6, %rd0, %rd5;\n"
      "ld.global.u32 %r7, [%rd6];\nst.shared.u32 [%r6+4096], %r7;\nbar.warp.sync -1;\n"
      "@%p1 bra CHANGED;\nFIELDS\nCHANGED:\nbar.warp.sync -1;\nadd.s64 %rd7, %rd1, 1024;\n"
      "add.u32 %r8, %r2, 4096;\n"
      "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned "
      "[%rd7], [%r8], 128;\nCOPIED:\nbar.sync 0;\nadd.s64 %rd0, %rd1, 1024;\n"
      "fence.proxy.tensormap::generic.acquire.gpu [%rd0], 128;\n";
  const auto replace = [](const std::string& field, const std::string& arguments) {
    return "tensormap.replace.tile." + field + ".shared::cta.b1024." +
           (field == "global_address" || field == "global_stride" ? "b64" : "b32") + " [%r2+4096], " +
           arguments + ";\n";
  };
  const std::string fields =
      replace("box_dim", "0, 32") + replace("box_dim", "1, 16") + replace("swizzle_mode", "0") +
      replace("global_dim", "1, 20") + replace("global_stride", "0, 512") + replace("elemtype", "6") +
      replace("fill_mode", "1") + replace("element_stride", "1, 1") + replace("rank", "1");
  std::vector<uint32_t> out;
  const LaunchReport report =
      run(matrix(0), changed(copy, "FIELDS\n", fields) + kLoad + wait() + dump("%rd1", 1024), &out);
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  const std::vector<uint32_t> values = numbers(64 * 64);
  for (std::size_t k = 0; k < 256; ++k) {
    const std::size_t row = 8 + k / 16;
    ASSERT_EQ(out[k], row < 20 ? values[row * 128 + k % 16] : 0x7fff7fffu) << k;
  }
  for (const auto& wrong : {replace("swizzle_mode", "9"), replace("elemtype", "77"), replace("rank", "5")}) {
    EXPECT_NE(fatal_text(run(matrix(0), changed(copy, "FIELDS\n", wrong))).find("tensormap.replace"),
              std::string::npos)
        << wrong;
  }
}

}  // namespace
}  // namespace warpwright::sim
