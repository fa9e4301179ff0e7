#include "evaluator/sim/shared_proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

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

std::string writer_of(const Warp& w, uint64_t tag) {
  const int warp = ShadowTag::warp(tag);
  return fmt::format("thread {} (warp {})", thread_name(w, warp, ShadowTag::lane(tag)), warp) +
         (ShadowTag::op(tag) == ShadowTag::kUnknownOp
              ? ""
              : " wrote at" + instruction_place(*w.kernel, ShadowTag::op(tag)));
}

// Cells that asynchronous copies wrote carry no operation.
bool is_fenced(const RaceShadow& shadow, int warp, uint64_t tag) {
  if (ShadowTag::op(tag) == ShadowTag::kUnknownOp) return true;
  return ShadowTag::stamp(tag) <=
         shadow.fenced[static_cast<std::size_t>(warp)][static_cast<std::size_t>(ShadowTag::warp(tag))];
}

class ReadCheck {
 public:
  ReadCheck(Warp& w, const Op* op, int lane, const SharedPlace& place)
      : w_(w), op_(op), lane_(lane), place_(place), shadow_(*place.block->shadow) {
    mine_ = shadow_.now[static_cast<std::size_t>(w.index)] |
            std::min<uint64_t>(static_cast<uint64_t>(op - w.code), ShadowTag::kUnknownOp)
                << ShadowTag::kOpShift |
            static_cast<uint64_t>(w.index) << ShadowTag::kWarpShift | static_cast<uint64_t>(lane);
  }

  // False: reported, the others would say the same.
  bool visit(uint32_t cell) {
    const uint64_t write = shadow_.writes[cell];
    if (write == clear_ && write != 0) {
      shadow_.reads[cell] = mine_;
      return true;
    }
    if (write == RaceShadow::kInFlight)
      return say(cell, Finding::Kind::kAsyncRead,
                 "which another asynchronous operation is still writing: wait for its mbarrier first");
    if (write < shadow_.begin)
      return say(cell, Finding::Kind::kUninitialisedRead, "which no thread of the block has written");
    if (place_.block != w_.block || write == shadow_.begin) return true;
    if (!shadow_.is_ordered(w_.index, lane_, write)) {
      return say(cell, Finding::Kind::kSharedRace, writer_of(w_, write) + " with no barrier in between");
    }
    if (!is_fenced(shadow_, w_.index, write)) {
      return say(
          cell, Finding::Kind::kMissingFence,
          "which " + writer_of(w_, write) +
              " with no fence.proxy.async in between: the thread that stores has to fence, then a barrier");
    }
    shadow_.reads[cell] = mine_;
    clear_ = write;
    return true;
  }

 private:
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
  if (place.block->shadow == nullptr) return;
  ReadCheck check(w, op, lane, place);
  visit_cells(*place.block->shadow, place, bytes, [&](uint32_t cell) { return check.visit(cell); });
}

void begin_proxy_write(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes) {
  std::memset(place.host(), kPoison, bytes);
  RaceShadow* shadow = place.block->shadow.get();
  if (shadow == nullptr) return;
  const bool is_own = place.block == w.block;
  bool said = false;
  uint64_t clear_write = RaceShadow::kInFlight, clear_read = 0;  // the last pair that was found in order
  visit_cells(*shadow, place, bytes, [&](uint32_t cell) {
    uint64_t& write = shadow->writes[cell];
    const uint64_t read = shadow->reads[cell] & ~ShadowTag::kManyWarps;
    if (said || (write == clear_write && read == clear_read && write != RaceShadow::kInFlight)) {
    } else if (write == RaceShadow::kInFlight) {
      said = true;
      report(w, op, lane, Finding::Kind::kAsyncOverwrite,
             fmt::format("writes {}, which another asynchronous operation is still writing",
                         at_cell(w, *shadow, place, cell)));
    } else if (is_own && write > shadow->begin && !shadow->is_ordered(w.index, lane, write)) {
      said = true;
      report(w, op, lane, Finding::Kind::kSharedRace,
             fmt::format("writes {}, which {} with no barrier in between", at_cell(w, *shadow, place, cell),
                         writer_of(w, write)));
    } else if (is_own && read >= shadow->begin && !shadow->is_ordered(w.index, lane, read)) {
      said = true;
      report(w, op, lane, Finding::Kind::kSharedRace,
             fmt::format("writes {}, which warp {} read with no barrier in between",
                         at_cell(w, *shadow, place, cell), ShadowTag::warp(read)));
    } else {
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

void end_proxy_write(const Warp& w, const SharedPlace& place, uint32_t bytes, Meeting& meeting) {
  mark_proxy_write(place, bytes, proxy_write_tag(w, *place.block, meeting));
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
