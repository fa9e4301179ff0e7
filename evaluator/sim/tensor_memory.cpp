#include "evaluator/sim/tensor_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/tensor.h"

namespace warpwright::sim {
namespace {

std::string at_span(const Warp& w, const Block& where, uint32_t span, uint32_t column) {
  return fmt::format("tensor memory column {}, lanes {} to {}{}", column, span * kSpanLanes,
                     span * kSpanLanes + kSpanLanes - 1,
                     w.block == &where ? "" : fmt::format(", of rank {} of the cluster", where.rank));
}

std::string maker_of(const Warp& w, uint64_t tag) {
  return fmt::format(
      "warp {}{}", ShadowTag::warp(tag),
      ShadowTag::op(tag) == ShadowTag::kUnknownOp ? "" : instruction_place(*w.kernel, ShadowTag::op(tag)));
}

// What one operation finds wrong with the accesses before it; reports the first only.
class TensorCheck {
 public:
  TensorCheck(Warp& w, const Op* op, int lane, const Block& where, uint32_t owner)
      : w_(w), op_(op), lane_(lane), where_(where), memory_(tensor_memory(where)), owner_(owner) {}

  bool is_allocated(const TensorRegion& region) {
    if (region.columns != 0 && memory_.is_allocated(region.column, region.columns)) return true;
    fault(w_, op_, lane_, Finding::Kind::kTensorMemory,
          fmt::format("uses tensor memory columns {} to {}{}; allocated {}", region.column,
                      region.column + region.columns - 1,
                      w_.block == &where_ ? "" : fmt::format(" of rank {} of the cluster", where_.rank),
                      memory_.describe_allocations()));
    return false;
  }

  void read(const TensorRegion& region) {
    const uint64_t tag = own_tag();
    visit(region, [&](uint32_t index, uint32_t column, TensorMemory::Span& span) {
      if (span.write == 0) {
        // A product of 64 rows leaves half of each quarter out: a load of all lanes may still be meant.
        const uint32_t other = index ^ 1;
        if ((region.spans >> other & 1) != 0 && memory_.span(other, column).write != 0) return;
        say(Finding::Kind::kUninitialisedRead, "reads", index, column, "which nothing has written");
      } else if (span.write == RaceShadow::kInFlight) {
        if (span.owner == owner_) return;
        const bool own_store = span.owner == TensorMemory::store_owner(w_.index);
        say(Finding::Kind::kAsyncRead, "reads", index, column,
            own_store ? "which this warp's tcgen05.st may still be writing: tcgen05.wait::st comes first"
                      : writer_in_flight(span.owner));
      } else {
        check_order("reads", index, column, span.write, "wrote");
      }
      if (is_own()) span.read = tag;
    });
  }

  void write(const TensorRegion& region) {
    check_loads(region);
    visit(region, [&](uint32_t index, uint32_t column, TensorMemory::Span& span) {
      if (span.write == RaceShadow::kInFlight) {
        if (span.owner != owner_)
          say(Finding::Kind::kAsyncOverwrite, "writes", index, column, writer_in_flight(span.owner));
      } else if (span.write != 0) {
        check_order("writes", index, column, span.write, "wrote");
      }
      if (span.read != 0) check_order("writes", index, column, span.read, "read");
    });
  }

 private:
  bool is_own() const { return &where_ == w_.block && w_.shadow != nullptr; }
  uint64_t own_tag() const {
    if (w_.shadow == nullptr) return 1;
    return w_.shadow->now[static_cast<std::size_t>(w_.index)] | ShadowTag::kManyLanes |
           std::min<uint64_t>(static_cast<uint64_t>(op_ - w_.code), ShadowTag::kUnknownOp)
               << ShadowTag::kOpShift |
           static_cast<uint64_t>(w_.index) << ShadowTag::kWarpShift;
  }

  template <class Visitor>
  void visit(const TensorRegion& region, Visitor visitor) {
    for (uint32_t column = region.column; column < region.column + region.columns; ++column) {
      for (uint32_t left = region.spans; left != 0; left &= left - 1) {
        const auto index = static_cast<uint32_t>(__builtin_ctz(left));
        visitor(index, column, memory_.span(index, column));
      }
    }
  }

  std::string writer_in_flight(uint32_t owner) const {
    if ((owner & 0x8000'0000) != 0)
      return fmt::format(
          "which a tcgen05.st of warp {} may still be writing: its tcgen05.wait::st, fences and "
          "a barrier come first",
          owner & 31);
    return fmt::format(
        "which an operation of warp {} is still writing: tcgen05.commit, then wait for its mbarrier first",
        (owner - 1) / kLanes % kMaxWarps);
  }

  // Registers of a load may be filled until tcgen05.wait::ld.
  void check_loads(const TensorRegion& region) {
    for (std::size_t v = 0; v < kMaxWarps; ++v) {
      for (const TensorLoad& load : memory_.loads[v]) {
        if (!overlap(load.region, region)) continue;
        say(Finding::Kind::kAsyncOverwrite, "writes", 0, region.column,
            fmt::format("which a tcgen05.ld of warp {} may still be reading: tcgen05.wait::ld comes first",
                        v));
        return;
      }
    }
  }

  // Of mma, cp or shift: their writes carry no operation.
  bool is_issued(uint64_t tag) const {
    const uint64_t op = ShadowTag::op(tag);
    return op == ShadowTag::kUnknownOp || w_.code[op].run == multiply_tensor ||
           w_.code[op].run == shift_tensor;
  }

  void check_order(const char* verb, uint32_t index, uint32_t column, uint64_t tag, const char* did) {
    if (said_ || !is_own()) return;
    const auto v = static_cast<std::size_t>(ShadowTag::warp(tag)), me = static_cast<std::size_t>(w_.index);
    const bool issues = lane_ >= 0, was_issued = is_issued(tag);
    if (v == me && (issues || !was_issued)) return;  // in order, or waited for
    if (!w_.shadow->is_ordered(w_.index, lane_, tag) && ShadowTag::stamp(tag) > memory_.told[me][v]) {
      say(Finding::Kind::kSharedRace, verb, index, column,
          was_issued
              ? fmt::format("which an operation of warp {} {}, with no wait of this warp for the mbarrier "
                            "of its tcgen05.commit in between",
                            v, did)
              : fmt::format("which {} {} with no barrier in between", maker_of(w_, tag), did));
    } else if (memory_.has_fences && !was_issued && ShadowTag::stamp(tag) > memory_.before[v]) {
      say(Finding::Kind::kMissingFence, verb, index, column,
          fmt::format(
              "which {} {}, with no tcgen05.fence::before_thread_sync of that warp between it and the "
              "barrier, or its arrival at the mbarrier",
              maker_of(w_, tag), did));
    } else if (memory_.has_fences && ShadowTag::stamp(tag) > memory_.after[me][v]) {
      say(Finding::Kind::kMissingFence, verb, index, column,
          fmt::format("which {} {}, with no tcgen05.fence::after_thread_sync of this warp behind the {}",
                      was_issued ? fmt::format("an operation of warp {}", v) : maker_of(w_, tag), did,
                      was_issued ? "wait for the mbarrier of its tcgen05.commit"
                                 : "barrier, or its wait for the mbarrier"));
    }
  }

  void say(Finding::Kind kind, const char* verb, uint32_t index, uint32_t column, const std::string& what) {
    if (said_) return;
    said_ = true;
    report(w_, op_, lane_, kind, fmt::format("{} {}, {}", verb, at_span(w_, where_, index, column), what));
  }

  Warp& w_;
  const Op* op_;
  int lane_;
  const Block& where_;
  TensorMemory& memory_;
  uint32_t owner_;
  bool said_ = false;
};

template <class Change>
void change_spans(const Block& where, const TensorRegion& region, Change change) {
  TensorMemory& memory = tensor_memory(where);
  for (uint32_t column = region.column; column < region.column + region.columns; ++column) {
    for (uint32_t left = region.spans; left != 0; left &= left - 1)
      change(memory.span(static_cast<uint32_t>(__builtin_ctz(left)), column));
  }
}

}  // namespace

uint32_t spans_of_lanes(uint32_t lane, uint32_t lanes) {
  uint32_t spans = 0;
  for (uint32_t k = lane / kSpanLanes; k * kSpanLanes < lane + lanes && k < kSpansPerColumn; ++k)
    spans |= 1u << k;
  return spans;
}

bool overlap(const TensorRegion& a, const TensorRegion& b) {
  return (a.spans & b.spans) != 0 && a.column < b.column + b.columns && b.column < a.column + a.columns;
}

TensorMemory::TensorMemory(const Kernel& kernel)
    : cells_(std::size_t{kTensorLanes} * kTensorColumns), spans_(kSpansPerColumn * kTensorColumns) {
  for (const Op& op : kernel.code)
    has_fences |= op.run == fence_tensor_before || op.run == fence_tensor_after;
}

uint32_t TensorMemory::issue_owner(const Warp& w, int lane) {
  return 1 + (w.block->rank * kMaxWarps + static_cast<uint32_t>(w.index)) * kLanes +
         static_cast<uint32_t>(lane);
}

// First fit, at a multiple of the size, as powers of two leave it.
uint32_t TensorMemory::allocate(uint32_t columns) {
  for (uint32_t begin = 0; begin + columns <= kTensorColumns; begin += columns) {
    const auto first = allocation_.begin() + begin;
    if (std::any_of(first, first + columns, [](uint16_t a) { return a != 0; })) continue;
    std::fill(first, first + columns, static_cast<uint16_t>(begin + 1));
    return begin;
  }
  return kTensorColumns;
}

bool TensorMemory::free(uint32_t column, uint32_t columns) {
  if (column >= kTensorColumns || columns > kTensorColumns - column || columns == 0) return false;
  for (uint32_t c = 0; c < kTensorColumns; ++c) {
    const bool is_named = c >= column && c < column + columns;
    if ((allocation_[c] == column + 1) != is_named) return false;
  }
  for (uint32_t c = column; c < column + columns; ++c) {
    allocation_[c] = 0;
    for (uint32_t k = 0; k < kSpansPerColumn; ++k) span(k, c) = {};
  }
  return true;
}

bool TensorMemory::is_allocated(uint32_t column, uint32_t columns) const {
  if (column >= kTensorColumns || columns > kTensorColumns - column) return false;
  return std::all_of(allocation_.begin() + column, allocation_.begin() + column + columns,
                     [](uint16_t a) { return a != 0; });
}

uint32_t TensorMemory::free_columns() const {
  return static_cast<uint32_t>(std::count(allocation_.begin(), allocation_.end(), 0));
}

bool TensorMemory::is_in_flight(uint32_t column, uint32_t columns) {
  for (uint32_t k = column * kSpansPerColumn; k < (column + columns) * kSpansPerColumn; ++k) {
    if (spans_[k].write == RaceShadow::kInFlight) return true;
  }
  return false;
}

std::string TensorMemory::describe_allocations() const {
  std::string text;
  for (uint32_t c = 0; c < kTensorColumns;) {
    uint32_t end = c;
    while (end < kTensorColumns && allocation_[end] == allocation_[c]) ++end;
    if (allocation_[c] != 0)
      text += fmt::format("{}{} to {}", text.empty() ? "are columns " : ", ", c, end - 1);
    c = end;
  }
  return text.empty() ? "are none" : text;
}

TensorMemory* find_tensor_memory(const Block& block) {
  const auto& memories = block.cluster->tensor_memories;
  return block.rank < memories.size() ? memories[block.rank].get() : nullptr;
}

TensorMemory& tensor_memory(const Block& block) {
  auto& memories = block.cluster->tensor_memories;
  if (memories.size() <= block.rank) memories.resize(block.cluster->blocks.size());
  if (memories[block.rank] == nullptr) memories[block.rank] = std::make_shared<TensorMemory>(*block.kernel);
  return *memories[block.rank];
}

bool check_tensor_read(Warp& w, const Op* op, int lane, const Block& where, const TensorRegion& region,
                       uint32_t owner) {
  TensorCheck check(w, op, lane, where, owner);
  if (!check.is_allocated(region)) return false;
  check.read(region);
  return true;
}

bool check_tensor_write(Warp& w, const Op* op, int lane, const Block& where, const TensorRegion& region,
                        uint32_t owner) {
  TensorCheck check(w, op, lane, where, owner);
  if (!check.is_allocated(region)) return false;
  check.write(region);
  return true;
}

void begin_tensor_write(const Block& where, const TensorRegion& region, uint32_t owner) {
  change_spans(where, region, [&](TensorMemory::Span& span) {
    span.write = RaceShadow::kInFlight;
    span.owner = owner;
    ++span.unfinished;
  });
}

void end_tensor_write(const Block& where, const TensorRegion& region, uint64_t tag) {
  change_spans(where, region, [&](TensorMemory::Span& span) {
    if (span.unfinished == 0 || --span.unfinished > 0) return;
    span.write = tag;
    span.owner = 0;
  });
}

void note_mbarrier_arrival(const Warp& w, uint32_t offset) {
  TensorMemory* memory = find_tensor_memory(*w.block);
  if (memory == nullptr || !memory->has_fences || w.shadow == nullptr) return;
  const auto me = static_cast<std::size_t>(w.index);
  RaceShadow::Known& handed = memory->handed[offset];
  Meeting::raise(handed, memory->after[me]);
  handed[me] = std::max(handed[me], memory->before[me]);
}

void note_mbarrier_wait(const Warp& w, uint32_t offset, const Meeting& meeting) {
  TensorMemory* memory = find_tensor_memory(*w.block);
  if (memory == nullptr || !memory->has_fences || w.shadow == nullptr) return;
  const auto me = static_cast<std::size_t>(w.index);
  Meeting::raise(memory->told[me], meeting.known_of(w.block->rank));
  const auto handed = memory->handed.find(offset);
  if (handed != memory->handed.end()) Meeting::raise(memory->told[me], handed->second);
}

void end_tensor_memory(Block& block) {
  TensorMemory* memory = find_tensor_memory(block);
  if (memory == nullptr) return;
  for (Warp& w : block.warps) {
    const auto& loads = memory->loads[static_cast<std::size_t>(w.index)];
    if (loads.empty()) continue;
    report(
        w, loads.back().op, -1, Finding::Kind::kAsyncRead,
        "no tcgen05.wait::ld comes behind this tcgen05.ld: its registers may be used before they are there");
  }
  if (memory->free_columns() == kTensorColumns) return;
  Warp& w = block.warps.front();
  report(
      w, w.code, -1, Finding::Kind::kTensorMemory,
      fmt::format("the block has ended with tensor memory allocated that tcgen05.dealloc has not given back; "
                  "allocated {}",
                  memory->describe_allocations()));
}

}  // namespace warpwright::sim
