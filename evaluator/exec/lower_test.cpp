#include "evaluator/exec/lower.h"

#include <gtest/gtest.h>

#include <cstring>

#include "evaluator/exec/arguments.h"
#include "evaluator/exec/tensor_maps.h"
#include "evaluator/exec/test_support.h"

namespace warpwright::exec {
namespace {

using testing::scale_launch;
using testing::scale_units;

// A kernel that takes a tensor map between a byte and a pointer.
constexpr const char* kMapPtx = R"(.version 8.0
.target sm_90
.address_size 64
.visible .entry load_map(.param .u8 flag, .param .align 64 .b8 map[128], .param .u64 out, .param .u64 n) {
  ret;
}
)";

std::vector<CodeUnit> two_units() {
  std::vector<CodeUnit> units = scale_units();
  units[0].name = "first";
  units[0].cubin = std::string(
      "\x7f"
      "ELF\0code",
      9);
  units.push_back({"second", kMapPtx, "", {{"load_map", "load_map"}}});
  return units;
}

plan::BoundTensorMap good_map() {
  plan::BoundTensorMap map;
  map.name = "m";
  map.element_type = "__nv_bfloat16";
  map.base = {"x", 256, "__nv_bfloat16", false};
  map.dims = {128, 64};
  map.strides_bytes = {256};
  map.box = {64, 16};
  map.elem_strides = {1, 1};
  map.flags = {"l2_256b", "oob_nan", "swizzle_128b"};
  map.at = {3, 1};
  return map;
}

plan::BoundLaunch map_launch() {
  plan::BoundLaunch launch;
  launch.unit = "second";
  launch.kernel = launch.name_expression = "load_map";
  plan::ScalarArgument flag, n;
  flag.type = plan::ScalarArgument::Type::kBool;
  flag.integer = 1;
  n.type = plan::ScalarArgument::Type::kI64;
  n.integer = -2;
  launch.arguments = {flag, plan::TensorMapArgument{"m"}, plan::BufferView{"y", 8, "float", false}, n};
  launch.at = {9, 1};
  return launch;
}

KernelTable table(const std::vector<CodeUnit>& units) {
  auto read = KernelTable::read(units);
  EXPECT_TRUE(read) << read.error();
  return std::move(*read);
}

template <class T>
T value_at(const std::vector<std::byte>& block, size_t offset) {
  T value{};
  std::memcpy(&value, block.data() + offset, sizeof value);
  return value;
}

TEST(Lowering, ImagesAreCubinsWhereThereAreSome) {
  const auto units = two_units();
  const auto images = images_of(units, table(units));
  ASSERT_EQ(images.images.size(), 2u);
  EXPECT_EQ(images.images[0], units[0].cubin);
  EXPECT_EQ(images.images[1], units[1].ptx);
  ASSERT_EQ(images.functions.size(), 2u);
  EXPECT_EQ(images.functions[1].image, 1);
  EXPECT_EQ(images.functions[1].symbol, "load_map");
}

TEST(Lowering, AddressesAndTensorMapsBecomePatchesAtTheirOffsets) {
  plan::BoundPlan plan;
  plan.tensor_maps = {good_map()};
  plan.operations = {map_launch()};
  const auto kernels = table(two_units());
  ASSERT_FALSE(check_lowering(plan, kernels)) << *check_lowering(plan, kernels);
  const auto work = lower(plan, kernels, {{"x", 4}, {"y", 1}});
  const auto& launch = std::get<cuda::Launch>(work.operations.at(0));
  EXPECT_EQ(launch.function, 1);
  EXPECT_EQ(launch.label, "load_map");
  ASSERT_EQ(launch.parameters.size(), 64u + 128 + 16);
  EXPECT_EQ(value_at<uint8_t>(launch.parameters, 0), 1);
  EXPECT_EQ(value_at<uint64_t>(launch.parameters, 192), 0u);
  EXPECT_EQ(value_at<int64_t>(launch.parameters, 200), -2);
  ASSERT_EQ(launch.maps.size(), 1u);
  EXPECT_EQ(launch.maps[0].offset, 64u);
  EXPECT_EQ(launch.maps[0].tensor_map, 0);
  ASSERT_EQ(launch.pointers.size(), 1u);
  EXPECT_EQ(launch.pointers[0].offset, 192u);
  EXPECT_EQ(launch.pointers[0].target.buffer, 1);
  EXPECT_EQ(launch.pointers[0].target.offset, 8);
}

TEST(Lowering, PackedAndPatchedBlocksAreTheSame) {
  const auto launch = scale_launch(1.5);
  const auto units = scale_units();
  const auto kernels = table(units);
  const auto* kernel = kernels.find(launch);
  ASSERT_NE(kernel, nullptr);
  const auto packed = pack_arguments(
      launch, kernel->parameters, kernel->parameter_bytes,
      [](const std::string& name) { return name == "x" ? 0x1000u : 0x2000u; },
      [](const std::string&) { return std::array<std::byte, 128>{}; });
  auto block = lay_out_arguments(launch, kernel->parameters, kernel->parameter_bytes);
  ASSERT_EQ(block.pointers.size(), 2u);
  for (const auto& pointer : block.pointers) {
    const uint64_t address = pointer.view->buffer == "x" ? 0x1000 : 0x2000;
    std::memcpy(block.bytes.data() + pointer.offset, &address, sizeof address);
  }
  EXPECT_EQ(block.bytes, packed);
  EXPECT_EQ(value_at<float>(packed, 16), 1.5f);
}

TEST(Lowering, AnAbsentTensorIsANullPointerWithoutAPatch) {
  plan::BoundPlan plan;
  plan.operations = {scale_launch(1)};
  std::get<plan::BufferView>(std::get<plan::BoundLaunch>(plan.operations[0]).arguments[1]).is_null = true;
  const auto work = lower(plan, table(scale_units()), {{"y", 0}});
  EXPECT_EQ(std::get<cuda::Launch>(work.operations.at(0)).pointers.size(), 1u);
}

TEST(Lowering, AttributesMemsetsAndCopiesKeepTheirOrder) {
  auto launch = scale_launch(1);
  launch.grid = {70000, 3, 2};
  launch.dynamic_shared_bytes = 100'000;
  launch.attributes.cluster = plan::Dim3{2, 1, 1};
  launch.attributes.pdl = launch.attributes.cooperative = true;
  launch.attributes.carveout_percent = 50;
  plan::BoundPlan plan;
  plan.operations = {plan::BoundMemset{{"y", 16, "float", false}, 255, 64, {}}, launch,
                     plan::BoundMemset{{"y", 0, "float", false}, 0, 0, {}},
                     plan::BoundCopy{{"y", 0, "float", false}, {"x", 4, "float", false}, 32, {}}};
  const auto work = lower(plan, table(scale_units()), {{"x", 0}, {"y", 1}});
  ASSERT_EQ(work.operations.size(), 3u);  // nothing to do for the empty memset
  EXPECT_EQ(std::get<cuda::Memset>(work.operations[0]).value, 255);
  EXPECT_EQ(std::get<cuda::Memset>(work.operations[0]).target.offset, 16);
  const auto& lowered = std::get<cuda::Launch>(work.operations[1]);
  EXPECT_EQ(lowered.grid.x, 70000u);
  EXPECT_EQ(lowered.grid.z, 2u);
  EXPECT_EQ(lowered.block.x, 32u);
  EXPECT_EQ(lowered.dynamic_shared_bytes, 100'000u);
  EXPECT_EQ(lowered.cluster.value().x, 2u);
  EXPECT_TRUE(lowered.programmatic_dependent && lowered.cooperative);
  EXPECT_EQ(lowered.carveout_percent, 50);
  EXPECT_EQ(std::get<cuda::Copy>(work.operations[2]).source.offset, 4);
  EXPECT_EQ(std::get<cuda::Copy>(work.operations[2]).bytes, 32u);
}

TEST(Lowering, ComplaintsNameLineAndMend) {
  const auto kernels = table(scale_units());
  plan::BoundPlan plan;
  plan.operations = {scale_launch(1)};
  EXPECT_FALSE(check_lowering(plan, kernels));
  std::get<plan::BoundLaunch>(plan.operations[0]).arguments.pop_back();
  EXPECT_EQ(check_lowering(plan, kernels), "line 7: kernel `scale` takes 3 arguments, the plan passes 2");
  std::get<plan::BoundLaunch>(plan.operations[0]).name_expression = "scale<2>";
  EXPECT_EQ(check_lowering(plan, kernels),
            "line 7: the plan launches `scale<2>`, which is not a __global__ function of the source");
}

TEST(Lowering, UnreadablePtxAndMissingKernelsAreComplaints) {
  auto units = scale_units();
  units[0].lowered_names["other"] = "_Z5otherv";
  EXPECT_EQ(KernelTable::read(units).error(), "the compiler's PTX lacks the kernel `other` (_Z5otherv)");
  units[0].ptx = "not PTX {";
  EXPECT_NE(KernelTable::read(units).error().find("cannot be read"), std::string::npos);
}

TEST(TensorMaps, HaveTheDriversNumbers) {
  const auto map = lower_tensor_map(good_map(), {3, 256});
  EXPECT_EQ(map.data_type, 9);
  EXPECT_EQ(map.swizzle, 3);
  EXPECT_EQ(map.l2_promotion, 3);
  EXPECT_EQ(map.oob_fill, 1);
  EXPECT_EQ(map.interleave, 0);
  EXPECT_EQ(map.base.buffer, 3);
  EXPECT_EQ(map.base.offset, 256);
  EXPECT_EQ(map.dims, (std::vector<uint64_t>{128, 64}));
  EXPECT_EQ(map.strides_bytes, (std::vector<uint64_t>{256}));
  EXPECT_EQ(map.box, (std::vector<uint32_t>{64, 16}));
  EXPECT_EQ(map.element_strides, (std::vector<uint32_t>{1, 1}));
}

// What the driver would refuse with a bare CUDA_ERROR_INVALID_VALUE.
TEST(TensorMaps, LimitsOfTheDriverAreComplaints) {
  struct Case {
    const char* expected;
    void (*spoil)(plan::BoundTensorMap&);
  };
  using Map = plan::BoundTensorMap;
  const Case cases[] = {
      {"no element type float4", [](Map& m) { m.element_type = "float4"; }},
      {"unknown flag", [](Map& m) { m.flags.push_back("swizzle_256b"); }},
      {"6 dims", [](Map& m) { m.dims.assign(6, 1); }},
      {"a box of 1", [](Map& m) { m.box.pop_back(); }},
      {"1 element strides", [](Map& m) { m.elem_strides.pop_back(); }},
      {"need 1 strides, not 0", [](Map& m) { m.strides_bytes.clear(); }},
      {"dims must be 1 to 2^32", [](Map& m) { m.dims[0] = 0; }},
      {"box entries", [](Map& m) { m.box[1] = 257; }},
      {"element strides must be", [](Map& m) { m.elem_strides[1] = 9; }},
      {"below 2^40", [](Map& m) { m.strides_bytes[0] = int64_t{1} << 40; }},
      {"multiples of 16", [](Map& m) { m.strides_bytes[0] = 264; }},
      {"base must be a multiple of 16", [](Map& m) { m.base.byte_offset = 8; }},
      {"row of the box has 8 bytes", [](Map& m) { m.box[0] = 4; }},
      {"swizzle_128b allows at most 128", [](Map& m) { m.box[0] = 128; }},
      {"oob_nan needs a floating type", [](Map& m) { m.element_type = "uint16_t"; }},
      {"interleaved maps need 3", [](Map& m) { m.flags = {"interleave_16b"}; }},
      {"interleave_32b needs swizzle_32b",
       [](Map& m) {
         m.flags = {"interleave_32b"};
         m.dims = {16, 16, 16}, m.strides_bytes = {32, 512}, m.box = {16, 1, 1}, m.elem_strides = {1, 1, 1};
       }},
  };
  EXPECT_FALSE(check_tensor_map(good_map()));
  for (const Case& c : cases) {
    auto map = good_map();
    c.spoil(map);
    const auto complaint = check_tensor_map(map);
    ASSERT_TRUE(complaint) << c.expected;
    EXPECT_NE(complaint->find(c.expected), std::string::npos) << *complaint;
    EXPECT_TRUE(complaint->starts_with("tensor map 'm': "));
  }
}

}  // namespace
}  // namespace warpwright::exec
