// tcgen05.mma: kinds, shapes and layouts against plain sums.
#include "evaluator/sim/tensor_product_testing.h"

namespace warpwright::sim {
namespace {

using namespace tensor_test;

TEST(Tcgen05, MultipliesEachKindAndShape) {
  const uint32_t f32 = 1 << 4, bf16 = 1 << 7 | 1 << 10, tf32 = 2 << 7 | 2 << 10;
  const std::vector<Shape> shapes = {
      {"f16", T::kBf16, T::kBf16, 128, 64, 16, 3, 1, f32 | bf16},
      {"f16", T::kF16, T::kF16, 128, 256, 16, 1, 1, f32},
      {"f16", T::kF16, T::kF16, 64, 24, 16, 2, 1, f32},
      {"f16", T::kF16, T::kF16, 128, 32, 16, 2, 1, 0},  // D in f16
      {"tf32", T::kTf32, T::kTf32, 128, 32, 8, 2, 1, f32 | tf32},
      {"i8", T::kS8, T::kU8, 128, 48, 32, 2, 1, 2 << 4 | 1 << 7},
      {"i8", T::kU8, T::kS8, 64, 32, 32, 1, 1, 2 << 4 | 1 << 10},
      {"f8f6f4", T::kE4m3, T::kE5m2, 128, 64, 32, 2, 1, f32 | 1 << 10},
      {"f8f6f4", T::kE2m3, T::kE3m2, 128, 16, 32, 2, 1, f32 | 3 << 7 | 4 << 10},
      {"f8f6f4", T::kE2m1, T::kE4m3, 64, 16, 32, 1, 1, f32 | 5 << 7},
      {"f16", T::kBf16, T::kBf16, 256, 128, 16, 2, 2, f32 | bf16},
      {"f16", T::kBf16, T::kBf16, 128, 64, 16, 2, 2, f32 | bf16},
      {"f8f6f4", T::kE4m3, T::kE4m3, 256, 32, 32, 1, 2, f32},
  };
  for (const Shape& shape : shapes) {
    const Gemm g = make_gemm(shape);
    const TensorOutcome outcome = run_tensor(g.kernel, g.image);
    expect_product(g, outcome, [&](int r, int c) { return expected(g, r, c); });
    double flops = 0;
    for (const double f : outcome.report.counters.tensor_flops_by_type) flops += f;
    EXPECT_EQ(flops, 2.0 * shape.m * shape.n * shape.k * shape.steps);
  }
}

const Shape kPlain = {"f16", T::kBf16, T::kBf16, 128, 32, 16, 2, 1, 1 << 4 | 1 << 7 | 1 << 10};

TEST(Tcgen05, NegatesAndScales) {
  const Gemm negated = make_gemm(kPlain, 1 << 13);
  expect_product(negated, run_tensor(negated.kernel, negated.image),
                 [&](int r, int c) { return -expected(negated, r, c); });
  // Both steps scale D first: the second one halves what the first has brought.
  Gemm scaled = make_gemm(kPlain, 0, ", 1");
  Gemm first = scaled;
  expect_product(scaled, run_tensor(scaled.kernel, scaled.image), [&](int r, int c) {
    double sum = 0;
    for (int i = 0; i < 32; ++i) sum += scaled.a.value(r, i) * scaled.b.value(c, i) * (i < 16 ? 0.5 : 1);
    return sum;
  });
}

TEST(Tcgen05, LeavesDisabledLanesAsTheyWere) {
  Gemm g = make_gemm(kPlain);
  const std::string call = "%rd6, %r17, %p1;";
  const std::size_t at = g.kernel.work.find(call);
  g.kernel.work.replace(at, call.size(), "%rd6, %r17, {%r40,%r41,%r41,%r41}, %p1;");
  g.kernel.work = "mov.u32 %r40, 5;\nmov.u32 %r41, 0;\n" + g.kernel.work;
  expect_product(g, run_tensor(g.kernel, g.image), [&](int r, int c) {
    double sum = 0;
    for (int i = 0; i < (r == 0 || r == 2 ? 16 : 32); ++i) sum += g.a.value(r, i) * g.b.value(c, i);
    return sum;
  });
}

// Without a state space: a generic address, of which ptxas takes 32 bits too.
TEST(Tcgen05, CommitsAtGenericAddresses) {
  for (const bool wide : {false, true}) {
    Gemm g = make_gemm(kPlain);
    std::string& work = g.kernel.work;
    const std::string named = ".shared::cluster.b64 [%r1]";
    work.replace(work.find(named), named.size(), wide ? ".b64 [%rd9]" : ".b64 [%r1]");
    work = "cvt.u64.u32 %rd9, %r1;\ncvta.shared.u64 %rd9, %rd9;\n" + work;
    expect_product(g, run_tensor(g.kernel, g.image), [&](int r, int c) { return expected(g, r, c); });
  }
}

// A in tensor memory: copied there by tcgen05.cp, in the order in which the thread issues them.
TEST(Tcgen05, TakesAFromTensorMemory) {
  Shape s = kPlain;
  s.steps = 1;
  Gemm g = make_gemm(s);
  g.kernel.columns = 64;
  std::string& work = g.kernel.work;
  work.replace(work.find("[%r3], %rd5"), 11, "[%r3], [%r3+32]");
  work.insert(work.find("tcgen05.mma"),
              "add.u32 %r18, %r3, 32;\ntcgen05.cp.cta_group::1.128x256b [%r18], %rd5;\n");
  expect_product(g, run_tensor(g.kernel, g.image), [&](int r, int c) { return expected(g, r, c); });
}

// Scales of rows (byte `byte` + s of the word of row % 32 and row / 32), after the operands in shared memory,
// and from there by tcgen05.cp to all quarters.
struct Scales {
  std::vector<uint32_t> codes;
  int count;
  ElementType type;
  double value(int row, int block) const {
    return decode_element(type, codes[static_cast<std::size_t>(row * count + block)]);
  }
};
Scales random_scales(ElementType type, int rows, int count) {
  std::mt19937 random(3);
  Scales scales{{}, count, type};
  for (int k = 0; k < rows * count; ++k)
    scales.codes.push_back(type == T::kUe8m0 ? 125 + static_cast<uint32_t>(random()) % 5
                                             : 0x30 + static_cast<uint32_t>(random()) % 16);
  return scales;
}
void place(const Scales& scales, std::vector<uint8_t>& image, std::size_t offset, int byte) {
  for (std::size_t k = 0; k < scales.codes.size(); ++k) {
    const std::size_t row = k / static_cast<std::size_t>(scales.count),
                      s = k % static_cast<std::size_t>(scales.count);
    image[offset + row % 32 * 16 + row / 32 * 4 + static_cast<std::size_t>(byte) + s] =
        static_cast<uint8_t>(scales.codes[k]);
  }
}

TEST(Tcgen05, AppliesBlockScales) {
  struct Case {
    Shape shape;
    std::string form;
    ElementType scale;
    int scales, a_byte, b_byte;
  };
  const std::vector<Case> cases = {
      {{"mxf8f6f4", T::kE4m3, T::kE5m2, 128, 64, 32, 1, 1, 1 << 10}, "scale_vec::1X", T::kUe8m0, 1, 2, 1},
      {{"mxf8f6f4", T::kE2m1, T::kE4m3, 128, 32, 32, 1, 1, 5 << 7}, "block32", T::kUe8m0, 1, 0, 3},
      {{"mxf4", T::kE2m1Packed, T::kE2m1Packed, 128, 128, 64, 1, 1, 1 << 7 | 1 << 10},
       "scale_vec::2X",
       T::kUe8m0,
       2,
       2,
       0},
      {{"mxf4nvf4", T::kE2m1Packed, T::kE2m1Packed, 128, 64, 64, 1, 1, 1 << 7 | 1 << 10},
       "block16",
       T::kUe4m3,
       4,
       0,
       0},
      {{"mxf4nvf4", T::kE2m1Packed, T::kE2m1Packed, 128, 64, 64, 1, 1, 1 << 7 | 1 << 10},
       "scale_vec::2X",
       T::kUe8m0,
       2,
       0,
       2},
  };
  for (const Case& c : cases) {
    const auto scale_bits =
        static_cast<uint32_t>((c.scale == T::kUe8m0 ? 1 << 23 : 0) | c.b_byte << 4 | c.a_byte << 29);
    Gemm g = make_gemm(c.shape, scale_bits);
    const std::size_t base = g.kernel.shared_bytes;
    g.kernel.shared_bytes += 1024;
    g.kernel.columns = 256;
    g.image.resize(g.kernel.shared_bytes);
    const Scales a = random_scales(c.scale, 128, c.scales), b = random_scales(c.scale, c.shape.n, c.scales);
    place(a, g.image, base, c.a_byte);
    place(b, g.image, base + 512, c.b_byte);
    std::string& work = g.kernel.work;
    const std::size_t at = work.find("tcgen05.mma");
    const std::string enable = "%r17, %p0";
    work.replace(work.find(enable), enable.size(), "%r17, [%r18], [%r19], %p0");
    work.replace(work.find("kind::" + c.shape.kind) + 6 + c.shape.kind.size(), 0, ".block_scale." + c.form);
    const std::string copy = "tcgen05.cp.cta_group::1.32x128b.warpx4 [%r";
    work.insert(at, "add.u32 %r18, %r3, 128;\nadd.u32 %r19, %r3, 136;\n" + descriptor(7, base, 1) +
                        descriptor(8, base + 512, 1) + copy + "18], %rd7;\n" + copy + "19], %rd8;\n");
    expect_product(g, run_tensor(g.kernel, g.image), [&](int r, int n) {
      double sum = 0;
      for (int i = 0; i < g.a.k; ++i) {
        const int block = i / (g.a.k / c.scales);
        sum += g.a.value(r, i) * a.value(r, block) * g.b.value(n, i) * b.value(n, block);
      }
      return sum;
    });
    if (c.scales != 1) continue;
    // Only one quarter has them.
    std::string once = work;
    once.replace(once.find("32x128b.warpx4 [%r18]"), 21, "128x128b [%r18]");
    g.kernel.work = once;
    g.kernel.shared_bytes += 2048;
    EXPECT_TRUE(has_rule(run_tensor(g.kernel, g.image).report, "tensor-memory"));
  }
}

// A pair of blocks: each has the scales of its own rows of A, and those of all columns of B; with 64 rows to
// a block the two halves of B's columns in the two halves of the lanes.
TEST(Tcgen05, AppliesBlockScalesInPairs) {
  for (const int m : {256, 128}) {
    const Shape shape = {"mxf8f6f4", T::kE4m3, T::kE5m2, m, 64, 32, 1, 2, 1 << 10};
    Gemm g = make_gemm(shape, 1 << 23);
    const std::size_t each = g.kernel.shared_bytes;
    const Scales a = random_scales(T::kUe8m0, m, 1), b = random_scales(T::kUe8m0, shape.n, 1);
    g.kernel.shared_bytes += 2048;
    g.kernel.columns = 256;
    std::vector<uint8_t> image(2 * std::size_t{g.kernel.shared_bytes});
    const auto put = [&](std::size_t at, int row, uint32_t code) {
      image[at + static_cast<std::size_t>(row % 32 * 16 + row / 32 * 4)] = static_cast<uint8_t>(code);
    };
    for (int block = 0; block < 2; ++block) {
      const std::size_t base = static_cast<std::size_t>(block) * g.kernel.shared_bytes;
      std::copy_n(g.image.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(block) * each), each,
                  image.begin() + static_cast<std::ptrdiff_t>(base));
      for (int row = 0; row < m / 2; ++row)
        put(base + each, row, a.codes[static_cast<std::size_t>(block * m / 2 + row)]);
      for (int n = 0; n < shape.n; ++n) {
        const int half = m == 128 ? n / 32 : 0;
        put(base + each + 1024 + static_cast<std::size_t>(512 * half), m == 128 ? n % 32 : n,
            b.codes[static_cast<std::size_t>(n)]);
      }
    }
    std::string& work = g.kernel.work;
    const std::string enable = "%r17, %p0", kind = "kind::mxf8f6f4";
    work.replace(work.find(enable), enable.size(), "%r17, [%r18], [%r19], %p0");
    work.insert(work.find(kind) + kind.size(), ".block_scale.block32");
    const std::string copy = "tcgen05.cp.cta_group::2.";
    work.insert(work.find("tcgen05.mma"),
                "add.u32 %r18, %r3, 128;\nadd.u32 %r19, %r3, 136;\n" + descriptor(7, each, 1) +
                    descriptor(8, each + 1024, 1) + copy + "32x128b.warpx4 [%r18], %rd7;\n" + copy +
                    (m == 128 ? "64x128b.warpx2::01_23" : "32x128b.warpx4") + " [%r19], %rd8;\n");
    expect_product(g, run_tensor(g.kernel, image),
                   [&](int r, int n) { return expected(g, r, n) * a.value(r, 0) * b.value(n, 0); });
  }
}

}  // namespace
}  // namespace warpwright::sim
