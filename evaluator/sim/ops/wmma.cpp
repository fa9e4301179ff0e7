// wmma.load and wmma.store. The manual leaves the fragments' layout to the hardware; here they are the
// fragments of the mma tiles that make up the product (ops/matrix.h), so that wmma.mma is a few mma. A
// register's elements are read together where they lie side by side in memory, else one by one. f16 factors
// have eight registers in every shape; those that the tiles do not need repeat the first ones.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/ops/row_access.h"

namespace warpwright::sim {
namespace {

struct Place {
  int row, column;
};

// Of element e of register r in the fragment of A (B) of a product.
Place place_in_a(const MatrixProduct& p, int lane, int r, int e, int per) {
  const bool small = p.m == 8;
  return {lane / 4 + (small ? 0 : 8 * (r % 2)), per * (lane % 4) + e + 4 * per * (small ? r : r / 2)};
}
Place place_in_b(int lane, int r, int e, int per) {
  return {per * (lane % 4) + e + 4 * per * r, lane / 4};
}
Place place_in_c(int lane, int i) {
  return {lane / 4 + 8 * (i / 2), 2 * (lane % 4) + i % 2};
}

Place place_of(const WmmaForm& form, int lane, int r, int e, int per) {
  const MatrixProduct& p = form.product;
  // In the transposed product B takes the part of A, and C is turned around.
  const bool plays_a = (form.operand == MatrixOperand::kA) != form.transposed;
  if (form.operand == MatrixOperand::kC) {
    const int each = p.m / (4 * per), tile = r / each, i = r % each * per + e;
    const Place at = place_in_c(lane, i);
    if (form.transposed) return {at.column, at.row + 16 * tile};
    return form.m == 32 ? Place{at.row + 16 * tile, at.column} : Place{at.row, at.column + 8 * tile};
  }
  if (plays_a) {
    const int each = p.registers(MatrixOperand::kA), tile = r / each;
    const Place at = place_in_a(p, lane, r % each, e, per);
    if (form.transposed) return {at.column, at.row + 16 * tile};
    return {at.row + (form.m == 32 ? 16 * tile : 0), at.column};
  }
  const int each = p.registers(MatrixOperand::kB), tile = r / each;
  const Place at = place_in_b(lane, r % each, e, per);
  if (form.transposed) return {at.column, at.row};
  return {at.row, at.column + (form.n == 16 ? 8 * (tile % 2) : 0)};
}

int per_register(const WmmaForm& form) {
  return bits_of(form.element) == 64 ? 1 : 32 / bits_of(form.element);
}
// Elements of a register follow each other along the fragment's k (A and B) or columns (C).
bool side_by_side(const WmmaForm& form) {
  if (per_register(form) == 1) return true;
  if (form.operand == MatrixOperand::kC) return form.column_major == form.transposed;
  return form.column_major == (form.operand == MatrixOperand::kB);
}

class FragmentAccess {
 public:
  FragmentAccess(Warp& w, const Op* op, bool is_load)
      : w_(w), op_(op), form_(w.kernel->wmma_forms[op->d]), is_load_(is_load) {
    bits_ = bits_of(form_.element);
    per_ = per_register(form_);
    shared_ = op->flags & kSharedFragment;
    if (!(op->flags & (kSharedFragment | kGlobalFragment)))
      shared_ = lane_address(w, op, 0) / kSharedWindow == 1;
    in_window_ = shared_ && !(op->flags & kAddress32);
  }

  bool run() {
    if (!aligned()) return false;
    const uint32_t* rows = w_.lists + op_->list;
    const bool generic = !(op_->flags & (kSharedFragment | kGlobalFragment));
    const bool together = side_by_side(form_);
    site_ = w_.sites + op_->site + (generic && shared_ ? wmma_accesses(form_, op_->count) : 0);
    for (int r = 0; r < op_->count; ++r) {
      for (int e = 0; e < (together ? 1 : per_); ++e) {
        if (!access(r, e, together, rows[r])) return false;
      }
    }
    return true;
  }

 private:
  int leading() const {  // elements of a row (of a column, when those are stored)
    const int rows = form_.operand == MatrixOperand::kB ? form_.k : form_.m;
    const int columns = form_.operand == MatrixOperand::kA ? form_.k : form_.n;
    return form_.column_major ? rows : columns;
  }
  uint64_t stride(int lane) const {
    return op_->s[1] == kNoRow ? static_cast<uint64_t>(leading()) : lane_word(w_, op_->s[1], lane);
  }
  uint64_t base(int lane) const {
    const uint64_t address = lane_address(w_, op_, lane);
    const uint64_t window = in_window_ && address / kSharedWindow == 1 ? kSharedWindow : 0;
    return address - window - (shared_ ? w_.shared_begin : 0);
  }
  uint64_t address(int lane, int r, int e) const {
    const Place at = place_of(form_, lane, r, e, per_);
    const auto outer = static_cast<uint64_t>(form_.column_major ? at.column : at.row);
    const auto inner = static_cast<uint64_t>(form_.column_major ? at.row : at.column);
    return base(lane) + (outer * stride(lane) + inner) * static_cast<uint64_t>(bits_) / 8;
  }
  bool aligned() {
    // The manual asks for the fragment's size; the programming guide, and hardware, for no more than 16
    // bytes.
    const uint64_t unit = std::min(16, op_->count * (bits_ == 64 ? 8 : 4));
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint64_t start = base(lane), pitch = stride(lane) * static_cast<uint64_t>(bits_) / 8;
      if ((start | pitch) % unit == 0) continue;
      fault(w_, op_, lane, Finding::Kind::kMisaligned,
            fmt::format(
                "a wmma matrix and its rows start at multiples of {} bytes; this one starts {} bytes behind "
                "one, and its stride is {} bytes",
                unit, start % unit, pitch));
      return false;
    }
    return true;
  }

  bool access(int r, int e, bool together, uint32_t row) {
    const auto bytes = static_cast<uint32_t>(together ? std::max(bits_, 32) / 8 : bits_ / 8);
    uint64_t addresses[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) addresses[lane] = address(lane, r, e);
    if (!check(addresses, bytes)) return false;
    for (int lane = 0; lane < kLanes; ++lane) {
      std::byte* memory = shared_ ? w_.shared + addresses[lane]
                                  : find_buffer(w_, addresses[lane], bytes)->host(addresses[lane]);
      const int register_bytes = bits_ == 64 ? 8 : 4;
      uint64_t value = lane_value(w_, row, lane, register_bytes);
      auto* part = reinterpret_cast<std::byte*>(&value) + (together ? 0 : e * bits_ / 8);
      if (is_load_) {
        std::memcpy(part, memory, bytes);
        set_lane(w_, row, lane, value, register_bytes);
      } else {
        std::memcpy(memory, part, bytes);
      }
    }
    return true;
  }

  bool check(const uint64_t* addresses, uint32_t bytes) {
    AccessSite& site = *site_++;
    if (access_fault(w_, op_, addresses, kFullMask, bytes, is_load_,
                     shared_ ? MemorySpace::kShared : MemorySpace::kGlobal))
      return false;
    if (shared_) {
      if (w_.shadow != nullptr)
        check_shared(w_, op_, addresses, kFullMask, bytes, is_load_ ? SharedUse::kRead : SharedUse::kWrite);
      if (!same_pattern(site, addresses, kFullMask)) learn_shared(site, addresses, kFullMask, bytes);
      site.count();
      return true;
    }
    if (!same_pattern(site, addresses, kFullMask) || (addresses[0] - site.base) % kSectorBytes != 0)
      learn_global(site, addresses, kFullMask, bytes);
    site.count();
    for (int lane = 0; lane < kLanes; ++lane) {
      note_global(w_, op_, *find_buffer(w_, addresses[lane], bytes), addresses, 1u << lane, bytes, is_load_);
    }
    return true;
  }

  Warp& w_;
  const Op* op_;
  const WmmaForm& form_;
  AccessSite* site_ = nullptr;  // of the next access
  bool is_load_, shared_ = false, in_window_ = false;
  int bits_ = 32, per_ = 1;
};

}  // namespace

int wmma_accesses(const WmmaForm& form, int registers) {
  return registers * (side_by_side(form) ? 1 : per_register(form));
}

const Op* load_fragment(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  return FragmentAccess(w, op, true).run() ? op + 1 : nullptr;
}
const Op* store_fragment(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  return FragmentAccess(w, op, false).run() ? op + 1 : nullptr;
}

}  // namespace warpwright::sim
