// tcgen05.alloc, dealloc, ld, st, wait and fence.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/mbarrier.h"
#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/ops/tensor.h"
#include "evaluator/sim/tensor_memory.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr uint32_t kQuarter = 32;          // lanes
constexpr uint32_t kPoison = 0x7fff'ffff;  // a NaN
constexpr double kLoadCycles = 20;

bool use_group(Warp& w, const Op* op, TensorMemory& memory, int group) {
  if (memory.group == 0) memory.group = group;
  if (memory.group == group) return true;
  fault(w, op, -1, Finding::Kind::kTensorMemory,
        fmt::format("cta_group::{}, after cta_group::{}: all tcgen05 instructions of a kernel have the same",
                    group, memory.group));
  return false;
}

// The uniform operands of alloc and dealloc.
bool read_columns(Warp& w, const Op* op, uint32_t& columns) {
  columns = lane_word(w, op->s[1], 0);
  if (columns >= kLeastTensorColumns && columns <= kTensorColumns && std::has_single_bit(columns))
    return true;
  fault(w, op, -1, Finding::Kind::kTensorMemory,
        fmt::format("{} columns of tensor memory: a power of two from 32 to 512", columns));
  return false;
}

const Op* wait_for_columns(Warp& w, const Op* op) {
  w.groups[static_cast<std::size_t>(w.group_count++)] = {w.code + op->target, w.mask,
                                                         Group::State::kAtBarrier, kAtTensorMemory, op};
  return next_group(w);
}

struct Cell {
  uint32_t lane, column;
};
// Of register r and the warp's lane t, relative to the address; columns before packing. See ops/tensor.h.
Cell cell_of(TensorShape shape, uint32_t r, uint32_t t, uint32_t split) {
  switch (shape) {
    case TensorShape::k32x32b:
      return {t, r};
    case TensorShape::k16x64b:
      return {t / 4 + 8 * (t % 2), 2 * r + t / 2 % 2};
    case TensorShape::k16x128b:
      return {t / 4 + 8 * (r % 2), 4 * (r / 2) + t % 4};
    case TensorShape::k16x256b:
      return {t / 4 + 8 * (r / 2 % 2), 8 * (r / 4) + 2 * (t % 4) + r % 2};
    case TensorShape::k16x32bx2:
      return {t % 16, r + (t < 16 ? 0 : split)};
  }
  return {0, 0};
}

// One ld or st: where it reaches.
struct TensorAccess {
  TensorShape shape;
  uint32_t registers, lane, column, split, lanes;
  bool packed;

  Cell cell(uint32_t r, uint32_t t) const {
    const Cell c = cell_of(shape, r, t, split);
    if (!packed) return {lane + c.lane, column + c.column};
    const uint32_t gap = shape == TensorShape::k16x32bx2 && t >= 16 ? split : 0;
    return {lane + c.lane, column + gap + 2 * (c.column - gap)};
  }
  TensorRegion region(uint32_t first, uint32_t columns) const {
    return {spans_of_lanes(lane, lanes), first, columns};
  }
};

bool locate(Warp& w, const Op* op, TensorAccess& access) {
  const uint32_t address = lane_word(w, op->s[0], 0) + static_cast<uint32_t>(op->immediate);
  for (int t = 1; t < kLanes; ++t) {
    if (lane_word(w, op->s[0], t) == lane_word(w, op->s[0], 0)) continue;
    fault(w, op, t, Finding::Kind::kTensorMemory,
          fmt::format("an address of {:#x} where lane 0 has {:#x}: all lanes of the warp give the same (the "
                      "warp's quarter is added by the shape)",
                      lane_word(w, op->s[0], t), lane_word(w, op->s[0], 0)));
    return false;
  }
  access = {static_cast<TensorShape>(op->size),
            op->count == 0 ? 256u : op->count,
            address >> 16,
            address & 0xffff,
            op->d,
            0,
            (op->flags & kPacked) != 0};
  access.lanes = access.shape == TensorShape::k32x32b ? 32 : 16;
  const uint32_t quarter = static_cast<uint32_t>(w.index) % 4;
  if (access.lane >= kTensorLanes || access.lane % access.lanes != 0 || access.lane / kQuarter != quarter) {
    fault(w, op, -1, Finding::Kind::kTensorMemory,
          fmt::format(
              "lane {} in the address's upper half: warp {} reaches lanes {} to {} only, and this shape "
              "begins at a multiple of {} (add (warp rank % 4) * 32 << 16 to the address)",
              access.lane, w.index, quarter * kQuarter, quarter * kQuarter + kQuarter - 1, access.lanes));
    return false;
  }
  return true;
}

// Calls check(region) for the one or two ranges of columns. False: a fault.
template <class Check>
bool check_columns(const TensorAccess& a, Check check) {
  uint32_t columns = 0;
  for (uint32_t t = 0; t < kLanes; ++t)
    columns = std::max(columns, cell_of(a.shape, a.registers - 1, t, 0).column + 1);
  if (a.packed) columns *= 2;
  if (!check(a.region(a.column, columns))) return false;
  return a.shape != TensorShape::k16x32bx2 || a.split == 0 || check(a.region(a.column + a.split, columns));
}

bool has_in_flight(TensorMemory& memory, const TensorRegion& region) {
  for (uint32_t c = region.column; c < region.column + region.columns; ++c) {
    for (uint32_t left = region.spans; left != 0; left &= left - 1) {
      if (memory.span(static_cast<uint32_t>(__builtin_ctz(left)), c).write == RaceShadow::kInFlight)
        return true;
    }
  }
  return false;
}

// A register's value: the lower halves of two columns if packed.
uint32_t read_cell(TensorMemory& memory, const TensorAccess& a, uint32_t r, uint32_t t) {
  const Cell c = a.cell(r, t);
  const uint32_t low = memory.column(c.column)[c.lane];
  return a.packed ? (low & 0xffff) | memory.column(c.column + 1)[c.lane] << 16 : low;
}
void write_cell(TensorMemory& memory, const TensorAccess& a, uint32_t r, uint32_t t, uint32_t value) {
  const Cell c = a.cell(r, t);
  memory.column(c.column)[c.lane] = a.packed ? value & 0xffff : value;
  if (a.packed) memory.column(c.column + 1)[c.lane] = value >> 16;
}

uint64_t store_tag(const Warp& w, const Op* op) {
  if (w.shadow == nullptr) return 1;
  return w.shadow->now[static_cast<std::size_t>(w.index)] | ShadowTag::kManyLanes |
         std::min<uint64_t>(static_cast<uint64_t>(op - w.code), ShadowTag::kUnknownOp)
             << ShadowTag::kOpShift |
         static_cast<uint64_t>(w.index) << ShadowTag::kWarpShift;
}

}  // namespace

const Op* allocate_tensor(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  TensorMemory& memory = tensor_memory(*w.block);
  uint32_t columns = 0;
  if (!use_group(w, op, memory, static_cast<int>(op->count)) || !read_columns(w, op, columns)) return nullptr;
  if (memory.relinquished)
    return fault(w, op, -1, Finding::Kind::kTensorMemory,
                 "tcgen05.alloc after tcgen05.relinquish_alloc_permit: allocate first");
  uint64_t offsets[kLanes] = {};
  const SharedPlace place = locate_shared(*w.block, lane_address(w, op, 0), 4);
  const bool in_window = (op->flags & kGenericAddress) == 0 || lane_address(w, op, 0) / kSharedWindow == 1;
  if (place.block != w.block || !in_window || place.offset % 4 != 0) {
    return fault(
        w, op, 0, Finding::Kind::kOutOfBoundsWrite,
        fmt::format("writes the address of tensor memory to {:#x}, which is not 4 aligned bytes of the "
                    "block's shared memory",
                    lane_address(w, op, 0)));
  }
  const uint32_t column = memory.allocate(columns);
  if (column == kTensorColumns) return wait_for_columns(w, op);
  offsets[0] = place.offset;
  if (w.shadow != nullptr) check_shared(w, op, offsets, 1, 4, SharedUse::kWrite);
  std::memcpy(place.host(), &column, 4);
  ++w.block->launch->changes;
  return op + 1;
}

const Op* free_tensor(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  TensorMemory& memory = tensor_memory(*w.block);
  uint32_t columns = 0;
  if (!use_group(w, op, memory, static_cast<int>(op->count)) || !read_columns(w, op, columns)) return nullptr;
  const uint32_t address = lane_word(w, op->s[0], 0);
  const bool is_inside = address < kTensorColumns && columns <= kTensorColumns - address;
  if (is_inside && memory.is_in_flight(address, columns)) {
    report(w, op, -1, Finding::Kind::kTensorMemory,
           fmt::format(
               "gives back tensor memory columns {} to {}, into which operations are still writing: wait "
               "for the mbarrier of their tcgen05.commit first",
               address, address + columns - 1));
  }
  if (!memory.free(address, columns)) {
    return fault(
        w, op, -1, Finding::Kind::kTensorMemory,
        fmt::format("gives back {} columns of tensor memory at {:#x}, which tcgen05.alloc has not given; "
                    "allocated {}",
                    columns, address, memory.describe_allocations()));
  }
  ++w.block->launch->changes;
  for (Warp& other : w.block->warps)
    wake_groups(other, [](const Group& g) { return g.barrier == kAtTensorMemory; });
  return op + 1;
}

const Op* relinquish_tensor(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  tensor_memory(*w.block).relinquished = true;
  return op + 1;
}

const Op* load_tensor(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  TensorMemory& memory = tensor_memory(*w.block);
  TensorAccess access;
  if (!locate(w, op, access)) return nullptr;
  bool in_flight = false;
  auto& loads = memory.loads[static_cast<std::size_t>(w.index)];
  const bool inside = check_columns(access, [&](const TensorRegion& region) {
    if (!check_tensor_read(w, op, -1, *w.block, region, 0)) return false;
    in_flight |= has_in_flight(memory, region);
    loads.push_back({region, op});
    return true;
  });
  if (!inside) return nullptr;
  for (uint32_t r = 0; r < access.registers; ++r) {
    for (uint32_t t = 0; t < kLanes; ++t)
      set_lane(w, w.lists[op->list + r], static_cast<int>(t),
               in_flight ? kPoison : read_cell(memory, access, r, t), 4);
  }
  w.pending = std::max(w.pending, w.cycles + kLoadCycles + access.registers / 4.0);
  return op + 1;
}

const Op* store_tensor(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  TensorMemory& memory = tensor_memory(*w.block);
  TensorAccess access;
  if (!locate(w, op, access)) return nullptr;
  const uint32_t owner = TensorMemory::store_owner(w.index);
  auto& under_way = memory.stores[static_cast<std::size_t>(w.index)];
  const bool inside = check_columns(access, [&](const TensorRegion& region) {
    if (!check_tensor_write(w, op, -1, *w.block, region, owner)) return false;
    begin_tensor_write(*w.block, region, owner);
    under_way.push_back(region);
    return true;
  });
  if (!inside) return nullptr;
  for (uint32_t r = 0; r < access.registers; ++r) {
    for (uint32_t t = 0; t < kLanes; ++t)
      write_cell(memory, access, r, t, lane_word(w, w.lists[op->list + r], static_cast<int>(t)));
  }
  ++w.block->launch->changes;
  return op + 1;
}

const Op* wait_tensor_loads(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  tensor_memory(*w.block).loads[static_cast<std::size_t>(w.index)].clear();
  w.cycles = std::max(w.cycles, w.pending);
  return op + 1;
}

const Op* wait_tensor_stores(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  auto& stores = tensor_memory(*w.block).stores[static_cast<std::size_t>(w.index)];
  for (const TensorRegion& region : stores) end_tensor_write(*w.block, region, store_tag(w, op));
  stores.clear();
  w.cycles += kLoadCycles;
  return op + 1;
}

const Op* fence_tensor_before(Warp& w, const Op* op) {
  if (w.shadow == nullptr) return op + 1;
  tensor_memory(*w.block).before[static_cast<std::size_t>(w.index)] = w.shadow->clock(w.index);
  w.shadow->advance(w.index);
  return op + 1;
}

const Op* fence_tensor_after(Warp& w, const Op* op) {
  if (w.shadow == nullptr) return op + 1;
  const auto me = static_cast<std::size_t>(w.index);
  TensorMemory& memory = tensor_memory(*w.block);
  for (std::size_t v = 0; v < kMaxWarps; ++v)
    memory.after[me][v] = std::max(w.shadow->known[me][v], memory.told[me][v]);
  return op + 1;
}

}  // namespace warpwright::sim
