// Asynchronous kernels: tensor copies, mbarriers, clusters, wgmma, tcgen05, dependent launches.
#include "tests/golden_kernels/async_workloads.h"

#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/numbers.h"
#include "tests/golden_kernels/products.h"

namespace warpwright::golden {
namespace {

const std::vector<std::string> kHopper = {"compute_90a"}, kBlackwell = {"compute_100a"};
constexpr double kTolerance = 1e-5;  // of f32 sums in another order

uint32_t dim(std::size_t value) {
  return static_cast<uint32_t>(value);
}

// Operands of C = A B^T with the boxes that a kernel fetches.
struct Operands {
  ProductShape shape;
  std::vector<float> a, b;
  MappedBuffer a_map, b_map;

  // Compares every so many rows.
  std::function<std::string(const Results&)> check(BufferId c, std::size_t every = 1) const {
    return [c, shape = shape, a = a, b = b, every](const Results& r) {
      std::vector<float> rows, results;
      for (std::size_t i = 0; i < shape.m; i += every) {
        rows.insert(rows.end(), a.begin() + static_cast<std::ptrdiff_t>(i * shape.k),
                    a.begin() + static_cast<std::ptrdiff_t>((i + 1) * shape.k));
        const auto row = r.of<float>(c).subspan(i * shape.n, shape.n);
        results.insert(results.end(), row.begin(), row.end());
      }
      const ProductShape part{rows.size() / shape.k, shape.n, shape.k};
      return compare_product(std::span<const float>(results), product_of(part, rows, b), kTolerance);
    };
  }
};

Operands bf16_operands(Workload& w, const ProductShape& s, uint32_t a_rows, uint32_t b_rows) {
  Random random(201);
  const auto a = random.bf16_normals(s.m * s.k, 1), b = random.bf16_normals(s.n * s.k, 1);
  return {s, decoded(a, from_bf16), decoded(b, from_bf16),
          mapped(w.input("a", a), sim::TensorMapType::kBf16, {s.m, s.k}, {a_rows, 64}),
          mapped(w.input("b", b), sim::TensorMapType::kBf16, {s.n, s.k}, {b_rows, 64})};
}

Operands e4m3_operands(Workload& w, const ProductShape& s, uint32_t rows) {
  Random random(202);
  const auto a = random.e4m3(s.m * s.k), b = random.e4m3(s.n * s.k);
  return {s, decoded(a, from_e4m3), decoded(b, from_e4m3),
          mapped(w.input("a", a), sim::TensorMapType::kU8, {s.m, s.k}, {rows, 128}),
          mapped(w.input("b", b), sim::TensorMapType::kU8, {s.n, s.k}, {rows, 128})};
}

Workload tma_gemm() {
  constexpr ProductShape kShape{128, 192, 320};
  Workload w{"tma_gemm", "tma_gemm", {}, {}, {}};
  const Operands operands = bf16_operands(w, kShape, 64, 64);
  const auto c = w.output<float>("c", kShape.m * kShape.n);
  w.launch("tma_gemm", {dim(kShape.n / 64), dim(kShape.m / 64)}, {160}, 3 * 16384)
      << operands.a_map << operands.b_map << c << int{kShape.n} << int{kShape.k};
  w.check = operands.check(c);
  return w;
}

// Matrices that end inside of a tile on every side.
Workload wgmma_gemm(const std::string& kernel, const ProductShape& s,
                    const std::function<Operands(Workload&)>& operands_of, std::size_t check_every = 1) {
  Workload w{kernel, "wgmma_gemm", {}, {}, {}, kHopper};
  const Operands operands = operands_of(w);
  const auto c = w.output<float>("c", s.m * s.n);
  w.launch(kernel, {dim((s.n + 63) / 64), dim((s.m + 63) / 64)}, {128}, 3 * 16384)
      << operands.a_map << operands.b_map
      << mapped(c, sim::TensorMapType::kF32, {s.m, s.n}, {64, 64}, sim::TensorSwizzle::kNone)
      << static_cast<int>(s.k);
  w.check = operands.check(c, check_every);
  return w;
}

Workload wgmma_e4m3() {
  constexpr ProductShape kShape{72, 100, 592};
  return wgmma_gemm("wgmma_e4m3", kShape, [=](Workload& w) { return e4m3_operands(w, kShape, 64); });
}

// Six steps along k or more: every stage is used again, so that what frees each is needed.
Workload tcgen05_e4m3() {
  constexpr ProductShape kShape{256, 128, 768};
  Workload w{"tcgen05_e4m3", "tcgen05_gemm", {}, {}, {}, kBlackwell};
  const Operands operands = e4m3_operands(w, kShape, 128);
  const auto c = w.output<float>("c", kShape.m * kShape.n);
  w.launch("tcgen05_e4m3", {dim(kShape.n / 128), dim(kShape.m / 128)}, {128}, 4 * 16384)
      << operands.a_map << operands.b_map << c << int{kShape.n} << int{kShape.k};
  w.check = operands.check(c);
  return w;
}

// Powers of two for 32 elements each, 2^-3 to 2^3, as the kernel wants them; `values` are multiplied by them.
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

Workload tcgen05_scaled() {
  constexpr ProductShape kShape{128, 256, 768};
  Workload w{"tcgen05_scaled", "tcgen05_gemm", {}, {}, {}, kBlackwell};
  Operands operands = e4m3_operands(w, kShape, 128);
  const auto a_scales = w.input("a_scales", scales_of(operands.a, kShape.m, kShape.k, 203)),
             b_scales = w.input("b_scales", scales_of(operands.b, kShape.n, kShape.k, 204));
  const auto c = w.output<float>("c", kShape.m * kShape.n);
  w.launch("tcgen05_scaled", {dim(kShape.n / 128), dim(kShape.m / 128)}, {128}, 4 * 16384 + 2 * 1024)
      << operands.a_map << operands.b_map << a_scales << b_scales << c << int{kShape.n} << int{kShape.k};
  w.check = operands.check(c);
  return w;
}

Workload two_block_gemm() {
  constexpr ProductShape kShape{512, 256, 448};
  Workload w{"two_block_gemm", "two_block_gemm", {}, {}, {}, kBlackwell};
  const Operands operands = bf16_operands(w, kShape, 128, 64);
  const auto c = w.output<float>("c", kShape.m * kShape.n);
  w.launch("two_block_gemm", {dim(kShape.m / 128), dim(kShape.n / 128)}, {128}, 3 * 24576)
      << operands.a_map << operands.b_map << c << int{kShape.n} << int{kShape.k};
  w.check = operands.check(c);
  return w;
}

Workload persistent_wgmma() {
  constexpr ProductShape kShape{256, 192, 256};
  Workload w{"persistent_wgmma", "persistent_wgmma", {}, {}, {}, kHopper};
  const Operands operands = bf16_operands(w, kShape, 128, 64);
  const auto c = w.output<float>("c", kShape.m * kShape.n);
  w.launch("persistent_wgmma", {4}, {384}, 3 * 24576)
      << operands.a_map << operands.b_map << c << int{kShape.m} << int{kShape.n} << int{kShape.k};
  w.check = operands.check(c);
  return w;
}

Workload cluster_softmax() {
  constexpr std::size_t kRows = 3, kColumns = 4 * 200;
  Workload w{"cluster_softmax", "cluster_softmax", {}, {}, {}};
  const auto x = w.input("x", Random(205).normals(kRows * kColumns));
  const auto out = w.output<float>("out", kRows * kColumns);
  w.launch("cluster_softmax", {4 * kRows}, {128}) << x << out << int{kColumns};
  w.check = [=](const Results& r) {
    Deviation deviation;
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto values = r.of<float>(x).subspan(row * kColumns, kColumns);
      double sum = 0;
      for (const float value : values) sum += std::exp(double{value});
      for (std::size_t i = 0; i < kColumns; ++i)
        deviation.add(double{r.of<float>(out)[row * kColumns + i]}, std::exp(double{values[i]}) / sum);
    }
    return deviation.over(kTolerance);
  };
  return w;
}

Workload cluster_column_sums() {
  constexpr std::size_t kRows = 37, kColumns = 256;
  Workload w{"cluster_column_sums", "cluster_softmax", {}, {}, {}};
  const auto x = w.input("x", Random(206).normals(kRows * kColumns));
  const auto out = w.output<float>("out", kColumns);
  w.launch("cluster_column_sums", {4 * kColumns / 128}, {128}) << x << out << int{kRows};
  w.check = [=](const Results& r) {
    Deviation deviation;
    for (std::size_t column = 0; column < kColumns; ++column) {
      double sum = 0;
      for (std::size_t row = 0; row < kRows; ++row) sum += double{r.of<float>(x)[row * kColumns + column]};
      deviation.add(double{r.of<float>(out)[column]}, sum);
    }
    return deviation.over(kTolerance);
  };
  return w;
}

Workload dependent_chain() {
  constexpr std::size_t kRows = 40, kColumns = 200, kCount = kRows * kColumns;
  Workload w{"dependent_chain", "dependent_chain", {}, {}, {}};
  const auto x = w.input("x", Random(207).uniforms(kCount, 0, 1));
  const auto sums = w.output<float>("sums", kRows), mean = w.output<float>("mean", 1);
  const auto out = w.output<float>("out", kCount);
  w.launch("chain_sums", {kRows}, {128}) << x << sums << int{kColumns};
  w.launch("chain_mean", {1}, {32}) << sums << mean << int{kRows} << int{kColumns};
  w.steps.back().programmatic = true;
  w.launch("chain_centre", {dim((kCount + 255) / 256)}, {256}) << x << mean << out << int{kCount};
  w.steps.back().programmatic = true;
  w.check = [=](const Results& r) {
    double expected_mean = 0;
    for (const float value : r.of<float>(x)) expected_mean += double{value} / kCount;
    Deviation deviation;
    for (std::size_t i = 0; i < kCount; ++i)
      deviation.add(double{r.of<float>(out)[i]}, double{r.of<float>(x)[i]} - expected_mean);
    return deviation.over(kTolerance);
  };
  return w;
}

}  // namespace

Workload wgmma_bf16(int m, int n, int k, int check_every) {
  const ProductShape shape{static_cast<std::size_t>(m), static_cast<std::size_t>(n),
                           static_cast<std::size_t>(k)};
  return wgmma_gemm(
      "wgmma_bf16", shape, [=](Workload& w) { return bf16_operands(w, shape, 64, 64); },
      static_cast<std::size_t>(check_every));
}

Workload tcgen05_bf16(int m, int n, int k, int check_every) {
  const ProductShape shape{static_cast<std::size_t>(m), static_cast<std::size_t>(n),
                           static_cast<std::size_t>(k)};
  Workload w{"tcgen05_bf16", "tcgen05_gemm", {}, {}, {}, kBlackwell};
  const Operands operands = bf16_operands(w, shape, 128, 128);
  const auto c = w.output<float>("c", shape.m * shape.n);
  w.launch("tcgen05_bf16", {dim(shape.n / 128), dim(shape.m / 128)}, {128}, 4 * 16384)
      << operands.a_map << operands.b_map << c << n << k;
  w.check = operands.check(c, static_cast<std::size_t>(check_every));
  return w;
}

std::vector<GoldenCase> async_cases() {
  return {{"tma_gemm", tma_gemm},
          {"wgmma_bf16", [] { return wgmma_bf16(100, 72, 328); }},
          {"wgmma_e4m3", wgmma_e4m3},
          {"tcgen05_bf16", [] { return tcgen05_bf16(128, 256, 384); }},
          {"tcgen05_e4m3", tcgen05_e4m3},
          {"tcgen05_scaled", tcgen05_scaled},
          {"two_block_gemm", two_block_gemm},
          {"persistent_wgmma", persistent_wgmma},
          {"cluster_softmax", cluster_softmax},
          {"cluster_column_sums", cluster_column_sums},
          {"dependent_chain", dependent_chain}};
}

}  // namespace warpwright::golden
