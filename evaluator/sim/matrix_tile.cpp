#include "evaluator/sim/matrix_tile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>

#include "evaluator/sim/isa/tile_product.h"
#include "evaluator/sim/program_impl.h"
#include "src/base/check.h"

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

constexpr uint32_t kChunk = 16;      // bytes
constexpr int kExactProducts = 256;  // of 8-bit integers, summed in f32
constexpr uint32_t kEncodedMask = (1u << 14) - 1;

const TileFunctions& functions() {
  static const TileFunctions& chosen = best_level().name == "v4"   ? level_v4::tile_functions()
                                       : best_level().name == "v3" ? level_v3::tile_functions()
                                                                   : level_baseline::tile_functions();
  return chosen;
}

// Chunks in a row of the swizzle's pattern.
uint32_t row_chunks(TileSwizzle swizzle) {
  switch (swizzle) {
    case TileSwizzle::kNone:
      return 1;
    case TileSwizzle::k32:
      return 2;
    case TileSwizzle::k64:
      return 4;
    case TileSwizzle::k128:
    case TileSwizzle::k128Atom32:
      return 8;
  }
  return 1;
}

uint32_t swizzled(const TileLayout& layout, uint32_t address) {
  const uint32_t row = (address >> 7) - layout.base_offset;
  switch (layout.swizzle) {
    case TileSwizzle::kNone:
      return address;
    case TileSwizzle::k32:
      return address ^ (row & 1) << 4;
    case TileSwizzle::k64:
      return address ^ (row & 3) << 4;
    case TileSwizzle::k128:
      return address ^ (row & 7) << 4;
    case TileSwizzle::k128Atom32:
      return address ^ (row & 3) << 5;
  }
  return address;
}

// `line`: a row (K-major) or one k; `chunk` along it.
uint32_t chunk_address(const TileLayout& layout, uint32_t line, uint32_t chunk) {
  const bool is_plain = layout.swizzle == TileSwizzle::kNone;
  const uint32_t width = row_chunks(layout.swizzle);
  if (layout.k_major) {
    return layout.start + line % 8 * kChunk * width + line / 8 * layout.stride_bytes +
           chunk * (is_plain ? layout.leading_bytes : kChunk);
  }
  if (is_plain)
    return layout.start + line % 8 * kChunk + line / 8 * layout.leading_bytes + chunk * layout.stride_bytes;
  const uint32_t group = layout.swizzle == TileSwizzle::k128Atom32 ? 4 : 8;
  return layout.start + line % group * kChunk * width + line / group * layout.stride_bytes +
         chunk % width * kChunk + chunk / width * layout.leading_bytes;
}

// Floats of 6 and 4 bits by their own bits, not by the byte they fill in a register.
uint64_t code_in_byte(ElementType type, bool padded, uint32_t code) {
  return padded && type == ElementType::kE2m1 ? code << 2 : code;
}

using Table = std::array<float, 256>;
Table make_table(ElementType type, bool padded) {
  Table table = {};
  for (uint32_t code = 0; code < table.size(); ++code) {
    table[code] = type == ElementType::kB1
                      ? static_cast<float>(code & 1)
                      : static_cast<float>(decode_element(type, code_in_byte(type, padded, code)));
  }
  return table;
}
const float* table_of(ElementType type, bool padded) {
  thread_local std::map<std::pair<ElementType, bool>, Table> tables;
  const auto [at, is_new] = tables.try_emplace({type, padded});
  if (is_new) at->second = make_table(type, padded);
  return at->second.data();
}

ChunkFormat format_of(const TileShape& shape) {
  ChunkFormat format;
  format.count = shape.chunk_elements();
  using Kind = ChunkFormat::Kind;
  if (shape.type == ElementType::kF16 || shape.type == ElementType::kBf16 ||
      shape.type == ElementType::kTf32) {
    format.kind = shape.type == ElementType::kF16    ? Kind::kHalf
                  : shape.type == ElementType::kBf16 ? Kind::kBfloat
                                                     : Kind::kTf32;
    return format;
  }
  CHECK(bits_of(shape.type) <= 8);
  format.bits = shape.padded ? (shape.type == ElementType::kE2m1 ? 4 : 6) : bits_of(shape.type);
  format.kind = format.bits == 8 ? Kind::kBytes : Kind::kCodes;
  format.table = table_of(shape.type, shape.padded);
  return format;
}

struct Lines {
  int lines, length, chunks;
};
Lines lines_of(const TileLayout& layout, const TileShape& shape) {
  const int length = layout.k_major ? shape.k : shape.rows, each = shape.chunk_elements();
  return {layout.k_major ? shape.rows : shape.k, length, (length + each - 1) / each};
}

}  // namespace

std::string_view name_of(TileSwizzle swizzle) {
  switch (swizzle) {
    case TileSwizzle::kNone:
      return "no";
    case TileSwizzle::k32:
      return "32-byte";
    case TileSwizzle::k64:
      return "64-byte";
    case TileSwizzle::k128:
      return "128-byte";
    case TileSwizzle::k128Atom32:
      return "128-byte (32-byte atoms)";
  }
  return "no";
}

TileLayout wgmma_layout(uint64_t descriptor, bool k_major) {
  static constexpr std::array<TileSwizzle, 4> kSwizzles = {TileSwizzle::kNone, TileSwizzle::k128,
                                                           TileSwizzle::k64, TileSwizzle::k32};
  const auto field = [&](int shift) { return static_cast<uint32_t>(descriptor >> shift) & kEncodedMask; };
  TileLayout layout;
  layout.start = field(0) * kChunk;
  layout.leading_bytes = field(16) * kChunk;
  layout.stride_bytes = field(32) * kChunk;
  layout.base_offset = static_cast<uint32_t>(descriptor >> 49) & 7;
  layout.swizzle = kSwizzles[descriptor >> 62];
  layout.k_major = k_major;
  return layout;
}

int TileShape::chunk_elements() const {
  return padded ? 16 : 128 / bits_of(type);
}

std::vector<uint32_t> tile_chunks(const TileLayout& layout, const TileShape& shape) {
  const auto [lines, length, chunks] = lines_of(layout, shape);
  std::vector<uint32_t> offsets;
  offsets.reserve(static_cast<std::size_t>(lines) * static_cast<std::size_t>(chunks));
  for (int line = 0; line < lines; ++line) {
    for (int chunk = 0; chunk < chunks; ++chunk)
      offsets.push_back(
          swizzled(layout, chunk_address(layout, static_cast<uint32_t>(line), static_cast<uint32_t>(chunk))));
  }
  return offsets;
}

std::optional<TileError> check_tile(const TileLayout& layout, const std::vector<uint32_t>& chunks,
                                    uint32_t shared_bytes, const std::string& operand) {
  if (layout.swizzle == TileSwizzle::kNone && layout.base_offset != 0)
    return TileError{
        Finding::Kind::kBadDescriptor,
        fmt::format("the descriptor of {} has base offset {} without a swizzle: it must be 0 there", operand,
                    layout.base_offset)};
  if (chunks.empty()) return std::nullopt;
  const auto [low, high] = std::minmax_element(chunks.begin(), chunks.end());
  if (*high + kChunk <= shared_bytes) return std::nullopt;
  return TileError{
      Finding::Kind::kOutOfBoundsRead,
      fmt::format(
          "the descriptor of {} (start {}, leading offset {}, stride offset {}, {} swizzle, {}-major) "
          "spans shared memory + {} to {}, but the block has {} bytes: the address's and offsets' "
          "fields hold bytes / 16",
          operand, layout.start, layout.leading_bytes, layout.stride_bytes, name_of(layout.swizzle),
          layout.k_major ? "K" : "MN", *low, uint64_t{*high} + kChunk, shared_bytes)};
}

std::vector<ByteRange> tile_ranges(const std::vector<uint32_t>& chunks) {
  std::vector<ByteRange> ranges;
  if (chunks.empty()) return ranges;
  const auto [low, high] = std::minmax_element(chunks.begin(), chunks.end());
  const uint32_t first = *low / kChunk;
  std::vector<uint64_t> used(((*high / kChunk) - first) / 64 + 2, 0);  // ends with a free one
  for (const uint32_t chunk : chunks) {
    const uint32_t bit = chunk / kChunk - first;
    used[bit / 64] |= uint64_t{1} << bit % 64;
  }
  for (std::size_t word = 0; word < used.size(); ++word) {
    for (uint64_t bits = used[word]; bits != 0; bits &= bits - 1) {
      const uint32_t offset =
          (first + static_cast<uint32_t>(word) * 64 + static_cast<uint32_t>(std::countr_zero(bits))) * kChunk;
      if (!ranges.empty() && ranges.back().offset + ranges.back().bytes == offset)
        ranges.back().bytes += kChunk;
      else
        ranges.push_back({offset, kChunk});
    }
  }
  return ranges;
}

void load_tile(const std::byte* shared, const TileLayout& layout, const TileShape& shape,
               const std::vector<uint32_t>& chunks, float* out) {
  const Lines l = lines_of(layout, shape);
  functions().load(shared, chunks.data(), format_of(shape), l.lines, l.length, out,
                   layout.k_major ? shape.k : 1, layout.k_major ? 1 : shape.k);
}

void multiply_tile(int m, int n, int k, const float* a, const float* b, float* d, std::size_t d_stride) {
  thread_local std::vector<float> packed;
  const std::size_t needed = static_cast<std::size_t>(functions().width) * static_cast<std::size_t>(k);
  if (packed.size() < needed) packed.resize(needed);
  functions().multiply(m, n, k, a, b, d, d_stride, packed.data());
}

void multiply_tile(int m, int n, int k, const float* a, const float* b, int32_t* d, std::size_t d_stride,
                   bool satfinite) {
  static_assert(kExactProducts * 255 * 255 < 1 << 24);
  CHECK(k <= kExactProducts);
  const auto rows = static_cast<std::size_t>(m), columns = static_cast<std::size_t>(n);
  std::vector<float> sums(rows * columns);
  multiply_tile(m, n, k, a, b, sums.data(), rows);
  for (std::size_t c = 0; c < columns; ++c) {
    for (std::size_t r = 0; r < rows; ++r) {
      int32_t& to = d[c * d_stride + r];
      const int64_t exact = int64_t{to} + static_cast<int64_t>(sums[c * rows + r]);
      constexpr int64_t kLow = std::numeric_limits<int32_t>::min(),
                        kHigh = std::numeric_limits<int32_t>::max();
      to = satfinite ? static_cast<int32_t>(std::clamp(exact, kLow, kHigh)) : static_cast<int32_t>(exact);
    }
  }
}

}  // namespace warpwright::sim
