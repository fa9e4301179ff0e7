#include "evaluator/sim/shared_proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {
namespace {

constexpr int kPoison = 0xa5;

// The cells of a range, one after another.
template <class Visitor>
void visit_cells(const RaceShadow& shadow, const SharedPlace& place, uint32_t bytes, Visitor visit) {
  if (bytes == 0) return;
  const uint32_t last = (place.offset + bytes - 1) >> shadow.granule_shift;
  for (uint32_t cell = place.offset >> shadow.granule_shift; cell <= last; ++cell)
    if (!visit(cell)) return;
}

std::string at_cell(const Warp& w, const RaceShadow& shadow, const SharedPlace& place, uint32_t cell) {
  return describe_shared(*w.block, {place.block, cell << shadow.granule_shift});
}

std::string writer_of(const Warp& w, const ClusterOrder::Access& write) {
  if (write.rank != w.block->rank) return "which" + describe_access(w, write, "wrote");
  const int warp = ShadowTag::warp(write.tag);
  return fmt::format("which thread {} (warp {})", thread_name(w, warp, ShadowTag::lane(write.tag)), warp) +
         (ShadowTag::op(write.tag) == ShadowTag::kUnknownOp
              ? ""
              : " wrote at" + instruction_place(*w.kernel, ShadowTag::op(write.tag)));
}

// Cells that asynchronous copies wrote carry no operation.
bool reaches_proxy(const Warp& w, const ClusterOrder::Access& write) {
  return ShadowTag::op(write.tag) == ShadowTag::kUnknownOp || is_fenced(w, write);
}

class ReadCheck {
 public:
  ReadCheck(Warp& w, const Op* op, int lane, const SharedPlace& place)
      : w_(w), op_(op), lane_(lane), place_(place), shadow_(*place.block->shadow) {
    mine_ = w.shadow->now[static_cast<std::size_t>(w.index)] |
            std::min<uint64_t>(static_cast<uint64_t>(op - w.code), ShadowTag::kUnknownOp)
                << ShadowTag::kOpShift |
            static_cast<uint64_t>(w.index) << ShadowTag::kWarpShift | static_cast<uint64_t>(lane);
  }

  // False: reported, the others would say the same.
  bool visit(uint32_t cell) {
    const uint64_t write = shadow_.writes[cell];
    if (write == clear_ && write != 0) {
      mark(cell);
      return true;
    }
    if (write == RaceShadow::kInFlight)
      return say(cell, Finding::Kind::kAsyncRead,
                 "which another asynchronous operation is still writing: wait for its mbarrier first");
    if (write < shadow_.begin)
      return say(cell, Finding::Kind::kUninitialisedRead, "which no thread of the block has written");
    if (write == shadow_.begin) return true;
    const ClusterOrder::Access writer = writer_of_cell(*place_.block, cell);
    if (!is_ordered(w_, lane_, writer)) {
      return say(cell, Finding::Kind::kSharedRace, writer_of(w_, writer) + " with no barrier in between");
    }
    if (!reaches_proxy(w_, writer)) {
      return say(
          cell, Finding::Kind::kMissingFence,
          writer_of(w_, writer) +
              " with no fence.proxy.async in between: the thread that stores has to fence, then a barrier");
    }
    mark(cell);
    if (write != RaceShadow::kAbroad) clear_ = write;
    return true;
  }

 private:
  void mark(uint32_t cell) {
    if (place_.block == w_.block) shadow_.reads[cell] = mine_;
  }
  bool say(uint32_t cell, Finding::Kind kind, const std::string& what) {
    report(w_, op_, lane_, kind, fmt::format("reads {}, {}", at_cell(w_, shadow_, place_, cell), what));
    return false;
  }

  Warp& w_;
  const Op* op_;
  int lane_;
  SharedPlace place_;
  RaceShadow& shadow_;
  uint64_t mine_ = 0;
  uint64_t clear_ = 0;  // the last write that was found in order: others of the same tag are, too
};

}  // namespace

void check_proxy_read(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes) {
  if (place.block->shadow == nullptr || report_unknown_start(w, op, lane, place)) return;
  note_visit(w, op, lane, place);
  ReadCheck check(w, op, lane, place);
  visit_cells(*place.block->shadow, place, bytes, [&](uint32_t cell) { return check.visit(cell); });
}

void begin_proxy_write(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes) {
  std::memset(place.host(), kPoison, bytes);
  RaceShadow* shadow = place.block->shadow.get();
  if (shadow == nullptr) return;
  bool said = report_unknown_start(w, op, lane, place);
  const auto say = [&](uint32_t cell, Finding::Kind kind, const std::string& what) {
    said = true;
    report(w, op, lane, kind, fmt::format("writes {}, {}", at_cell(w, *shadow, place, cell), what));
  };
  uint64_t clear_write = RaceShadow::kInFlight, clear_read = 0;  // the last pair that was found in order
  visit_cells(*shadow, place, bytes, [&](uint32_t cell) {
    uint64_t& write = shadow->writes[cell];
    const uint64_t read = shadow->reads[cell] & ~ShadowTag::kManyWarps;
    const bool is_known = write == clear_write && read == clear_read && write < RaceShadow::kAbroad;
    if (!said && !is_known) {
      const ClusterOrder::Access writer = writer_of_cell(*place.block, cell),
                                 reader = {place.block->rank, read};
      if (write == RaceShadow::kInFlight) {
        say(cell, Finding::Kind::kAsyncOverwrite, "which another asynchronous operation is still writing");
      } else if ((writer.rank != place.block->rank || writer.tag > shadow->begin) &&
                 !is_ordered(w, lane, writer)) {
        say(cell, Finding::Kind::kSharedRace, writer_of(w, writer) + " with no barrier in between");
      } else if (read >= shadow->begin && !is_ordered(w, lane, reader)) {
        say(cell, Finding::Kind::kSharedRace,
            fmt::format("which warp {} read with no barrier in between", ShadowTag::warp(read)));
      } else if (const auto* visitor = write == RaceShadow::kAbroad
                                           ? unordered_reader(w, lane, shadow->cluster->cells[cell])
                                           : nullptr) {
        say(cell, Finding::Kind::kSharedRace,
            "which" + describe_access(w, *visitor, "read") + " with nothing that orders the two");
      }
      clear_write = write;
      clear_read = read;
    }
    write = RaceShadow::kInFlight;
    return true;
  });
}

uint64_t proxy_write_tag(const Warp& w, const Block& block, Meeting& meeting) {
  if (block.shadow == nullptr) return 0;
  return block.shadow->arrive_later(w.block == &block ? w.index : 0, meeting);
}

void mark_proxy_write(const SharedPlace& place, uint32_t bytes, uint64_t tag) {
  RaceShadow* shadow = place.block->shadow.get();
  if (shadow == nullptr) return;
  if (bytes == 0) return;
  const auto cells = shadow->writes.begin();
  const uint32_t shift = shadow->granule_shift;
  std::fill(cells + (place.offset >> shift), cells + ((place.offset + bytes - 1) >> shift) + 1, tag);
}

void end_proxy_write(const Warp& w, const SharedPlace& place, uint32_t bytes, Meeting& meeting,
                     bool is_reduction) {
  const uint64_t tag = proxy_write_tag(w, *place.block, meeting);
  mark_proxy_write(place, bytes, is_reduction ? tag | ShadowTag::kAtomic : tag);
}

uint64_t hash_shared(const SharedPlace& place, uint32_t bytes, uint64_t seed) {
  const std::byte* from = place.host();
  uint64_t hash = seed ^ 0xcbf29ce484222325;
  for (; bytes >= 8; from += 8, bytes -= 8) {
    uint64_t word;
    std::memcpy(&word, from, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  uint64_t rest = 0;
  std::memcpy(&rest, from, bytes);
  return (hash ^ rest) * 0x9e3779b97f4a7c15;
}

}  // namespace warpwright::sim
