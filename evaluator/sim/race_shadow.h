// Finds data races in a block's shared memory: two accesses to the same bytes, one a write, not both atomic,
// that nothing orders. Barriers order warps, bar.warp.sync orders the lanes of a warp; being executed
// together orders nothing, as on a GPU with independent thread scheduling.
//
// Happens-before is tracked as FastTrack does (Flanagan and Freund, 2009). Time is a stamp, given out by
// barriers, and an epoch, counted by a warp's own bar.warp.sync. `known[w][v]` is the latest stamp of v whose
// accesses w is ordered after; a cell remembers its last writer and its last reader. A read that replaces an
// older one may hide a race; no ordered pair is ever reported.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "evaluator/sim/meeting.h"

namespace warpwright::sim {

struct ClusterOrder;

// Who touched a cell, and when. Low to high: lane 5 bits, warp 5, flags 2, operation 16, epoch 8, stamp 28.
struct ShadowTag {
  static constexpr uint64_t kLane = 31, kWarp = 31 << 5;
  static constexpr uint64_t kAtomic = 1 << 10;     // of a write
  static constexpr uint64_t kManyWarps = 1 << 10;  // of a read: other warps read it too, at the same stamp
  static constexpr uint64_t kManyLanes = 1 << 11;  // other lanes of the warp did the same, at the same time
  static constexpr int kWarpShift = 5, kOpShift = 12, kTimeShift = 28, kEpochBits = 8;
  static constexpr int kStampShift = kTimeShift + kEpochBits;
  static constexpr uint64_t kUnknownOp = 0xffff;

  static int lane(uint64_t tag) { return static_cast<int>(tag & kLane); }
  static int warp(uint64_t tag) { return static_cast<int>(tag >> kWarpShift & 31); }
  static uint64_t op(uint64_t tag) { return tag >> kOpShift & kUnknownOp; }
  static uint64_t time(uint64_t tag) { return tag >> kTimeShift; }
  static uint32_t stamp(uint64_t tag) { return static_cast<uint32_t>(tag >> kStampShift); }
};

struct RaceShadow {
  static constexpr uint32_t kLastStamp = (1u << 28) - 64;
  static constexpr std::size_t kBytesPerCell = 16;

  // The cell is the destination of an asynchronous copy under way: suspicious to every lane.
  static constexpr uint64_t kInFlight = ~uint64_t{0};
  // What other blocks did to the cell stands in ClusterOrder::cells: suspicious to every lane, too.
  static constexpr uint64_t kAbroad = kInFlight - 1;

  // Cells: one per granule of shared memory.
  std::vector<uint64_t> writes, reads;  // tags; one before `begin` is of an earlier block

  uint32_t granule_shift = 2;
  uint32_t stamp = 1;        // the newest one given out; never goes back within a block
  uint32_t block_start = 1;  // stamps from here on are of the current block
  int warps = 0;
  bool tracks_releases = false;  // the kernel has fences or acquire/release forms

  // Per warp, as tags (time << kTimeShift): the present, and the earliest time whose accesses are not ordered
  // before the warp's next ones: those of its own other lanes, and those of (some) other warps.
  std::array<uint64_t, kMaxWarps> now = {}, own_limit = {}, other_limit = {};
  uint64_t begin = 0;  // of the block

  using Known = Meeting::Known;
  std::array<Known, kMaxWarps> known = {};
  std::map<uint64_t, Meeting> released;  // by address: what its last releases published

  // Of kernels with operations of the asynchronous proxy: up to which stamp of v, as w knows, v's writes are
  // before a fence.proxy.async, so that such operations see them.
  bool tracks_proxies = false;
  std::array<Known, kMaxWarps> fenced = {};

  std::unique_ptr<ClusterOrder> cluster;  // of more than one block; else null

  RaceShadow(uint32_t shared_bytes, uint32_t granule, bool tracks);
  ~RaceShadow();
  void start_block(int warp_count);

  // Barriers: each arriving warp publishes into `meeting`; those that waited take it over.
  void publish(int warp, Meeting& meeting);
  void take_over(int warp, const Meeting& meeting);
  void advance(int warp);                // the warp's next accesses get a new stamp
  void advance_all(uint32_t warp_mask);  // one stamp for all of them
  // bar.warp.sync of some lanes, or of all that live.
  void sync_lanes(int warp, uint32_t lanes, bool all);
  // A release and an acquire through one address (atomics and volatile accesses beside fences).
  void synchronise(int warp, uint64_t address);
  // In a cluster. A relaxed arrival publishes what earlier fences released, and that the block has begun; the
  // completion of an asynchronous operation only the latter.
  void publish_relaxed(int warp, Meeting& meeting);
  void publish_start(Meeting& meeting) const;
  void wait_relaxed(int warp, const Meeting& meeting);
  void fence(int warp);
  void fence_inits(int warp);
  // fence.proxy.async: all that is ordered before the warp is now visible to the asynchronous proxy.
  void fence_proxy(int warp);
  // An asynchronous write of the warp's arrives: the tag of its cells. Whoever takes over `meeting` is
  // ordered behind it, the warp's own lanes too, and nobody else is.
  uint64_t arrive_later(int warp, Meeting& meeting);

  uint32_t clock(int warp) const { return ShadowTag::stamp(now[static_cast<std::size_t>(warp)]); }
  // Whether what `tag` says is ordered before the next access of a lane. A lane of -1: before every lane's.
  bool is_ordered(int warp, int lane, uint64_t tag) const;
  // Whether any access of another warp at this stamp would be.
  bool orders_some_other(int warp, uint32_t other_stamp) const;

 private:
  void set_time(int warp, uint32_t new_stamp, uint32_t epoch);
  void set_other_limit(int warp);
  void start_again();
  void publish_in_cluster(int warp, Meeting& meeting) const;
  void take_over_abroad(int warp, const Meeting& meeting);
  Meeting::OfBlock& own_part(Meeting& meeting) const;

  // What lanes of a warp know of each other by partial bar.warp.syncs: time, exclusive. Made at the first.
  struct LaneOrder {
    std::array<std::array<uint64_t, 32>, 32> known = {};
  };
  std::array<std::unique_ptr<LaneOrder>, kMaxWarps> lane_order_;
};

}  // namespace warpwright::sim
