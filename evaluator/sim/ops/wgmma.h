// wgmma: asynchronous products of a warpgroup, four warps side by side (PTX ISA, "Asynchronous Warpgroup
// Level Matrix Multiply-Accumulate Instructions").
//
// Warp i of a warpgroup holds rows 16 i to 16 i + 15 of D, and of A where A is in registers, in the fragments
// of mma (ops/matrix.h); B is common. So each warp computes its own part, and what the four of them have to
// agree about is compared as they issue.
//
// A product lands as late as the rules allow: at the wgmma.wait_group that covers its group, from shared
// memory as it is then. Until then the accumulators' registers hold poison (kWgmmaPoison in every lane).
// Products on the same accumulators land in order. A compiler may copy accumulators in flight from register
// to register; the copies receive the result too (note_copy). Sums: matrix_tile.h; an f16 accumulator is
// rounded once a product.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "evaluator/sim/machine.h"
#include "evaluator/sim/matrix_tile.h"

namespace warpwright::sim {

inline constexpr uint32_t kWgmmaPoison = 0x7fa57fa5;  // a NaN as f32, two as f16

// What the opcode and its immediate operands say; Op::immediate holds it.
struct WgmmaForm {
  int n = 8, k = 16;
  ElementType a = ElementType::kF16, b = ElementType::kF16, d = ElementType::kF32;  // d: kF16, kF32, kS32
  bool satfinite = false;
  bool negate_a = false, negate_b = false;
  bool a_is_transposed = false, b_is_transposed = false;  // MN-major in shared memory
  bool a_in_registers = false;

  int result_registers() const { return d == ElementType::kF16 ? n / 4 : n / 2; }
  int64_t pack() const;
  static WgmmaForm unpack(int64_t bits);
};
inline constexpr int kWgmmaARegisters = 4;

// Op: list = rows of d, then of A where it is in registers; s[0] = A's descriptor or kNoRow, s[1] = B's,
// s[2] = scale-d (a predicate), immediate = form, flags below.
inline constexpr uint8_t kUnfencedRegisters =
    1;  // on some way here; s[3] = line of the write in the text, or 0
const Op* multiply_warpgroup(Warp& w, const Op* op);
const Op* fence_wgmma(Warp& w, const Op* op);
const Op* commit_wgmma(Warp& w, const Op* op);
const Op* wait_wgmma(Warp& w, const Op* op);  // immediate = groups that may be under way

// Before an instruction that touches registers which products under way may write or read: reports those that
// do. Op: list = count, then pairs of row and WgmmaTouch.
enum WgmmaTouch : uint32_t { kReadsResult = 0, kWritesResult = 1, kWritesFactor = 2 };
const Op* check_wgmma_registers(Warp& w, const Op* op);
// Before a move of such a register: d, s[0].
const Op* note_copy(Warp& w, const Op* op);

// The products on one set of accumulators. Element i of the fragment is in rows[i][0], and in copies of it.
struct WgmmaAccumulator {
  int n = 0;
  ElementType type = ElementType::kF32;
  std::vector<std::vector<uint32_t>> rows;
  std::vector<float> sums;        // column by column, 16 rows each
  std::vector<int32_t> integers;  // kS32
  int under_way = 0;
};

struct WgmmaProduct {
  const Op* op = nullptr;
  uint64_t group = 0;  // counted from 1
  std::shared_ptr<WgmmaAccumulator> accumulator;
  TileLayout a, b;
  uint64_t hash_a = 0, hash_b = 0;  // of the bytes when it was issued
  std::vector<float> factor;        // A from registers, 16 rows
  bool accumulates = true;
  double cycles = 0;  // when the tensor core is done with it
};

// Of one warp.
struct Wgmmas {
  std::deque<WgmmaProduct> under_way;
  uint64_t committed = 0;  // groups
  uint64_t issued = 0;     // products
  double busy_until = 0;   // of the tensor core that serves warps index % 4, in the state of warp index % 4
  // In the state of a warpgroup's first warp: what its warps issued and not all of them have reached.
  struct Issue {
    const Op* op = nullptr;
    uint64_t a = 0, b = 0;
    bool accumulates = false;
  };
  std::deque<Issue> log;
  uint64_t first_logged = 0;
};

// The cluster's blocks have ended: reports a block's products that not all four warps issued.
void end_wgmmas(Block& block);

}  // namespace warpwright::sim
