// Loads and stores of global and shared memory.
//
// What an access costs (sectors, bank conflicts) and whether it is contiguous depends only on the lanes'
// addresses relative to the first one, and inner loops repeat that pattern: each instruction remembers its
// last pattern, and a repeat needs one comparison and one bounds check.
#pragma once

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/cluster.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/isa/lanes.h"
#include "evaluator/sim/ops/local_memory.h"
#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim::WW_ISA {

struct alignas(64) Addresses {
  uint64_t at[kLanes];
};

// Relative to `begin`: the block's own shared memory, or 0.
WW_INLINE void read_addresses(const Warp& w, const Op* op, Addresses& out, uint32_t begin) {
  if (op->flags & kAddress32) {
    const Word* row = words(w, op->s[0]);
    const auto offset = static_cast<uint32_t>(op->immediate) - begin;
    for (int lane = 0; lane < kLanes; ++lane) out.at[lane] = row[lane] + offset;
  } else {
    const Wide* row = wides(w, op->s[0]);
    const auto offset = static_cast<uint64_t>(op->immediate) - begin;
    for (int lane = 0; lane < kLanes; ++lane) out.at[lane] = row[lane] + offset;
  }
}

// True if the active lanes' addresses relative to the first are those that the site remembers.
WW_INLINE bool repeats(const AccessSite& site, const Addresses& addresses, uint64_t first, uint32_t mask) {
  if (site.mask != mask) return false;
  uint64_t differing = 0;
  if (mask == kFullMask) {
    for (int lane = 0; lane < kLanes; ++lane) differing |= (addresses.at[lane] - first) ^ site.relative[lane];
  } else {
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint64_t active = 0 - static_cast<uint64_t>(mask >> lane & 1);
      differing |= ((addresses.at[lane] - first) ^ site.relative[lane]) & active;
    }
  }
  return differing == 0;
}

// One element of every lane, `Count` to a lane, between memory and rows. `from` is the address of lane 0's
// first.
template <int Bytes>
struct ElementOf;
template <>
struct ElementOf<1> {
  using type [[gnu::may_alias]] = uint8_t;
};
template <>
struct ElementOf<2> {
  using type [[gnu::may_alias]] = uint16_t;
};
template <>
struct ElementOf<4> {
  using type [[gnu::may_alias]] = uint32_t;
};
template <>
struct ElementOf<8> {
  using type [[gnu::may_alias]] = uint64_t;
};
template <int Bytes>
using RowElement = typename ElementOf<Bytes == 8 ? 8 : 4>::type;

template <int Bytes, int Count>
WW_INLINE void load_contiguous(const Warp& w, const uint32_t* rows, const std::byte* from) {
  using Element = typename ElementOf<Bytes>::type;
  const auto* memory = reinterpret_cast<const Element*>(from);
  for (int j = 0; j < Count; ++j) {
    auto* row = reinterpret_cast<RowElement<Bytes>*>(w.rows + rows[j]);
#pragma GCC ivdep
    for (int lane = 0; lane < kLanes; ++lane) row[lane] = memory[lane * Count + j];
  }
}
template <int Bytes, int Count>
WW_INLINE void store_contiguous(const Warp& w, const uint32_t* rows, std::byte* to) {
  using Element = typename ElementOf<Bytes>::type;
  auto* memory = reinterpret_cast<Element*>(to);
  if constexpr (Count == 4) {
    const auto* a = reinterpret_cast<const RowElement<Bytes>*>(w.rows + rows[0]);
    const auto* b = reinterpret_cast<const RowElement<Bytes>*>(w.rows + rows[1]);
    const auto* c = reinterpret_cast<const RowElement<Bytes>*>(w.rows + rows[2]);
    const auto* d = reinterpret_cast<const RowElement<Bytes>*>(w.rows + rows[3]);
#pragma GCC ivdep
    for (int lane = 0; lane < kLanes; ++lane) {
      memory[4 * lane] = static_cast<Element>(a[lane]);
      memory[4 * lane + 1] = static_cast<Element>(b[lane]);
      memory[4 * lane + 2] = static_cast<Element>(c[lane]);
      memory[4 * lane + 3] = static_cast<Element>(d[lane]);
    }
  } else {
    for (int j = 0; j < Count; ++j) {
      const auto* row = reinterpret_cast<const RowElement<Bytes>*>(w.rows + rows[j]);
#pragma GCC ivdep
      for (int lane = 0; lane < kLanes; ++lane) memory[lane * Count + j] = static_cast<Element>(row[lane]);
    }
  }
}
template <int Bytes, int Count>
WW_INLINE void load_broadcast(const Warp& w, const uint32_t* rows, const std::byte* from) {
  using Element = typename ElementOf<Bytes>::type;
  for (int j = 0; j < Count; ++j) {
    const RowElement<Bytes> value = reinterpret_cast<const Element*>(from)[j];
    auto* row = reinterpret_cast<RowElement<Bytes>*>(w.rows + rows[j]);
    for (int lane = 0; lane < kLanes; ++lane) row[lane] = value;
  }
}
template <int Bytes, int Count, bool Load>
WW_INLINE void copy_scattered(const Warp& w, const uint32_t* rows, const Addresses& addresses,
                              std::byte* origin, uint32_t mask) {
  using Element = typename ElementOf<Bytes>::type;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    auto* memory = reinterpret_cast<Element*>(reinterpret_cast<uint64_t>(origin) + addresses.at[lane]);
    for (int j = 0; j < Count; ++j) {
      auto* row = reinterpret_cast<RowElement<Bytes>*>(w.rows + rows[j]);
      if constexpr (Load) {
        row[lane] = memory[j];
      } else {
        memory[j] = static_cast<Element>(row[lane]);
      }
    }
  }
}

// Moves the data once the access is known to be allowed. `origin` is the host address of device address 0.
template <int Bytes, int Count, bool Load>
WW_INLINE void transfer(const Warp& w, const uint32_t* rows, const Addresses& addresses, std::byte* origin,
                        uint32_t mask, uint64_t first, AccessShape shape) {
  auto* start = reinterpret_cast<std::byte*>(reinterpret_cast<uint64_t>(origin) + first);
  if (mask == kFullMask && shape == AccessShape::kContiguous) {
    if constexpr (Load) {
      load_contiguous<Bytes, Count>(w, rows, start);
    } else {
      store_contiguous<Bytes, Count>(w, rows, start);
    }
  } else if (Load && mask == kFullMask && shape == AccessShape::kBroadcast) {
    load_broadcast<Bytes, Count>(w, rows, start);
  } else {
    copy_scattered<Bytes, Count, Load>(w, rows, addresses, origin, mask);
  }
}

template <int Bytes, int Count, bool Load>
WW_INLINE bool access_global(Warp& w, const Op* op, AccessSite& site, const Addresses& addresses,
                             uint32_t mask) {
  constexpr uint32_t kBytes = Bytes * Count;
  const uint64_t first = addresses.at[__builtin_ctz(mask)];
  if (!repeats(site, addresses, first, mask)) [[unlikely]] {
    WW_LEAVE_LEVEL();
    learn_global(site, addresses.at, mask, kBytes);
  } else if (((first ^ site.base) & (kSectorBytes - 1)) != 0) {
    site.base = first;
    site.cost = site.cost_by_place[first % kSectorBytes];
    if (site.cost == 0) [[unlikely]] {
      WW_LEAVE_LEVEL();
      recount_global(site, addresses.at, kBytes);
    }
  }
  const uint64_t low = first + static_cast<uint64_t>(site.low),
                 span = static_cast<uint64_t>(site.high - site.low);
  Buffer* buffer = site.buffer;
  if (buffer == nullptr || !buffer->contains(low, span)) {
    buffer = find_buffer(w, low, span);
    site.buffer = buffer;
  }
  const uint32_t* rows = w.lists + op->list;
  if (buffer == nullptr || !site.aligned || first % kBytes != 0 ||
      (!Load && buffer->access == Access::kReadOnly)) [[unlikely]] {
    if (access_fault(w, op, addresses.at, mask, kBytes, Load, MemorySpace::kGlobal)) return false;
    for (uint32_t left = mask; left != 0; left &= left - 1) {  // several buffers at once
      const int lane = __builtin_ctz(left);
      buffer = find_buffer(w, addresses.at[lane], kBytes);
      note_global(w, op, *buffer, addresses.at, 1u << lane, kBytes, Load);
      copy_scattered<Bytes, Count, Load>(w, rows, addresses, origin_of(*buffer), 1u << lane);
    }
    return true;
  }
  if (op->flags & kConstantSpace) {
    transfer<Bytes, Count, Load>(w, rows, addresses, origin_of(*buffer), mask, first, site.shape);
    return true;
  }
  if (w.races != nullptr && buffer->access == Access::kReadWrite) {
    WW_LEAVE_LEVEL();
    check_global(w, op, *buffer, addresses.at, mask, kBytes, Load);
    if (!Load && site.overlapping) check_overlapping_stores(w, op, addresses.at, mask, kBytes, "global");
  }
  site.count();
  if (site.shape != AccessShape::kScattered) {
    buffer->touch(Load ? buffer->sectors_read : buffer->sectors_written, low, span);
    if (!buffer->initialised) note_written_range(w, op, *buffer, addresses.at, mask, low, span, kBytes, Load);
  } else {
    note_global(w, op, *buffer, addresses.at, mask, kBytes, Load);
  }
  transfer<Bytes, Count, Load>(w, rows, addresses, origin_of(*buffer), mask, first, site.shape);
  return true;
}

// What the fast check of shared accesses compares with, see race_shadow.h.
struct ShadowView {
  uint64_t begin, own_limit, other_limit, warp_bits, mine;
  uint64_t *writes, *reads;

  ShadowView(RaceShadow& shadow, const Warp& w, const Op* op) {
    const auto warp = static_cast<uint32_t>(w.index);
    const auto index = static_cast<uint64_t>(op - w.code);
    begin = shadow.begin;
    own_limit = shadow.own_limit[warp];
    other_limit = shadow.other_limit[warp];
    warp_bits = uint64_t{warp} << ShadowTag::kWarpShift;
    mine = shadow.now[warp] |
           (index < ShadowTag::kUnknownOp ? index : ShadowTag::kUnknownOp) << ShadowTag::kOpShift | warp_bits;
    writes = shadow.writes.data();
    reads = shadow.reads.data();
  }

  WW_INLINE bool is_before(uint64_t tag) const {
    return tag < ((tag & ShadowTag::kWarp) == warp_bits ? own_limit : other_limit);
  }
  // By the same lane, and no other.
  WW_INLINE bool is_own(uint64_t tag, uint64_t lane, uint64_t flags) const {
    return (tag & (ShadowTag::kLane | ShadowTag::kWarp | flags)) == (warp_bits | lane);
  }
  // `lane` carries kManyLanes where all lanes read at once.
  WW_INLINE bool visit_read(uint64_t cell, uint64_t lane) const {
    const uint64_t write = writes[cell], read = reads[cell], tag = mine | lane;
    const bool clear = (write >= begin) & (is_before(write) | is_own(write, lane, ShadowTag::kManyLanes));
    const bool same_stamp = ((read ^ mine) >> ShadowTag::kStampShift) == 0;
    const bool same_time = ((read ^ mine) >> ShadowTag::kTimeShift) == 0;
    const bool same_warp = (read & ShadowTag::kWarp) == warp_bits;
    const bool others = same_stamp & (!same_warp | ((read & ShadowTag::kManyWarps) != 0));
    const bool lanes = same_time & same_warp &
                       (((read & ShadowTag::kManyLanes) != 0) | (((read ^ lane) & ShadowTag::kLane) != 0));
    reads[cell] = tag | (others ? ShadowTag::kManyWarps : 0) | (lanes ? ShadowTag::kManyLanes : 0);
    return clear;
  }
  WW_INLINE bool visit_write(uint64_t cell, uint64_t lane) const {
    const uint64_t write = writes[cell], read = reads[cell];
    const uint64_t earlier = own_limit < other_limit ? own_limit : other_limit;
    const bool after_write = (write < begin) | is_before(write) | is_own(write, lane, ShadowTag::kManyLanes);
    const bool after_reads = (read < begin) |
                             is_own(read, lane, ShadowTag::kManyLanes | ShadowTag::kManyWarps) |
                             ((read & ShadowTag::kManyWarps) != 0 ? read < earlier : is_before(read));
    return after_write & after_reads;
  }
};

// True if no cell of the access needs a closer look; marks the cells as read.
template <bool Load>
WW_INLINE bool shadow_clears(const ShadowView& view, uint32_t shift, const Addresses& addresses,
                             uint32_t mask, uint32_t bytes, AccessShape shape) {
  const auto visit = [&](uint64_t cell, uint64_t lane) {
    return Load ? view.visit_read(cell, lane) : view.visit_write(cell, lane);
  };
  uint64_t suspicious = 0;
  if (shape == AccessShape::kContiguous && mask == kFullMask && bytes >= (1u << shift)) {
    const uint64_t first = addresses.at[0] >> shift;
    const int per_lane = __builtin_ctz(bytes) - static_cast<int>(shift);  // cells, as a power of two
    const uint64_t cells = uint64_t{kLanes} << per_lane;
#pragma GCC ivdep
    for (uint64_t k = 0; k < cells; ++k)
      suspicious |= static_cast<uint64_t>(!visit(first + k, k >> per_lane));
    return suspicious == 0;
  }
  if (Load && shape == AccessShape::kBroadcast) {
    const auto lane = static_cast<uint64_t>(__builtin_ctz(mask));
    const uint64_t lanes = (mask & (mask - 1)) != 0 ? lane | ShadowTag::kManyLanes : lane;
    const uint64_t begin = addresses.at[lane];
    for (uint64_t cell = begin >> shift; cell <= (begin + bytes - 1) >> shift; ++cell)
      suspicious |= static_cast<uint64_t>(!visit(cell, lanes));
    return suspicious == 0;
  }
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const auto lane = static_cast<uint64_t>(__builtin_ctz(left));
    const uint64_t begin = addresses.at[lane];
    for (uint64_t cell = begin >> shift; cell <= (begin + bytes - 1) >> shift; ++cell)
      suspicious |= static_cast<uint64_t>(!visit(cell, lane));
  }
  return suspicious == 0;
}

WW_INLINE void mark_written(const ShadowView& view, uint32_t shift, const Addresses& addresses, uint32_t mask,
                            uint32_t bytes, AccessShape shape) {
  if (shape == AccessShape::kContiguous && mask == kFullMask && bytes >= (1u << shift)) {
    const uint64_t first = addresses.at[0] >> shift;
    const int per_lane = __builtin_ctz(bytes) - static_cast<int>(shift);
    const uint64_t cells = uint64_t{kLanes} << per_lane;
    for (uint64_t k = 0; k < cells; ++k) view.writes[first + k] = view.mine | k >> per_lane;
    return;
  }
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const auto lane = static_cast<uint64_t>(__builtin_ctz(left));
    const uint64_t begin = addresses.at[lane];
    for (uint64_t cell = begin >> shift; cell <= (begin + bytes - 1) >> shift; ++cell)
      view.writes[cell] = view.mine | lane;
  }
}

// Races, and reads of what nobody wrote.
template <int Bytes, bool Load>
WW_INLINE void check_races(Warp& w, const Op* op, const AccessSite& site, const Addresses& addresses,
                           uint32_t mask) {
  if (op->flags & kSynchronises) {
    WW_LEAVE_LEVEL();
    check_shared(w, op, addresses.at, mask, Bytes, Load ? SharedUse::kAtomicRead : SharedUse::kAtomic);
    return;
  }
  const ShadowView view(*w.shadow, w, op);
  const uint32_t shift = w.shadow->granule_shift;
  if (!shadow_clears<Load>(view, shift, addresses, mask, Bytes, site.shape)) [[unlikely]] {
    WW_LEAVE_LEVEL();
    check_shared(w, op, addresses.at, mask, Bytes, Load ? SharedUse::kRead : SharedUse::kWrite);
  }
  if constexpr (!Load) {
    if (site.overlapping) [[unlikely]] {
      WW_LEAVE_LEVEL();
      check_overlapping_stores(w, op, addresses.at, mask, Bytes, "shared");
    }
    mark_written(view, shift, addresses, mask, Bytes, site.shape);
  }
}

template <int Bytes, int Count, bool Load>
WW_INLINE bool access_shared(Warp& w, const Op* op, AccessSite& site, const Addresses& addresses,
                             uint32_t mask) {
  constexpr uint32_t kBytes = Bytes * Count;
  const uint64_t first = addresses.at[__builtin_ctz(mask)];
  // Addresses moved by whole words want the same words of other banks: the cost stays.
  if (!repeats(site, addresses, first, mask) || ((first ^ site.base) % (kBytes < 4 ? 4 : kBytes)) != 0)
      [[unlikely]] {
    WW_LEAVE_LEVEL();
    learn_shared(site, addresses.at, mask, kBytes);
  }
  const uint64_t low = first + static_cast<uint64_t>(site.low),
                 span = static_cast<uint64_t>(site.high - site.low);
  if (low > w.shared_bytes || span > w.shared_bytes - low || !site.aligned || first % kBytes != 0)
      [[unlikely]] {
    access_fault(w, op, addresses.at, mask, kBytes, Load, MemorySpace::kShared);
    return false;
  }
  site.count();
  if (w.shadow != nullptr) check_races<kBytes, Load>(w, op, site, addresses, mask);
  transfer<Bytes, Count, Load>(w, w.lists + op->list, addresses, w.shared, mask, first, site.shape);
  return true;
}

template <int Bytes, int Count, bool Load>
[[gnu::noinline]] static bool do_global(Warp& w, const Op* op) {
  Addresses addresses;
  read_addresses(w, op, addresses, 0);
  return access_global<Bytes, Count, Load>(w, op, w.sites[op->site], addresses, w.mask);
}
template <int Bytes, int Count, bool Load>
[[gnu::noinline]] static bool do_shared(Warp& w, const Op* op) {
  Addresses addresses;
  read_addresses(w, op, addresses, w.shared_begin);
  return access_shared<Bytes, Count, Load>(w, op, w.sites[op->site], addresses, w.mask);
}
template <int Bytes, int Count, bool Load>
static const Op* global_op(Warp& w, const Op* op) {
  if (!do_global<Bytes, Count, Load>(w, op)) return nullptr;
  WW_NEXT(w, op);
}
template <int Bytes, int Count, bool Load>
static const Op* shared_op(Warp& w, const Op* op) {
  if (!do_shared<Bytes, Count, Load>(w, op)) return nullptr;
  WW_NEXT(w, op);
}

// Generic addresses: each lane's window decides its space. The two sites are global's and shared memory's.
template <int Bytes, int Count, bool Load>
static const Op* generic_op(Warp& w, const Op* op) {
  Addresses addresses;
  read_addresses(w, op, addresses, 0);
  uint32_t shared = 0, local = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const uint64_t window = addresses.at[lane] / kSharedWindow;
    shared |= static_cast<uint32_t>(window == 1) << lane;
    local |= static_cast<uint32_t>(window == kLocalWindow / kSharedWindow) << lane;
  }
  const uint32_t global = w.mask & ~(shared | local);
  if (global != 0 && !access_global<Bytes, Count, Load>(w, op, w.sites[op->site], addresses, global))
    return nullptr;
  if (global == w.mask) return op + 1;
  for (int lane = 0; lane < kLanes; ++lane) {
    addresses.at[lane] -= shared >> lane & 1 ? kSharedWindow : local >> lane & 1 ? kLocalWindow : 0;
  }
  shared &= w.mask;
  local &= w.mask;
  if (shared != 0 && w.in_cluster) [[unlikely]] {
    const uint32_t others = foreign_lanes(w, addresses.at, shared);
    if (others != 0 && !access_cluster(w, op, addresses.at, others, Load)) return nullptr;
    shared &= ~others;
    for (int lane = 0; lane < kLanes; ++lane) addresses.at[lane] -= shared >> lane & 1 ? w.shared_begin : 0;
  }
  if (shared != 0 && !access_shared<Bytes, Count, Load>(w, op, w.sites[op->site + 1], addresses, shared))
    return nullptr;
  if (local != 0 && !access_local(w, op, addresses.at, local, Load)) return nullptr;
  return op + 1;
}

template <int Bytes>
constexpr void fill_memory_row(MemoryHandlers& h, int row) {
  h.load_global[row][0] = global_op<Bytes, 1, true>;
  h.load_global[row][1] = global_op<Bytes, 2, true>;
  h.load_global[row][2] = global_op<Bytes, 4, true>;
  h.store_global[row][0] = global_op<Bytes, 1, false>;
  h.store_global[row][1] = global_op<Bytes, 2, false>;
  h.store_global[row][2] = global_op<Bytes, 4, false>;
  h.load_shared[row][0] = shared_op<Bytes, 1, true>;
  h.load_shared[row][1] = shared_op<Bytes, 2, true>;
  h.store_shared[row][0] = shared_op<Bytes, 1, false>;
  h.store_shared[row][1] = shared_op<Bytes, 2, false>;
  h.load_generic[row][0] = generic_op<Bytes, 1, true>;
  h.load_generic[row][1] = generic_op<Bytes, 2, true>;
  h.load_generic[row][2] = generic_op<Bytes, 4, true>;
  h.store_generic[row][0] = generic_op<Bytes, 1, false>;
  h.store_generic[row][1] = generic_op<Bytes, 2, false>;
  h.store_generic[row][2] = generic_op<Bytes, 4, false>;
  if constexpr (Bytes <= 4) {
    h.load_shared[row][2] = shared_op<Bytes, 4, true>;
    h.store_shared[row][2] = shared_op<Bytes, 4, false>;
  }
  if constexpr (Bytes == 4) {
    h.load_global[row][3] = global_op<Bytes, 8, true>;
    h.store_global[row][3] = global_op<Bytes, 8, false>;
  }
}

}  // namespace warpwright::sim::WW_ISA
