// Operand tiles: every layout against the manual's formulas, element by element, and the product against
// plain loops.
#include "evaluator/sim/matrix_tile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "evaluator/sim/isa/tile_product.h"

namespace warpwright::sim {
namespace level_baseline {
const TileFunctions& tile_functions();
}
namespace level_v3 {
const TileFunctions& tile_functions();
}
namespace level_v4 {
const TileFunctions& tile_functions();
}
namespace {

constexpr uint32_t kShared = 160 * 1024;

// Swizzle<B, M, S> of CuTe on a byte address.
uint32_t cute_swizzle(uint32_t address, int bits, int base, int shift) {
  const uint32_t mask = ((1u << bits) - 1) << (base + shift);
  return address ^ (address & mask) >> shift;
}

// Bit address of element (mn, k) by the manual's table of canonical layouts, in elements of `bits` bits.
uint64_t canonical_bit(const TileLayout& l, uint64_t mn, uint64_t k, uint64_t bits) {
  const uint64_t t = 128 / bits;
  const uint64_t lbo = l.leading_bytes * 8 / bits, sbo = l.stride_bytes * 8 / bits;
  uint64_t w = 1, at = 0;
  int swizzle[3] = {0, 4, 3};
  switch (l.swizzle) {
    case TileSwizzle::kNone:
      break;
    case TileSwizzle::k32:
      w = 2, swizzle[0] = 1;
      break;
    case TileSwizzle::k64:
      w = 4, swizzle[0] = 2;
      break;
    case TileSwizzle::k128:
      w = 8, swizzle[0] = 3;
      break;
    case TileSwizzle::k128Atom32:
      w = 8, swizzle[0] = 2, swizzle[1] = 5, swizzle[2] = 2;
      break;
  }
  if (l.k_major && w == 1) {  // ((8,m),(T,2k)):((1T,SBO),(1,LBO))
    at = mn % 8 * t + mn / 8 * sbo + k % t + k / t * lbo;
  } else if (l.k_major) {  // ((8,m),(T,2k)):((WT,SBO),(1,T))
    at = mn % 8 * w * t + mn / 8 * sbo + k;
  } else if (w == 1) {  // ((T,1,m),(8,k)):((1,T,SBO),(1T,LBO))
    at = mn % t + mn / t * sbo + k % 8 * t + k / 8 * lbo;
  } else {  // ((T,W,m),(8,k)):((1,T,LBO),(WT,SBO))
    const uint64_t group = swizzle[1] == 5 ? 4 : 8;
    at = mn % (t * w) + mn / (t * w) * lbo + k % group * w * t + k / group * sbo;
  }
  const uint64_t bit = uint64_t{l.start} * 8 + at * bits;
  return uint64_t{cute_swizzle(static_cast<uint32_t>(bit / 8), swizzle[0], swizzle[1], swizzle[2])} * 8 +
         bit % 8;
}

// Strides that keep the tile's parts apart.
TileLayout layout_for(TileSwizzle swizzle, bool k_major, int rows, int k, int bits) {
  TileLayout l;
  l.start = 2048;
  l.swizzle = swizzle;
  l.k_major = k_major;
  const uint32_t w = swizzle == TileSwizzle::kNone ? 1
                     : swizzle == TileSwizzle::k32 ? 2
                     : swizzle == TileSwizzle::k64 ? 4
                                                   : 8;
  const auto elements = static_cast<uint32_t>(128 / bits);
  const auto row_groups = static_cast<uint32_t>(rows + 7) / 8;
  if (k_major) {
    l.stride_bytes = 128 * w;
    l.leading_bytes = w == 1 ? row_groups * 128 : 16;
  } else if (w == 1) {
    l.stride_bytes = 128;
    l.leading_bytes = (static_cast<uint32_t>(rows) + elements - 1) / elements * 128;
  } else {
    const uint32_t group = swizzle == TileSwizzle::k128Atom32 ? 4 : 8;
    l.stride_bytes = 16 * w * group;
    l.leading_bytes = (static_cast<uint32_t>(k) + group - 1) / group * l.stride_bytes;
  }
  return l;
}

constexpr TileSwizzle kSwizzles[] = {TileSwizzle::kNone, TileSwizzle::k32, TileSwizzle::k64,
                                     TileSwizzle::k128, TileSwizzle::k128Atom32};

std::vector<std::byte> random_memory() {
  std::vector<std::byte> memory(kShared);
  std::mt19937 random(7);
  for (std::byte& b : memory) b = static_cast<std::byte>(random());
  return memory;
}

bool same(float a, float b) {
  return std::memcmp(&a, &b, 4) == 0 || (std::isnan(a) && std::isnan(b));
}

TEST(OperandTiles, LieAsTheManualsCanonicalLayoutsSay) {
  const std::vector<std::byte> memory = random_memory();
  for (const ElementType type :
       {ElementType::kF16, ElementType::kBf16, ElementType::kTf32, ElementType::kE4m3, ElementType::kE5m2,
        ElementType::kS8, ElementType::kU8, ElementType::kE2m1Packed}) {
    const int bits = bits_of(type);
    for (const TileSwizzle swizzle : kSwizzles) {
      for (const bool k_major : {true, false}) {
        for (const int rows : {8, 64, 200, 256}) {
          const TileShape shape{type, false, rows, 256 / bits};
          const TileLayout layout = layout_for(swizzle, k_major, rows, shape.k, bits);
          const auto chunks = tile_chunks(layout, shape);
          ASSERT_FALSE(check_tile(layout, chunks, kShared, "A").has_value());
          std::vector<float> tile(static_cast<std::size_t>(rows * shape.k));
          load_tile(memory.data(), layout, shape, chunks, tile.data());
          for (int r = 0; r < rows; ++r) {
            for (int k = 0; k < shape.k; ++k) {
              const uint64_t bit = canonical_bit(layout, static_cast<uint64_t>(r), static_cast<uint64_t>(k),
                                                 static_cast<uint64_t>(bits));
              uint32_t word = 0;
              std::memcpy(&word, memory.data() + bit / 8, static_cast<std::size_t>(bits + 7) / 8);
              word >>= bit % 8;
              if (bits < 32) word &= (1u << bits) - 1;
              ASSERT_TRUE(same(tile[static_cast<std::size_t>(r * shape.k + k)],
                               static_cast<float>(decode_element(type, word))))
                  << bits << " bits, " << name_of(swizzle) << " swizzle, k-major " << k_major << ", row " << r
                  << ", k " << k;
            }
          }
        }
      }
    }
  }
}

// A K-major tile inside a wider swizzled row begins at an address inside the pattern's first row.
TEST(OperandTiles, MayBeginInsideASwizzledRow) {
  const std::vector<std::byte> memory = random_memory();
  const TileShape wide{ElementType::kBf16, false, 64, 64}, part{ElementType::kBf16, false, 64, 16};
  TileLayout layout = layout_for(TileSwizzle::k128, true, 64, 64, 16);
  std::vector<float> whole(64 * 64), piece(64 * 16);
  load_tile(memory.data(), layout, wide, tile_chunks(layout, wide), whole.data());
  for (uint32_t step = 0; step < 4; ++step) {
    TileLayout shifted = layout;
    shifted.start += 32 * step;
    load_tile(memory.data(), shifted, part, tile_chunks(shifted, part), piece.data());
    for (std::size_t r = 0; r < 64; ++r)
      for (std::size_t k = 0; k < 16; ++k)
        ASSERT_TRUE(same(piece[r * 16 + k], whole[r * 64 + 16 * step + k]));
  }
}

// A pattern that begins 128 bytes behind a boundary, with the base offset that says so, reads what the same
// bytes give at the boundary.
TEST(OperandTiles, BaseOffsetMovesTheSwizzlePattern) {
  std::vector<std::byte> memory = random_memory();
  const TileShape shape{ElementType::kF16, false, 64, 16};
  TileLayout layout = layout_for(TileSwizzle::k128, true, 64, 16, 16);
  std::vector<float> at_boundary(64 * 16), moved(64 * 16);
  load_tile(memory.data(), layout, shape, tile_chunks(layout, shape), at_boundary.data());
  std::memmove(memory.data() + layout.start + 384, memory.data() + layout.start, 8192);
  layout.start += 384;
  layout.base_offset = layout.start >> 7 & 7;
  load_tile(memory.data(), layout, shape, tile_chunks(layout, shape), moved.data());
  for (std::size_t i = 0; i < moved.size(); ++i) ASSERT_TRUE(same(moved[i], at_boundary[i]));
}

// Sixteen floats of 4 or 6 bits in each chunk, the rest of it padding.
TEST(OperandTiles, UnpackPaddedNarrowFloats) {
  std::vector<std::byte> memory = random_memory();
  for (const auto& [type, bits] : {std::pair{ElementType::kE2m1, 4}, {ElementType::kE3m2, 6}}) {
    const TileShape shape{type, true, 32, 32};
    const TileLayout layout = layout_for(TileSwizzle::kNone, true, 32, 32, 8);
    std::vector<float> tile(32 * 32);
    load_tile(memory.data(), layout, shape, tile_chunks(layout, shape), tile.data());
    for (uint64_t r = 0; r < 32; ++r) {
      for (uint64_t k = 0; k < 32; ++k) {
        const uint64_t chunk = canonical_bit(layout, r, k / 16 * 16, 8) / 8;
        uint64_t words[2];
        std::memcpy(words, memory.data() + chunk, 16);
        const uint64_t at = k % 16 * static_cast<uint64_t>(bits);
        const uint64_t code = (words[at / 64] >> at % 64 | (at % 64 > 58 ? words[1] << (64 - at % 64) : 0)) &
                              ((1u << bits) - 1);
        const double expected = decode_element(bits == 4 ? ElementType::kE2m1Packed : type, code);
        ASSERT_EQ(tile[r * 32 + k], static_cast<float>(expected)) << bits << " " << r << " " << k;
      }
    }
  }
}

TEST(OperandTiles, OfBitsAreZerosAndOnes) {
  const std::vector<std::byte> memory = random_memory();
  const TileShape shape{ElementType::kB1, false, 8, 256};
  const TileLayout layout = layout_for(TileSwizzle::kNone, true, 8, 256, 1);
  std::vector<float> tile(8 * 256);
  load_tile(memory.data(), layout, shape, tile_chunks(layout, shape), tile.data());
  for (uint64_t r = 0; r < 8; ++r) {
    for (uint64_t k = 0; k < 256; ++k) {
      const uint64_t bit = canonical_bit(layout, r, k, 1);
      ASSERT_EQ(tile[r * 256 + k], static_cast<float>(static_cast<int>(memory[bit / 8]) >> (bit % 8) & 1));
    }
  }
}

TEST(OperandTiles, OutsideTheBlocksMemoryAreRefused) {
  const TileShape shape{ElementType::kBf16, false, 256, 16};
  TileLayout layout = layout_for(TileSwizzle::k128, true, 256, 16, 16);
  EXPECT_FALSE(check_tile(layout, tile_chunks(layout, shape), 2048 + 32 * 1024, "matrix B").has_value());
  const auto beyond = check_tile(layout, tile_chunks(layout, shape), 2047 + 31 * 1024, "matrix B");
  ASSERT_TRUE(beyond.has_value());
  EXPECT_EQ(beyond->kind, Finding::Kind::kOutOfBoundsRead);
  EXPECT_NE(beyond->what.find("descriptor of matrix B (start 2048"), std::string::npos) << beyond->what;
  layout.swizzle = TileSwizzle::kNone;
  layout.base_offset = 3;
  const auto base = check_tile(layout, tile_chunks(layout, shape), kShared, "matrix B");
  ASSERT_TRUE(base.has_value());
  EXPECT_EQ(base->kind, Finding::Kind::kBadDescriptor);
  std::mt19937_64 random(3);
  for (int i = 0; i < 200; ++i) {  // any word
    const uint64_t bits = random();
    const TileLayout any = wgmma_layout(bits, (bits & 1) != 0);
    const auto chunks = tile_chunks(any, shape);
    EXPECT_FALSE(chunks.empty());
    (void)check_tile(any, chunks, kShared, "matrix B");
  }
}

TEST(OperandTiles, RangesCoverExactlyTheChunks) {
  const std::vector<uint32_t> chunks = {4096, 64, 80, 1040, 96, 1024, 64};
  const auto ranges = tile_ranges(chunks);
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(ranges[0].offset, 64u);
  EXPECT_EQ(ranges[0].bytes, 48u);
  EXPECT_EQ(ranges[1].offset, 1024u);
  EXPECT_EQ(ranges[1].bytes, 32u);
  EXPECT_EQ(ranges[2].offset, 4096u);
  EXPECT_EQ(ranges[2].bytes, 16u);
}

TEST(OperandTiles, ADescriptorSaysWhereTheyLie) {
  const uint64_t descriptor = uint64_t{0x2400 >> 4} | uint64_t{512 >> 4} << 16 | uint64_t{1024 >> 4} << 32 |
                              uint64_t{5} << 49 | uint64_t{2} << 62;
  const TileLayout layout = wgmma_layout(descriptor, true);
  EXPECT_EQ(layout.start, 0x2400u);
  EXPECT_EQ(layout.leading_bytes, 512u);
  EXPECT_EQ(layout.stride_bytes, 1024u);
  EXPECT_EQ(layout.base_offset, 5u);
  EXPECT_EQ(layout.swizzle, TileSwizzle::k64);
}

TEST(TileProducts, SumInIncreasingKOnEveryLevel) {
  std::mt19937 random(11);
  std::vector<const TileFunctions*> levels = {&level_baseline::tile_functions()};
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v3")) levels.push_back(&level_v3::tile_functions());
  if (__builtin_cpu_supports("x86-64-v4")) levels.push_back(&level_v4::tile_functions());
  for (const auto& [m, n, k] : {std::array{16, 8, 16}, {16, 256, 32}, {128, 24, 8}, {5, 7, 3}, {64, 1, 16}}) {
    const auto rows = static_cast<std::size_t>(m), columns = static_cast<std::size_t>(n);
    const auto depth = static_cast<std::size_t>(k);
    std::vector<float> a(rows * depth), b(columns * depth), start(rows * columns);
    // Wide exponents, as bf16 has them: sums must be rounded once a step, and products may leave f32's range.
    const auto draw = [&] {
      const uint32_t bits = static_cast<uint32_t>(random()) & 0xbfff0000u;
      float value;
      std::memcpy(&value, &bits, 4);
      return random() % 4 == 0 ? value : static_cast<float>(static_cast<int>(random() % 512) - 256) / 64.0f;
    };
    for (float& x : a) x = draw();
    for (float& x : b) x = draw();
    for (float& x : start) x = draw();
    for (const TileFunctions* level : levels) {
      std::vector<float> d = start, packed(static_cast<std::size_t>(level->width) * depth);
      level->multiply(m, n, k, a.data(), b.data(), d.data(), rows, packed.data());
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
          float expected = start[c * rows + r];
          for (std::size_t i = 0; i < depth; ++i)
            expected = std::fma(a[r * depth + i], b[c * depth + i], expected);
          ASSERT_TRUE(same(d[c * rows + r], expected)) << level->width << ": " << r << ", " << c;
        }
      }
    }
  }
}

TEST(TileProducts, OfIntegersAreExactAndWrapOrClamp) {
  const std::vector<float> a(16 * 64, 255.0f), b(8 * 64, -128.0f);
  std::vector<int32_t> d(16 * 8, -2147483648 + 1000);
  std::vector<int32_t> clamped = d;
  multiply_tile(16, 8, 64, a.data(), b.data(), d.data(), 16, false);
  multiply_tile(16, 8, 64, a.data(), b.data(), clamped.data(), 16, true);
  EXPECT_EQ(d[5], static_cast<int32_t>(static_cast<uint32_t>(-2147483647 + 999) - 64u * 255u * 128u));
  EXPECT_EQ(clamped[5], std::numeric_limits<int32_t>::min());
}

TEST(TileProducts, GiveTheCanonicalNan) {
  const std::vector<float> a(16, INFINITY), b(8, 0.0f);
  std::vector<float> d(16 * 8, 1.0f);
  multiply_tile(16, 8, 1, a.data(), b.data(), d.data(), 16);
  uint32_t bits;
  std::memcpy(&bits, d.data(), 4);
  EXPECT_EQ(bits, 0x7fffffffu);
}

}  // namespace
}  // namespace warpwright::sim
