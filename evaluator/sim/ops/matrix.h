// Matrix instructions: mma.sync (dense, sparse, block-scaled), wmma, ldmatrix, stmatrix, movmatrix.
//
// Layouts: PTX ISA manual, "Warp Level Matrix Multiply-Accumulate Instructions". With g = lane / 4 and
// t = lane % 4, and P elements to a 32-bit register (one to a 64-bit one), the fragments of all m16n8kX and
// m8n8kX forms but f16 m8n8k4 follow one rule:
//   A, register r, element e: row g + 8 (r % 2), column P t + e + 4 P (r / 2); eight rows: no odd registers
//   B, register r, element e: row P t + e + 4 P r, column g
//   C and D, element i:       row g + 8 (i / 2), column 2 t + i % 2
//
// Arithmetic. The manual leaves order and rounding of the sums to the hardware; here they are:
//   f32 accumulators: products are exact, and d = c + a[0] b[0] + a[1] b[1] + ... is rounded to f32 (to
//     nearest) after each addition, in increasing k. Block scales are part of the product. Hardware adds
//     several products at once in a wider, truncating adder: expect other last bits.
//   f16 accumulators: the same in f32, then rounded once to f16.
//   f64: a fused multiply-add per product in increasing k.
//   Integers: the exact sum, then wrapped to 32 bits, or clamped with .satfinite.
// Subnormal inputs and results are kept, tf32 inputs are cut to 19 bits, a NaN result is the canonical NaN.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// Formats of matrix elements. The 6-bit floats and kE2m1 fill a byte (kE2m1 its bits 2 to 5), kE2m1Packed
// four bits.
enum class ElementType : uint8_t {
  kF16,
  kBf16,
  kTf32,
  kF32,
  kF64,
  kE4m3,
  kE5m2,
  kE3m2,
  kE2m3,
  kE2m1,
  kE2m1Packed,
  kS8,
  kU8,
  kS4,
  kU4,
  kB1,
  kS32,
  kUe8m0,
  kUe4m3,
};
int bits_of(ElementType type);                                      // of an element in its register
double decode_element(ElementType type, uint64_t bits);             // not for kB1
int decode_integer(ElementType type, uint32_t bits);                // kS8, kU8, kS4, kU4
std::optional<ElementType> parse_element_type(const std::string&);  // "e2m1" is kE2m1
uint64_t encode_f16(double value);                                  // from an f32 value, to nearest

enum class MatrixOperand : uint8_t { kA, kB, kC };

// d = a b + c of one warp.
struct MatrixProduct {
  int m = 16, n = 8, k = 16;
  ElementType a = ElementType::kF16, b = ElementType::kF16;
  ElementType c = ElementType::kF32, d = ElementType::kF32;
  bool satfinite = false;
  bool bits_and = false;                       // kB1: a & b instead of a ^ b
  bool sparse = false;                         // a holds half of its elements, metadata tells which
  bool quad_pairs = false;                     // f16 m8n8k4: four products, one for each pair of quads
  bool a_is_column = false, b_is_row = false;  // quad_pairs: the layouts of the fragments
  enum class Rounding : uint8_t { kNearest, kZero, kDown, kUp };
  Rounding rounding = Rounding::kNearest;  // f64
  int scales = 0;                          // block scales along k: 1, 2, 4; 0: none
  ElementType scale = ElementType::kUe8m0;

  int registers(MatrixOperand operand) const;  // of a lane, of the operand's kind of row; c: as type c says
  int result_registers() const;
};

// Reads the parts of an mma opcode; nothing if the form is not one of the manual's.
std::optional<MatrixProduct> parse_mma(const std::vector<std::string>& parts);

// What a wmma opcode says. Its fragments are made of the fragments of mma tiles: `tiles` times the product.
// With n = 32 the tiles are those of the transposed product: b's columns play the rows of A.
struct WmmaForm {
  enum class Action : uint8_t { kLoad, kStore, kProduct };
  Action action = Action::kProduct;
  MatrixOperand operand = MatrixOperand::kA;  // kLoad, kStore (c)
  bool column_major = false;                  // kLoad, kStore
  int m = 16, n = 16, k = 16;                 // of the whole
  ElementType element = ElementType::kF16;    // kLoad, kStore
  MatrixProduct product;                      // of a tile
  int tiles = 1;
  bool transposed = false;
};
std::optional<WmmaForm> parse_wmma(const std::vector<std::string>& parts);

// Matrix instructions take the whole warp. If lanes are elsewhere, waits for them; if they never come or have
// exited, that is a fault. False: go on at *next.
[[gnu::cold]] bool whole_warp(Warp& w, const Op* op, const Op** next);

// Any product, element by element. Op: list = rows of d, a, b, c, then those of metadata and selector
// (sparse), then of scales, byte and thread of a, the same of b; immediate = index into
// Kernel::matrix_products.
const Op* multiply_matrices(Warp& w, const Op* op);

// The common dense m16n8 products have handlers of their own (isa/matrix_ops.h). Op: list = rows of d, a, b,
// c; flags = a's ElementType, size = b's, count = registers of a, immediate = TileFlags.
enum TileFlags : uint8_t { kHalfC = 1, kHalfD = 2, kIntegerTile = 4, kSatfinite = 8 };
bool is_tile(const MatrixProduct& product);
int64_t tile_flags(const MatrixProduct& product);

// ldmatrix and stmatrix. Op: s[0] + immediate = addresses, list = rows, count = matrices, flags:
// memory flags, size = MatrixLayout, d = MatrixUnpack.
enum class MatrixLayout : uint8_t {
  kM8n8,         // b16
  kM8n8Trans,    // b16
  kM16n16Trans,  // b8: two registers a matrix
  kM8n16,        // b8, unpacked from 4 or 6 bits
  kM16n8Trans,   // b8, stmatrix
};
enum MatrixUnpack : uint32_t { kBytes = 0, kSixBits = 6, kFourBits = 4 };
// The handlers are in isa/matrix_ops.h; these are their rows' number and the move of the bytes, `rows` being
// offsets in shared memory that have been checked.
int matrix_rows(const Op* op);
void load_matrices(Warp& w, const Op* op, const uint64_t* rows);
void store_matrices(Warp& w, const Op* op, const uint64_t* rows);
// movmatrix.trans: d, s[0].
const Op* transpose_matrix(Warp& w, const Op* op);

// wmma.load and wmma.store. Op: s[0] + immediate = addresses, s[1] = stride in elements or kNoRow, list =
// rows (count), d = index into Kernel::wmma_forms, site, flags: memory flags and kSharedFragment or
// kGlobalFragment (neither: generic).
int wmma_accesses(const WmmaForm& form, int registers);  // of each lane: so many sites from Op::site on
inline constexpr uint8_t kSharedFragment = 16, kGlobalFragment = 32;
const Op* load_fragment(Warp& w, const Op* op);
const Op* store_fragment(Warp& w, const Op* op);

}  // namespace warpwright::sim
