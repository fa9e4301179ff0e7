// Asynchronous kernels that other compilers made: matrix products by Triton and by CUTLASS's Python DSL
// (testdata/, written by triton_kernels.py and cute_kernels.py), against the same in plain C++.
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "src/base/files.h"
#include "tests/golden_kernels/compile_kernel.h"
#include "tests/golden_kernels/numbers.h"
#include "tests/golden_kernels/products.h"

namespace warpwright::golden {
namespace {

constexpr double kF32Tolerance = 1e-5, kBf16Tolerance = 4e-3;

struct Box {
  std::vector<uint32_t> shape;  // slowest dimension first
  uint32_t swizzle = 0, type = 0;
};

// A PTX file with what its first lines say of a launch.
struct ExternalKernel {
  std::shared_ptr<const sim::Program> program;
  std::map<std::string, uint32_t> facts;
  std::vector<Box> boxes;

  std::string name() const { return program->kernel_names().at(0); }
  uint32_t fact(const std::string& what) const { return facts.at(what); }
};

std::vector<uint32_t> numbers_in(const std::string& text) {
  static const std::regex number(R"(\d+)");
  std::vector<uint32_t> all;
  for (std::sregex_iterator at(text.begin(), text.end(), number), end; at != end; ++at)
    all.push_back(static_cast<uint32_t>(std::stoul(at->str())));
  return all;
}

ExternalKernel load(const std::string& name) {
  static const std::regex fact(R"(\b([a-z]+) (\d+))"),
      box(R"(// tensor map box \[([^\]]*)\] swizzle (\d+) type (\d+))");
  ExternalKernel kernel;
  const auto text = read_file(find_home().value() / "tests/external/testdata" / (name + ".ptx"));
  EXPECT_TRUE(text) << name;
  std::stringstream lines(*text);
  for (std::string line; std::getline(lines, line) && line.starts_with("//");) {
    if (std::smatch match; std::regex_match(line, match, box)) {
      kernel.boxes.push_back({numbers_in(match[1]), numbers_in(match[2])[0], numbers_in(match[3])[0]});
    } else {
      for (std::sregex_iterator at(line.begin(), line.end(), fact), end; at != end; ++at)
        kernel.facts[(*at)[1]] = numbers_in((*at)[2])[0];
    }
  }
  const auto program = load_ptx(*text);
  EXPECT_TRUE(program) << program.error().message;
  if (program) kernel.program = *program;
  return kernel;
}

void check(const Workload& workload, const ExternalKernel& kernel) {
  for (const bool reverse : {false, true}) {
    sim::Options options;
    options.reverse_order = reverse;
    options.warp_instruction_budget = 20'000'000;
    const Outcome outcome = run(workload, *kernel.program, options);
    EXPECT_EQ(outcome.wrong, "") << outcome.text();
    for (const sim::Finding& finding : outcome.findings())
      ADD_FAILURE() << finding.rule << ": " << finding.message;
  }
}

// The operands of a product in a workload, as codes and as values.
struct Matrices {
  ProductShape shape;
  BufferId a, b;
  std::vector<float> a_values, b_values;
  sim::TensorMapType type = sim::TensorMapType::kBf16;

  uint32_t element_bytes() const { return type == sim::TensorMapType::kBf16 ? 2 : 1; }
  std::vector<double> product() const { return product_of(shape, a_values, b_values); }
};

Matrices bf16_matrices(Workload& w, const ProductShape& s) {
  Random random(301);
  const auto a = random.bf16_normals(s.m * s.k, 1), b = random.bf16_normals(s.n * s.k, 1);
  return {s, w.input("a", a), w.input("b", b), decoded(a, from_bf16), decoded(b, from_bf16)};
}

Matrices e4m3_matrices(Workload& w, const ProductShape& s) {
  Random random(302);
  const auto a = random.e4m3(s.m * s.k), b = random.e4m3(s.n * s.k);
  return {s,
          w.input("a", a),
          w.input("b", b),
          decoded(a, from_e4m3),
          decoded(b, from_e4m3),
          sim::TensorMapType::kU8};
}

uint32_t parts(std::size_t whole, uint32_t part) {
  return static_cast<uint32_t>((whole + part - 1) / part);
}

// --- Triton. A descriptor parameter is a tensor map, the shape and the strides in elements.

void pass_descriptor(Step& step, BufferId buffer, const Box& box, const std::vector<uint64_t>& shape) {
  const std::size_t rank = shape.size();
  sim::TensorMap map;
  constexpr uint32_t kBf16OfPtx = 10;  // Triton names types by tensormap.replace's numbers
  map.type = box.type == kBf16OfPtx ? sim::TensorMapType::kBf16 : sim::TensorMapType::kU8;
  map.swizzle = static_cast<sim::TensorSwizzle>(box.swizzle);
  map.rank = static_cast<uint32_t>(rank);
  std::vector<uint64_t> strides(rank, 1);
  for (std::size_t i = rank - 1; i-- > 0;) strides[i] = strides[i + 1] * shape[i + 1];
  for (std::size_t i = 0; i < rank; ++i) {
    map.dims[rank - 1 - i] = shape[i];
    map.box[rank - 1 - i] = box.shape[i];
    if (i + 1 < rank) map.strides[rank - 2 - i] = strides[i] * sim::unit_of(map.type).global_bytes;
  }
  step << MappedBuffer{buffer, map};
  for (const uint64_t size : shape) step << static_cast<int>(size);
  for (const uint64_t stride : strides) step << stride;
}

void pass_sizes(Step& step, const ProductShape& s) {
  step << static_cast<int>(s.m) << static_cast<int>(s.n) << static_cast<int>(s.k);
}

// Ends the list: Triton's scratch memory, and its profiler's.
void pass_scratch(Workload& w, const ExternalKernel& kernel, std::size_t programs) {
  if (const uint32_t bytes = kernel.fact("scratch"); bytes > 0) {
    const auto scratch = w.state("scratch", std::vector<uint8_t>(bytes * programs));
    w.steps.back() << scratch << uint64_t{0};
  } else {
    w.steps.back() << uint64_t{0} << uint64_t{0};
  }
}

void expect_bf16_product(Workload& w, const Matrices& matrices, BufferId c) {
  w.check = [=](const Results& r) {
    return compare_product<uint16_t>(r.of<uint16_t>(c), from_bf16, matrices.product(), kBf16Tolerance);
  };
}

// Matrices that end inside of a tile on every side.
void check_device_maps(const std::string& file, bool is_e4m3, uint32_t tile_rows) {
  const ExternalKernel kernel = load(file);
  ASSERT_NE(kernel.program, nullptr);
  const ProductShape shape{200, 112, is_e4m3 ? 336u : 176u};
  Workload w{file, "", {}, {}, {}};
  const Matrices matrices = is_e4m3 ? e4m3_matrices(w, shape) : bf16_matrices(w, shape);
  const auto c = w.output<uint16_t>("c", shape.m * shape.n);
  const uint32_t down = parts(shape.m, tile_rows), across = parts(shape.n, 64);
  Step& step = w.launch(kernel.name(), {down, across}, {kernel.fact("threads")}, kernel.fact("shared"));
  step << matrices.a << matrices.b << c;
  pass_sizes(step, shape);
  pass_scratch(w, kernel, down * across);
  expect_bf16_product(w, matrices, c);
  check(w, kernel);
}

TEST(Triton, WgmmaWithTensorMapsMadeByTheKernel) {
  check_device_maps("triton_device_maps_bf16_sm90", false, 64);
}

// Not yet: poison is left in the sum.
TEST(Triton, Tcgen05OfE4m3WithTensorMapsMadeByTheKernel) {
  check_device_maps("triton_device_maps_fp8_sm100", true, 128);
}

void check_persistent(const std::string& file, bool is_e4m3) {
  const ExternalKernel kernel = load(file);
  ASSERT_NE(kernel.program, nullptr);
  const ProductShape shape{328, 112, is_e4m3 ? 336u : 176u};
  Workload w{file, "", {}, {}, {}};
  const Matrices matrices = is_e4m3 ? e4m3_matrices(w, shape) : bf16_matrices(w, shape);
  const auto c = w.output<uint16_t>("c", shape.m * shape.n);
  Step& step = w.launch(kernel.name(), {4}, {kernel.fact("threads")}, kernel.fact("shared"));
  pass_descriptor(step, matrices.a, kernel.boxes.at(0), {shape.m, shape.k});
  pass_descriptor(step, matrices.b, kernel.boxes.at(1), {shape.n, shape.k});
  pass_descriptor(step, c, kernel.boxes.at(2), {shape.m, shape.n});
  pass_sizes(step, shape);
  pass_scratch(w, kernel, 4);
  expect_bf16_product(w, matrices, c);
  check(w, kernel);
}

TEST(Triton, PersistentWgmmaOfE4m3) {
  check_persistent("triton_persistent_fp8_sm90", true);
}

TEST(Triton, PersistentTcgen05WithSpecialisedWarps) {
  check_persistent("triton_persistent_bf16_sm100", false);
}

TEST(Triton, ClusterOfTwoBlocksWithWgmma) {
  const ExternalKernel kernel = load("triton_two_blocks_bf16_sm90");
  ASSERT_NE(kernel.program, nullptr);
  constexpr ProductShape kShape{256, 128, 192};
  Workload w{"two_blocks", "", {}, {}, {}};
  const Matrices matrices = bf16_matrices(w, kShape);
  const auto c = w.output<uint16_t>("c", kShape.m * kShape.n);
  Step& step = w.launch(kernel.name(), {2 * kShape.m / 128, kShape.n / 64}, {kernel.fact("threads")},
                        kernel.fact("shared"));
  step.cluster = {2, 1, 1};
  pass_descriptor(step, matrices.a, kernel.boxes.at(0), {kShape.m, kShape.k});
  pass_descriptor(step, matrices.b, kernel.boxes.at(1), {kShape.n, kShape.k});
  pass_descriptor(step, c, kernel.boxes.at(2), {kShape.m, kShape.n});
  step << int{kShape.k};
  pass_scratch(w, kernel, 1);
  expect_bf16_product(w, matrices, c);
  check(w, kernel);
}

// A power of two, 2^-3 to 2^3, for 32 elements of a row; `values` are multiplied by them. 128 rows' scales of
// 128 elements: 32 rows of four rows' scales, four each.
std::vector<uint8_t> scales_of(std::vector<float>& values, std::size_t rows, std::size_t depth,
                               uint64_t seed) {
  Random random(seed);
  std::vector<uint8_t> scales(rows * depth / 32);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t block = 0; block < depth / 32; ++block) {
      const int exponent = static_cast<int>(random.below(7)) - 3;
      const std::size_t tile = row / 128 * (depth / 128) + block / 4;
      scales[tile * 512 + row % 32 * 16 + row % 128 / 32 * 4 + block % 4] =
          static_cast<uint8_t>(127 + exponent);
      for (std::size_t i = 0; i < 32; ++i) {
        float& value = values[row * depth + block * 32 + i];
        value = std::ldexp(value, exponent);
      }
    }
  return scales;
}

// Not yet: poison is left in the sum.
TEST(Triton, Tcgen05WithBlockScales) {
  const ExternalKernel kernel = load("triton_scaled_mxfp8_sm100");
  ASSERT_NE(kernel.program, nullptr);
  constexpr ProductShape kShape{256, 128, 384};
  Workload w{"scaled", "", {}, {}, {}};
  Matrices matrices = e4m3_matrices(w, kShape);
  const auto a_scales = w.input("a_scales", scales_of(matrices.a_values, kShape.m, kShape.k, 303)),
             b_scales = w.input("b_scales", scales_of(matrices.b_values, kShape.n, kShape.k, 304));
  const auto c = w.output<uint16_t>("c", kShape.m * kShape.n);
  Step& step = w.launch(kernel.name(), {kShape.m / 128, kShape.n / 128}, {kernel.fact("threads")},
                        kernel.fact("shared"));
  pass_descriptor(step, matrices.a, kernel.boxes.at(0), {kShape.m, kShape.k});
  pass_descriptor(step, matrices.b, kernel.boxes.at(1), {kShape.n, kShape.k});
  pass_descriptor(step, a_scales, kernel.boxes.at(2), {1, kShape.m / 128, kShape.k / 128, 2, 256});
  pass_descriptor(step, b_scales, kernel.boxes.at(3), {1, kShape.n / 128, kShape.k / 128, 2, 256});
  pass_descriptor(step, c, kernel.boxes.at(4), {kShape.m, kShape.n});
  step << int{kShape.k};
  pass_scratch(w, kernel, 1);
  expect_bf16_product(w, matrices, c);
  check(w, kernel);
}

// --- CUTLASS's Python DSL. Parameters: what the tiled product may be set to at run time (all zero: no
// negation, no lane left out), the two tensor maps, the result.

class CuteDsl : public testing::TestWithParam<const char*> {};

TEST_P(CuteDsl, ProductIsRight) {
  const std::string file = GetParam();
  const ExternalKernel kernel = load("cute_" + file);
  ASSERT_NE(kernel.program, nullptr);
  const ProductShape shape{kernel.fact("m"), kernel.fact("n"), kernel.fact("k")};
  const bool is_hopper = file.ends_with("sm90");
  const uint32_t blocks = kernel.fact("cluster"), rows = is_hopper ? 64 : 128, columns = 64 / blocks;
  Workload w{file, "", {}, {}, {}};
  const Matrices matrices = file.starts_with("fp8") ? e4m3_matrices(w, shape) : bf16_matrices(w, shape);
  const auto c = w.output<float>("c", shape.m * shape.n);
  const uint32_t depth = 128 / matrices.element_bytes();
  Step& step = w.launch(kernel.name(), {parts(shape.m, rows), parts(shape.n, 64)}, {kernel.fact("threads")},
                        kernel.fact("shared"));
  step.cluster = {blocks, 1, 1};
  step.arguments.push_back({});
  step.arguments.back().value.resize(kernel.program->kernel(kernel.name())->parameters.at(0).size);
  step << mapped(matrices.a, matrices.type, {shape.m, shape.k}, {rows, depth})
       << mapped(matrices.b, matrices.type, {shape.n, shape.k}, {columns, depth}) << c;
  w.check = [=](const Results& r) {
    return compare_product(r.of<float>(c), matrices.product(), kF32Tolerance);
  };
  check(w, kernel);
}

INSTANTIATE_TEST_SUITE_P(Kernels, CuteDsl,
                         testing::Values("bf16_sm90", "fp8_sm90", "bf16_sm100", "fp8_sm100",
                                         "two_blocks_bf16_sm100"),
                         [](const auto& file) { return std::string(file.param); });

}  // namespace
}  // namespace warpwright::golden
