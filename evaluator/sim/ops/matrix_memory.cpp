// ldmatrix, stmatrix, movmatrix: 8 x 8 (and 8-bit 16 x 16, 8 x 16, 16 x 8) matrices between shared memory
// and fragments. Each lane in turn names one row of 16 bytes. PTX ISA manual, "ldmatrix", "stmatrix".
#include <cstring>

#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/ops/row_access.h"

namespace warpwright::sim {
namespace {

constexpr uint32_t kRowBytes = 16;

// 16 elements of a row as bytes.
void unpack_row(const std::byte* from, uint32_t unpack, uint8_t* to) {
  if (unpack == kBytes) {
    std::memcpy(to, from, kRowBytes);
    return;
  }
  uint64_t words[2];
  std::memcpy(words, from, kRowBytes);
  for (uint32_t e = 0; e < kRowBytes; ++e) {
    const uint32_t bit = e * unpack;
    uint64_t value = words[bit / 64] >> (bit % 64);
    if (bit % 64 + unpack > 64) value |= words[1] << (64 - bit % 64);
    to[e] = static_cast<uint8_t>(value & ((1u << unpack) - 1));
  }
}

void load_8x8(Warp& w, uint32_t result, const uint64_t* rows, bool transposed) {
  std::byte* to = w.rows + result;
  if (!transposed) {  // lane l: bytes 4 (l % 4) of row l / 4
    for (int r = 0; r < 8; ++r)
      std::memcpy(to + kRowBytes * static_cast<uint32_t>(r), w.shared + rows[r], kRowBytes);
    return;
  }
  uint16_t matrix[8][8], turned[8][8];
  for (int r = 0; r < 8; ++r) std::memcpy(matrix[r], w.shared + rows[r], kRowBytes);
  for (int r = 0; r < 8; ++r) {
    for (int c = 0; c < 8; ++c) turned[c][r] = matrix[r][c];
  }
  std::memcpy(to, turned, sizeof turned);
}

void store_8x8(Warp& w, uint32_t source, const uint64_t* rows, bool transposed) {
  uint16_t fragment[8][8], matrix[8][8];
  std::memcpy(fragment, w.rows + source, sizeof fragment);
  for (int r = 0; r < 8; ++r) {
    for (int c = 0; c < 8; ++c) matrix[r][c] = transposed ? fragment[c][r] : fragment[r][c];
  }
  for (int r = 0; r < 8; ++r) std::memcpy(w.shared + rows[r], matrix[r], kRowBytes);
}

// Lane (g, t): byte b of the first register is row 4t + b, column g; the second: column g + 8.
void load_16x16(Warp& w, const uint32_t* results, const uint64_t* rows, uint32_t unpack) {
  uint8_t matrix[16][16];
  for (int r = 0; r < 16; ++r) unpack_row(w.shared + rows[r], unpack, matrix[r]);
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int half = 0; half < 2; ++half) {
      uint32_t value = 0;
      for (int b = 0; b < 4; ++b)
        value |= static_cast<uint32_t>(matrix[4 * (lane % 4) + b][lane / 4 + 8 * half]) << (8 * b);
      set_lane(w, results[half], lane, value, 4);
    }
  }
}

// Lane (g, t): columns 4t to 4t + 3 of row g.
void load_8x16(Warp& w, uint32_t result, const uint64_t* rows, uint32_t unpack) {
  for (int r = 0; r < 8; ++r) {
    uint8_t row[16];
    unpack_row(w.shared + rows[r], unpack, row);
    std::memcpy(w.rows + result + kRowBytes * static_cast<uint32_t>(r), row, kRowBytes);
  }
}

// The bytes of lane (g, t): elements (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1); a column is a row
// of memory.
void store_16x8(Warp& w, uint32_t source, const uint64_t* rows) {
  for (int lane = 0; lane < kLanes; ++lane) {
    const uint32_t value = lane_word(w, source, lane);
    for (int b = 0; b < 4; ++b) {
      const uint64_t to = rows[2 * (lane % 4) + b % 2] + static_cast<uint64_t>(lane / 4 + 8 * (b / 2));
      w.shared[to] = static_cast<std::byte>(value >> (8 * b));
    }
  }
}

}  // namespace

int matrix_rows(const Op* op) {
  return (op->size == static_cast<uint8_t>(MatrixLayout::kM16n16Trans) ? 16 : 8) * op->count;
}

void load_matrices(Warp& w, const Op* op, const uint64_t* rows) {
  const uint32_t* results = w.lists + op->list;
  const auto layout = static_cast<MatrixLayout>(op->size);
  for (int j = 0; j < op->count; ++j) {
    switch (layout) {
      case MatrixLayout::kM8n8:
      case MatrixLayout::kM8n8Trans:
        load_8x8(w, results[j], rows + 8 * j, layout == MatrixLayout::kM8n8Trans);
        break;
      case MatrixLayout::kM16n16Trans:
        load_16x16(w, results + 2 * j, rows + 16 * j, op->d);
        break;
      case MatrixLayout::kM8n16:
      case MatrixLayout::kM16n8Trans:
        load_8x16(w, results[j], rows + 8 * j, op->d);
        break;
    }
  }
}

void store_matrices(Warp& w, const Op* op, const uint64_t* rows) {
  const uint32_t* sources = w.lists + op->list;
  const auto layout = static_cast<MatrixLayout>(op->size);
  for (int j = 0; j < op->count; ++j) {
    if (layout == MatrixLayout::kM16n8Trans) {
      store_16x8(w, sources[j], rows + 8 * j);
    } else {
      store_8x8(w, sources[j], rows + 8 * j, layout == MatrixLayout::kM8n8Trans);
    }
  }
}

const Op* transpose_matrix(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  uint16_t from[8][8], to[8][8];
  std::memcpy(from, w.rows + op->s[0], sizeof from);
  for (int r = 0; r < 8; ++r) {
    for (int c = 0; c < 8; ++c) to[c][r] = from[r][c];
  }
  std::memcpy(w.rows + op->d, to, sizeof to);
  return op + 1;
}

}  // namespace warpwright::sim
