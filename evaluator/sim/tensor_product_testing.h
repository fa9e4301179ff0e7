// For tests of tcgen05.mma: random operands, their place in shared memory, the kernel, and the plain sums.
#pragma once

#include <cmath>
#include <functional>
#include <random>

#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/tensor_test_support.h"

namespace warpwright::sim::tensor_test {

using T = ElementType;

// Operands whose rows have 32 bytes for each step along K: element codes, and how they lie in shared memory
// without a swizzle, K-major.
struct Operand {
  T type;
  int code_bits;  // in memory: 4 for kE2m1Packed; padded floats of 4 and 6 bits
  bool padded;
  int rows, k;
  std::vector<uint32_t> codes;  // [row][k]

  double value(int row, int i) const {
    const uint32_t code = codes[static_cast<std::size_t>(row * k + i)];
    return decode_element(type, padded && type == T::kE2m1 ? code << 2 : code);
  }
  int chunk() const { return padded ? 16 : 128 / code_bits; }  // elements in 16 bytes
  // Rows `first` on, so many of them, to image + offset.
  void place(std::vector<uint8_t>& image, std::size_t offset, int first, int count) const {
    const int chunks = k / chunk();
    for (int r = 0; r < count; ++r) {
      for (int i = 0; i < k; ++i) {
        const int c = i / chunk(), bit = i % chunk() * code_bits;
        const std::size_t at = offset + static_cast<std::size_t>(r % 8 * 16 + r / 8 * 128 * chunks + c * 128);
        const uint32_t code = codes[static_cast<std::size_t>((first + r) * k + i)];
        for (int b = 0; b < code_bits; ++b)
          image[at + static_cast<std::size_t>((bit + b) / 8)] |=
              static_cast<uint8_t>((code >> b & 1) << (bit + b) % 8);
      }
    }
  }
  std::size_t bytes(int count) const {
    return static_cast<std::size_t>(count) * 16u * static_cast<std::size_t>(k / chunk());
  }
};

inline Operand random_operand(T type, int rows, int k, std::mt19937& random) {
  const bool padded = type == T::kE2m1 || type == T::kE2m3 || type == T::kE3m2;
  Operand o{type, type == T::kE2m1 ? 4 : padded ? 6 : bits_of(type), padded, rows, k, {}};
  for (int n = 0; n < rows * k; ++n) {
    const auto value = static_cast<int>(random() % 9) - 4;
    uint32_t code = static_cast<uint32_t>(random()) & ((1u << std::min(o.code_bits, 8)) - 1);
    if (type == T::kF16) code = static_cast<uint32_t>(encode_f16(value * 0.5));
    if (type == T::kBf16 || type == T::kTf32) {
      const float f = static_cast<float>(value) * 0.25f;
      std::memcpy(&code, &f, 4);
      if (type == T::kBf16) code >>= 16;
    }
    if (type == T::kE4m3) code &= 0xb7;  // no NaN, no large values
    if (type == T::kE5m2) code &= 0xc3;
    o.codes.push_back(code);
  }
  return o;
}

inline std::string hex64(uint64_t v) {
  return "0x" + [&] {
    std::ostringstream s;
    s << std::hex << v;
    return s.str();
  }();
}

// Registers %rdN = descriptor of data + offset.
inline std::string descriptor(int to, std::size_t offset, int chunks, uint64_t flip = 0) {
  const uint64_t constant = (uint64_t{128 >> 4} << 16 |
                             uint64_t{static_cast<uint64_t>(128 * chunks) >> 4} << 32 | uint64_t{1} << 46) ^
                            flip;
  return "add.u32 %r16, %r2, " + std::to_string(offset) +
         ";\nand.b32 %r16, %r16, 0x3ffff;\nshr.u32 %r16, %r16, 4;\n"
         "cvt.u64.u32 %rd" +
         std::to_string(to) + ", %r16;\nor.b64 %rd" + std::to_string(to) + ", %rd" + std::to_string(to) +
         ", " + hex64(constant) + ";\n";
}

struct Shape {
  std::string kind;
  T a, b;
  int m, n, k, steps, group;
  uint32_t types;  // bits 4 to 12 of the descriptor
};
inline uint32_t instruction(const Shape& s, uint32_t more = 0) {
  return s.types | static_cast<uint32_t>(s.n / 8) << 17 | static_cast<uint32_t>(s.m / 16) << 24 | more;
}

struct Gemm {
  Shape shape;
  Operand a, b;
  TensorKernel kernel;
  std::vector<uint8_t> image;
};
inline Gemm make_gemm(const Shape& s, uint32_t more = 0, const std::string& tail = "") {
  std::mt19937 random(7);
  Gemm g{s,
         random_operand(s.a, s.m, s.k * s.steps, random),
         random_operand(s.b, s.n, s.k * s.steps, random),
         {},
         {}};
  const int a_rows = s.m / s.group, b_rows = s.n / s.group;
  const std::size_t a_bytes = g.a.bytes(a_rows), b_bytes = g.b.bytes(b_rows);
  g.kernel.group = s.group;
  g.kernel.shared_bytes = static_cast<uint32_t>(a_bytes + b_bytes);
  g.image.resize((a_bytes + b_bytes) * static_cast<std::size_t>(s.group));
  for (int block = 0; block < s.group; ++block) {
    const std::size_t base = static_cast<std::size_t>(block) * (a_bytes + b_bytes);
    g.a.place(g.image, base, block * a_rows, a_rows);
    g.b.place(g.image, base + a_bytes, block * b_rows, b_rows);
  }
  g.kernel.columns = 32;
  while (g.kernel.columns < static_cast<uint32_t>(s.n)) g.kernel.columns *= 2;
  g.kernel.out_columns = static_cast<uint32_t>(s.m == 128 && s.group == 2 ? s.n / 2 : s.n);
  const int a_chunks = g.a.k / g.a.chunk(), b_chunks = g.b.k / g.b.chunk();
  std::string text = "mov.u32 %r17, " + std::to_string(instruction(s, more)) + ";\n";
  for (int step = 0; step < s.steps; ++step) {
    const auto chunk_of = [&](const Operand& o) {
      return static_cast<std::size_t>(128 * (step * s.k / o.chunk()));
    };
    text += descriptor(5, chunk_of(g.a), a_chunks) + descriptor(6, a_bytes + chunk_of(g.b), b_chunks) +
            "tcgen05.mma.cta_group::" + std::to_string(s.group) + ".kind::" + s.kind +
            " [%r3], %rd5, %rd6, %r17, " + (step == 0 ? "%p0" : "%p1") + tail + ";\n";
  }
  g.kernel.work = text + commit(s.group);
  g.kernel.rest = wait_at("DONE") + g.kernel.after;
  return g;
}

inline double expected(const Gemm& g, int row, int column) {
  double sum = 0;
  for (int i = 0; i < g.a.k; ++i) sum += g.a.value(row, i) * g.b.value(column, i);
  return sum;
}
// Block, lane and column of D's element.
inline std::size_t place_of(const Shape& s, int row, int column) {
  const int rows = s.m / s.group, block = row / rows, r = row % rows;
  const bool split = s.m == 128 && s.group == 2;
  const int columns = split ? s.n / 2 : s.n;
  const int lane = s.m == 64 ? r % 16 + 32 * (r / 16) : split ? r + 64 * (column / columns) : r;
  return static_cast<std::size_t>((block * 128 + lane) * columns + column % columns);
}
inline double result(const Shape& s, uint32_t bits) {
  if (s.kind == "i8") return static_cast<int32_t>(bits);
  if (!s.kind.starts_with("mx") && (s.types >> 4 & 3) == 0) return decode_element(T::kF16, bits);
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Sums of values of a wide range are rounded.
inline double tolerance(double value) {
  return 1e-5 * (1 + std::abs(value));
}

inline void expect_product(const Gemm& g, const TensorOutcome& outcome,
                           const std::function<double(int, int)>& want) {
  ASSERT_TRUE(outcome.report.completed) << messages(outcome.report);
  EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
  for (int r = 0; r < g.shape.m; ++r) {
    for (int c = 0; c < g.shape.n; ++c) {
      ASSERT_NEAR(result(g.shape, outcome.out[place_of(g.shape, r, c)]), want(r, c), tolerance(want(r, c)))
          << g.shape.kind << " m" << g.shape.m << " n" << g.shape.n << " row " << r << " column " << c;
    }
  }
}

}  // namespace warpwright::sim::tensor_test
