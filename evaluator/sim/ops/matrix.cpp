#define WW_ISA scalar
#include "evaluator/sim/ops/matrix.h"

#include <algorithm>

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/isa/numbers.h"
#include "evaluator/sim/ops/row_access.h"

namespace warpwright::sim {
namespace {

constexpr int kM = 16, kN = 8, kK = 16;

float element(MatrixForm form, uint32_t pair, int half) {
  const auto bits = static_cast<uint16_t>(pair >> (16 * half));
  return form == MatrixForm::kF16 ? scalar::to_float(scalar::Half{bits})
                                  : scalar::to_float(scalar::Bfloat{bits});
}

}  // namespace

std::optional<MatrixForm> parse_mma(const std::vector<std::string>& parts) {
  const auto has = [&](std::string_view name) {
    return std::find(parts.begin(), parts.end(), name) != parts.end();
  };
  if (!has("m16n8k16") || !has("row") || !has("col") || parts.size() < 4) return std::nullopt;
  const std::size_t n = parts.size();
  if (parts[n - 1] != "f32" || parts[n - 4] != "f32" || parts[n - 2] != parts[n - 3]) return std::nullopt;
  if (parts[n - 2] == "f16") return MatrixForm::kF16;
  if (parts[n - 2] == "bf16") return MatrixForm::kBf16;
  return std::nullopt;
}

const Op* multiply_matrices(Warp& w, const Op* op) {
  const auto form = static_cast<MatrixForm>(op->flags);
  const uint32_t* rows = w.lists + op->list;
  if (w.mask != kFullMask) {
    return fault(w, op, __builtin_ctz(w.mask), Finding::Kind::kTrap,
                 "mma.sync needs all 32 lanes of the warp");
  }
  alignas(64) float a[kK][kM], b[kK][kN], acc[kM][kN];
  for (int lane = 0; lane < kLanes; ++lane) {
    const int group = lane / 4, in_group = lane % 4;
    for (int j = 0; j < 4; ++j) {  // a0: (group, k), a1: (group + 8, k), a2 and a3: k + 8
      const uint32_t pair = lane_word(w, rows[4 + j], lane);
      const int m = group + 8 * (j & 1), k = 2 * in_group + 8 * (j >> 1);
      a[k][m] = element(form, pair, 0);
      a[k + 1][m] = element(form, pair, 1);
      acc[group + 8 * (j >> 1)][2 * in_group + (j & 1)] = scalar::float_of(lane_word(w, rows[10 + j], lane));
    }
    for (int j = 0; j < 2; ++j) {
      const uint32_t pair = lane_word(w, rows[8 + j], lane);
      const int k = 2 * in_group + 8 * j;
      b[k][group] = element(form, pair, 0);
      b[k + 1][group] = element(form, pair, 1);
    }
  }
  for (int k = 0; k < kK; ++k) {
    for (int m = 0; m < kM; ++m) {
      for (int n = 0; n < kN; ++n) acc[m][n] += a[k][m] * b[k][n];
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int j = 0; j < 4; ++j) {
      set_lane(w, rows[j], lane, scalar::bits_of(acc[lane / 4 + 8 * (j >> 1)][2 * (lane % 4) + (j & 1)]), 4);
    }
  }
  return op + 1;
}

const Op* load_matrix(Warp& w, const Op* op) {
  constexpr uint32_t kRowBytes = 16;
  const uint32_t* rows = w.lists + op->list;
  uint64_t addresses[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    addresses[lane] = lane_address(w, op, lane);
    if (!(op->flags & kAddress32) && addresses[lane] / kSharedWindow == 1) addresses[lane] -= kSharedWindow;
  }
  const uint32_t addressing = op->count == 4 ? kFullMask : (1u << (8 * op->count)) - 1;
  if (access_fault(w, op, addresses, addressing, kRowBytes, true, MemorySpace::kShared)) return nullptr;
  if (w.shadow != nullptr) check_shared(w, op, addresses, addressing, kRowBytes, SharedUse::kRead);
  AccessSite pattern;
  learn_shared(pattern, addresses, addressing, kRowBytes);
  w.counters->shared_accesses += 1;
  w.counters->shared_wavefronts += pattern.cost;
  for (int j = 0; j < op->count; ++j) {
    for (int lane = 0; lane < kLanes; ++lane) {
      uint16_t low, high;
      const int row = lane / 4, column = 2 * (lane % 4);
      const auto at = [&](int r, int c, uint16_t& value) {
        std::memcpy(&value, w.shared + addresses[8 * j + r] + 2 * c, 2);
      };
      if (op->target == 1) {
        at(column, row, low);
        at(column + 1, row, high);
      } else {
        at(row, column, low);
        at(row, column + 1, high);
      }
      set_lane(w, rows[j], lane, low | static_cast<uint32_t>(high) << 16, 4);
    }
  }
  return op + 1;
}

}  // namespace warpwright::sim
