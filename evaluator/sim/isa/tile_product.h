// Loading and multiplying operand tiles (matrix_tile.h), once per instruction-set level: tile_*.cpp include
// this with their WW_ISA. Nothing here may use inline functions of the library, see lanes.h.
#pragma once

#include "evaluator/sim/isa/numbers.h"

namespace warpwright::sim {

// What a chunk of 16 bytes holds.
struct ChunkFormat {
  enum class Kind : uint8_t { kHalf, kBfloat, kTf32, kBytes, kCodes };
  Kind kind = Kind::kHalf;
  int count = 8;                 // elements
  int bits = 16;                 // kCodes: of an element, side by side from the lowest bit on
  const float* table = nullptr;  // kBytes, kCodes: by an element's bits
};

struct TileFunctions {
  // lines of `length` elements, from consecutive chunks each; element e of line l goes to
  // out[l * line_stride + e * element_stride].
  void (*load)(const std::byte* shared, const uint32_t* chunks, const ChunkFormat& format, int lines,
               int length, float* out, std::ptrdiff_t line_stride, std::ptrdiff_t element_stride) = nullptr;
  // As multiply_tile(). `packed`: scratch of width * k floats.
  void (*multiply)(int m, int n, int k, const float* a, const float* b, float* d, std::size_t d_stride,
                   float* packed) = nullptr;
  int width = 4;
};

}  // namespace warpwright::sim

#ifdef WW_ISA
namespace warpwright::sim::WW_ISA {
namespace product {

#if defined(__AVX512F__)
inline constexpr int kWidth = 16, kColumns = 12;
#elif defined(__AVX2__)
inline constexpr int kWidth = 8, kColumns = 8;
#else
inline constexpr int kWidth = 4, kColumns = 4;
#endif

using Vector [[gnu::vector_size(4 * kWidth), gnu::may_alias]] = float;
using Mask [[gnu::vector_size(4 * kWidth)]] = int32_t;
using Unaligned [[gnu::vector_size(4 * kWidth), gnu::may_alias, gnu::aligned(4)]] = float;

// a * b + c, rounded once.
WW_INLINE Vector multiply_add(Vector a, float b, Vector c) {
  const Vector factor = b - Vector{};
#if defined(__AVX512F__)
  return __builtin_ia32_vfmaddps512_mask(a, factor, c, -1, 4);  // 4: the current rounding
#elif defined(__FMA__)
  return __builtin_ia32_vfmaddps256(a, factor, c);
#else
  // Products of narrow floats are exact in double, sums there keep more bits than any rounding to f32 asks.
  Vector r{};
  for (int i = 0; i < kWidth; ++i)
    r[i] = static_cast<float>(static_cast<double>(a[i]) * static_cast<double>(factor[i]) +
                              static_cast<double>(c[i]));
  return r;
#endif
}

WW_INLINE Vector canonical(Vector x) {
  const Mask is_nan = x != x;
  const Mask nan = static_cast<int32_t>(kNan32) - Mask{};
  return reinterpret_cast<Vector>((reinterpret_cast<Mask>(x) & ~is_nan) | (nan & is_nan));
}

// kWidth rows of a, k of them contiguous by column, times Columns columns of b.
template <int Columns>
WW_INLINE void strip(int k, const float* a, const float* b, float* d, std::size_t d_stride) {
  Vector sums[Columns];
  for (int c = 0; c < Columns; ++c)
    sums[c] = *reinterpret_cast<const Unaligned*>(d + static_cast<std::size_t>(c) * d_stride);
  for (int i = 0; i < k; ++i) {
    const Vector left = *reinterpret_cast<const Unaligned*>(a + i * kWidth);
#pragma GCC unroll 16
    for (int c = 0; c < Columns; ++c) sums[c] = multiply_add(left, b[c * k + i], sums[c]);
  }
  for (int c = 0; c < Columns; ++c)
    *reinterpret_cast<Unaligned*>(d + static_cast<std::size_t>(c) * d_stride) = canonical(sums[c]);
}

WW_INLINE void row_strip(int n, int k, const float* a, const float* b, float* d, std::size_t d_stride) {
  int c = 0;
  for (; c + kColumns <= n; c += kColumns)
    strip<kColumns>(k, a, b + c * k, d + static_cast<std::size_t>(c) * d_stride, d_stride);
  for (; c + 4 <= n; c += 4) strip<4>(k, a, b + c * k, d + static_cast<std::size_t>(c) * d_stride, d_stride);
  for (; c < n; ++c) strip<1>(k, a, b + c * k, d + static_cast<std::size_t>(c) * d_stride, d_stride);
}

static void multiply(int m, int n, int k, const float* a, const float* b, float* d, std::size_t d_stride,
                     float* packed) {
  for (int first = 0; first < m; first += kWidth) {
    const int rows = m - first < kWidth ? m - first : kWidth;
    for (int r = 0; r < kWidth; ++r)
      for (int i = 0; i < k; ++i) packed[i * kWidth + r] = r < rows ? a[(first + r) * k + i] : 0.0f;
    if (rows == kWidth) {
      row_strip(n, k, packed, b, d + first, d_stride);
      continue;
    }
    for (int c = 0; c < n; ++c) {  // a tile of few rows: no faster way needed
      float column[kWidth] = {};
      float* const at = d + static_cast<std::size_t>(c) * d_stride + first;
      for (int r = 0; r < rows; ++r) column[r] = at[r];
      strip<1>(k, packed, b + c * k, column, kWidth);
      for (int r = 0; r < rows; ++r) at[r] = column[r];
    }
  }
}

using Short [[gnu::may_alias]] = uint16_t;

using Kind = ChunkFormat::Kind;

// The chunk's elements.
template <Kind Of>
WW_INLINE void decode_chunk(const std::byte* chunk, const ChunkFormat& format, float* out) {
  if constexpr (Of == Kind::kHalf) {
    for (int e = 0; e < 8; ++e) out[e] = to_float(Half{reinterpret_cast<const Short*>(chunk)[e]});
  } else if constexpr (Of == Kind::kBfloat) {
    for (int e = 0; e < 8; ++e) out[e] = to_float(Bfloat{reinterpret_cast<const Short*>(chunk)[e]});
  } else if constexpr (Of == Kind::kTf32) {
    for (int e = 0; e < 4; ++e) out[e] = float_of(reinterpret_cast<const Word*>(chunk)[e] & 0xffffe000u);
  } else if constexpr (Of == Kind::kBytes) {
    for (int e = 0; e < 16; ++e) out[e] = format.table[static_cast<uint8_t>(chunk[e])];
  } else {
    for (int e = 0; e < format.count; ++e) {
      const int bit = e * format.bits, byte = bit / 8;
      const uint32_t high = byte < 15 ? static_cast<uint32_t>(chunk[byte + 1]) << 8 : 0;
      const uint32_t two = static_cast<uint32_t>(chunk[byte]) | high;
      out[e] = format.table[two >> (bit % 8) & ((1u << format.bits) - 1)];
    }
  }
}

constexpr int kMostElements = 128;  // of a chunk: single bits

template <Kind Of>
WW_INLINE void load_lines(const std::byte* shared, const uint32_t* chunks, const ChunkFormat& format,
                          int lines, int length, float* out, std::ptrdiff_t line_stride,
                          std::ptrdiff_t element_stride) {
  const int count = format.count;
  for (int l = 0; l < lines; ++l, out += line_stride) {
    for (int e = 0; e < length; e += count, ++chunks) {
      const std::byte* const chunk = shared + *chunks;
      if (element_stride == 1 && e + count <= length) {
        decode_chunk<Of>(chunk, format, out + e);
        continue;
      }
      float elements[kMostElements];
      decode_chunk<Of>(chunk, format, elements);
      for (int i = 0; i < count && e + i < length; ++i) out[(e + i) * element_stride] = elements[i];
    }
  }
}

static void load(const std::byte* shared, const uint32_t* chunks, const ChunkFormat& format, int lines,
                 int length, float* out, std::ptrdiff_t line_stride, std::ptrdiff_t element_stride) {
  switch (format.kind) {
    case Kind::kHalf:
      return load_lines<Kind::kHalf>(shared, chunks, format, lines, length, out, line_stride, element_stride);
    case Kind::kBfloat:
      return load_lines<Kind::kBfloat>(shared, chunks, format, lines, length, out, line_stride,
                                       element_stride);
    case Kind::kTf32:
      return load_lines<Kind::kTf32>(shared, chunks, format, lines, length, out, line_stride, element_stride);
    case Kind::kBytes:
      return load_lines<Kind::kBytes>(shared, chunks, format, lines, length, out, line_stride,
                                      element_stride);
    case Kind::kCodes:
      return load_lines<Kind::kCodes>(shared, chunks, format, lines, length, out, line_stride,
                                      element_stride);
  }
}

}  // namespace product

const TileFunctions& tile_functions() {
  static constexpr TileFunctions kFunctions = {product::load, product::multiply, product::kWidth};
  return kFunctions;
}

}  // namespace warpwright::sim::WW_ISA
#endif
