// Operand tiles in shared memory, as the matrix descriptors of wgmma and tcgen05 lay them out, and their
// product.
//
// Layouts: PTX ISA, "Shared Memory Matrix Layout", "Strides", "Canonical Layouts", "Matrix Descriptor" (the
// wgmma chapter; tcgen05's names the same and adds a swizzle with 32-byte atoms). A tile consists of chunks
// of 16 bytes, of T = 128 / bits elements side by side in its major dimension. With r and k counted in chunks
// in the major dimension, and W = 2, 4, 8 chunks in a row of a swizzle of 32, 64, 128 bytes, chunk by chunk:
//   K-major, no swizzle:   (r % 8) 16 + (r / 8) stride + k leading
//   K-major, swizzled:     (r % 8) 16 W + (r / 8) stride + 16 k
//   MN-major, no swizzle:  (k % 8) 16 + (k / 8) leading + r stride
//   MN-major, swizzled:    (k % 8) 16 W + (k / 8) stride + (r % W) 16 + (r / W) leading
// With 32-byte atoms the rows of MN-major tiles come in groups of 4 instead of 8. Swizzling then exchanges
// chunks: in the address, bits 4.. are xored with bits 7.. (1, 2, 3 of them; with 32-byte atoms bits 5 and 6
// with 7 and 8). A base offset says in which row of 128 bytes the pattern begins.
//
// Sums: d += a[0] b[0], then a[1] b[1], and so on in increasing k, each a fused multiply-add in f32, as
// ops/matrix.h says of mma, on every instruction-set level. A NaN result is the canonical NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/simulator.h"

namespace warpwright::sim {

enum class TileSwizzle : uint8_t { kNone, k32, k64, k128, k128Atom32 };
std::string_view name_of(TileSwizzle swizzle);  // "no", "32-byte", ...

struct TileLayout {
  uint32_t start = 0;  // bytes, in the block's shared memory
  uint32_t leading_bytes = 0, stride_bytes = 0;
  TileSwizzle swizzle = TileSwizzle::kNone;
  uint32_t base_offset = 0;
  bool k_major = true;
};
// A wgmma descriptor. (tcgen05's has the swizzle in three bits, 61 to 63, and more to check.)
TileLayout wgmma_layout(uint64_t descriptor, bool k_major);

// rows: of A, or columns of B; k: elements of the sum.
struct TileShape {
  ElementType type = ElementType::kF16;
  // Floats of 6 and 4 bits (not kE2m1Packed): 16 of them in the low bits of each chunk, as TMA's padded
  // formats bring them and kind::f8f6f4 takes them. Else each fills a byte as ops/matrix.h says.
  bool padded = false;
  int rows = 0, k = 0;

  int chunk_elements() const;
};

// Offsets in shared memory of the tile's chunks. K-major: row after row; else column (of one k) after column.
// The last chunk of either may be used in part.
std::vector<uint32_t> tile_chunks(const TileLayout& layout, const TileShape& shape);

// Why a tile cannot be read, with the mend: kBadDescriptor or kOutOfBoundsRead. `operand`: "matrix A".
struct TileError {
  Finding::Kind kind = Finding::Kind::kBadDescriptor;
  std::string what;
};
std::optional<TileError> check_tile(const TileLayout& layout, const std::vector<uint32_t>& chunks,
                                    uint32_t shared_bytes, const std::string& operand);

// The bytes they cover, in increasing order, merged.
struct ByteRange {
  uint32_t offset = 0, bytes = 0;
};
std::vector<ByteRange> tile_ranges(const std::vector<uint32_t>& chunks);

// Gathers the tile as floats: out[row * k + column], rows * k of them. Any type (tf32 cut to 19 bits,
// integers and bits as their value). REQUIRES: check_tile() found nothing.
void load_tile(const std::byte* shared, const TileLayout& layout, const TileShape& shape,
               const std::vector<uint32_t>& chunks, float* out);

// d[column * d_stride + row] += sum over i of a[row * k + i] * b[column * k + i], for row < m, column < n: a
// column of d is contiguous, as in tensor memory. d_stride in elements.
void multiply_tile(int m, int n, int k, const float* a, const float* b, float* d, std::size_t d_stride);
// The same for integers of up to 8 bits, held as floats: exact, then wrapped to 32 bits, or clamped.
// REQUIRES: k <= 256.
void multiply_tile(int m, int n, int k, const float* a, const float* b, int32_t* d, std::size_t d_stride,
                   bool satfinite);

}  // namespace warpwright::sim
