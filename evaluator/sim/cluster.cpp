#include "evaluator/sim/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/global_races.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/race_shadow.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr double kClusterBarrierCycles = 190;  // a round trip between SMs

bool is_in_shared_window(uint64_t address) {
  return address / kSharedWindow == 1;
}

// One lane of a load or store in another block's shared memory, or in the own one.
struct ClusterAccess {
  Warp& w;
  const Op* op;
  bool is_load;
  uint32_t bytes;

  bool run(int lane, uint64_t address) const {
    const SharedPlace place = locate_shared(*w.block, address, bytes);
    if (place.block == nullptr || place.block->ended || place.offset % bytes != 0) {
      refuse(lane, address, place);
      return false;
    }
    check(lane, place);
    move_elements(w, op, lane, place.host(), is_load);
    return true;
  }

 private:
  void refuse(int lane, uint64_t address, const SharedPlace& place) const {
    const char* verb = is_load ? "reads" : "writes";
    if (place.block == nullptr) {
      const uint64_t window = is_in_shared_window(address) ? address - kSharedWindow : address;
      fault(w, op, lane, is_load ? Finding::Kind::kOutOfBoundsRead : Finding::Kind::kOutOfBoundsWrite,
            fmt::format(
                "{} {} bytes at offset {} of the shared memory of rank {}; the cluster has {} blocks with {} "
                "bytes each",
                verb, bytes, window & kOffsetMask, window >> kRankShift, w.block->cluster->blocks.size(),
                w.shared_bytes));
    } else if (place.block->ended) {
      fault(w, op, lane, is_load ? Finding::Kind::kOutOfBoundsRead : Finding::Kind::kOutOfBoundsWrite,
            fmt::format(
                "{} {} after that block has ended; let all blocks of the cluster meet at barrier.cluster "
                "before any ends",
                verb, describe_shared(*w.block, place)));
    } else {
      fault(w, op, lane, Finding::Kind::kMisaligned,
            fmt::format("{} {} bytes at {}, which is not a multiple of {}", verb, bytes,
                        describe_shared(*w.block, place), bytes));
    }
  }

  void check(int lane, const SharedPlace& place) const {
    if (w.shadow == nullptr) return;
    const bool synchronises = (op->flags & kSynchronises) != 0;
    const SharedUse use = is_load ? (synchronises ? SharedUse::kAtomicRead : SharedUse::kRead)
                                  : (synchronises ? SharedUse::kAtomic : SharedUse::kWrite);
    if (place.block != w.block) return check_abroad(w, op, lane, place, bytes, use);
    uint64_t offsets[kLanes] = {};
    offsets[lane] = place.offset;
    check_shared(w, op, offsets, 1u << lane, bytes, use);
  }
};

const Op* cluster_op(Warp& w, const Op* op, bool is_load) {
  uint64_t addresses[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) addresses[lane] = lane_address(w, op, lane);
  return access_cluster(w, op, addresses, w.mask, is_load) ? op + 1 : nullptr;
}

bool has_arrived(const Block& block) {
  return std::all_of(block.warps.begin(), block.warps.end(), [&](const Warp& w) {
    return (w.live & ~block.at_cluster[static_cast<std::size_t>(w.index)]) == 0;
  });
}

// An address that stands for the cluster's barrier, where global memory's order is kept.
uint64_t barrier_address(const Cluster& cluster) {
  return 1 + cluster.blocks.front()->number();
}

}  // namespace

Dim3 cluster_size(const Kernel& kernel, const Launch& launch) {
  if (launch.cluster.count() > 0) return launch.cluster;
  return kernel.info.required_cluster.count() > 0 ? kernel.info.required_cluster : Dim3{};
}

std::string refuse_cluster(const Kernel& kernel, const Launch& launch) {
  const Dim3 size = cluster_size(kernel, launch), required = kernel.info.required_cluster;
  if (required.count() > 0 && (size.x != required.x || size.y != required.y || size.z != required.z)) {
    return fmt::format("a cluster of ({}, {}, {}) blocks, but the kernel requires ({}, {}, {})", size.x,
                       size.y, size.z, required.x, required.y, required.z);
  }
  if (size.count() > kMaxClusterBlocks)
    return fmt::format("a cluster of {} blocks: at most {} are possible", size.count(), kMaxClusterBlocks);
  const Dim3& grid = launch.grid;
  if (grid.x % size.x == 0 && grid.y % size.y == 0 && grid.z % size.z == 0) return {};
  return fmt::format("a grid of ({}, {}, {}) blocks is no multiple of the cluster's ({}, {}, {})", grid.x,
                     grid.y, grid.z, size.x, size.y, size.z);
}

std::byte* SharedPlace::host() const {
  return block->warps.front().shared + offset;
}

SharedPlace locate_shared(const Block& from, uint64_t address, uint64_t bytes) {
  const uint64_t window = is_in_shared_window(address) ? address - kSharedWindow : address;
  const std::vector<Block*>& blocks = from.cluster->blocks;
  if (window >= kSharedWindowBytes || window >> kRankShift >= blocks.size()) return {};
  const uint64_t offset = window & kOffsetMask, size = from.warps.front().shared_bytes;
  if (bytes > size || offset > size - bytes) return {};
  return {blocks[window >> kRankShift], static_cast<uint32_t>(offset)};
}

std::string describe_shared(const Block& from, const SharedPlace& place) {
  if (place.block == &from) return fmt::format("shared memory + {}", place.offset);
  return fmt::format("shared memory + {} of rank {} of the cluster", place.offset, place.block->rank);
}

uint32_t foreign_lanes(const Warp& w, const uint64_t* addresses, uint32_t mask) {
  uint32_t foreign = 0;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    foreign |= static_cast<uint32_t>(addresses[lane] >> kRankShift != w.block->rank) << lane;
  }
  return foreign;
}

bool access_cluster(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, bool is_load) {
  const ClusterAccess access{w, op, is_load, static_cast<uint32_t>(op->size) * op->count};
  w.sites[op->site].accesses += 1;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    if (!access.run(lane, addresses[lane])) return false;
  }
  if (!is_load) ++w.block->launch->changes;
  return true;
}

const Op* load_cluster(Warp& w, const Op* op) {
  return cluster_op(w, op, true);
}
const Op* store_cluster(Warp& w, const Op* op) {
  return cluster_op(w, op, false);
}

const Op* arrive_at_cluster(Warp& w, const Op* op) {
  Block& block = *w.block;
  const auto index = static_cast<std::size_t>(w.index);
  if ((w.mask & (block.at_cluster[index] | block.past_cluster[index])) != 0) {
    return fault(
        w, op, __builtin_ctz(w.mask), Finding::Kind::kTrap,
        "barrier.cluster.arrive: the thread has arrived already and has not waited; every arrive needs its "
        "barrier.cluster.wait");
  }
  block.cluster->meets = true;
  block.at_cluster[index] |= w.mask;
  ++block.launch->changes;
  if (op->flags & kRelaxedArrival) {
    if (block.shadow) block.shadow->publish_relaxed(w.index, block.cluster_arrivals);
    return op + 1;
  }
  if (block.shadow) {
    block.shadow->publish(w.index, block.cluster_arrivals);
    block.shadow->advance(w.index);
  }
  if (w.races != nullptr) w.races->synchronise(w, barrier_address(*block.cluster), true);
  return op + 1;
}

const Op* wait_for_cluster(Warp& w, const Op* op) {
  Block& block = *w.block;
  uint32_t& past = block.past_cluster[static_cast<std::size_t>(w.index)];
  open_cluster_barrier(*block.cluster);
  if ((w.mask & ~past) == 0) {
    past &= ~w.mask;
    if (block.shadow) {
      block.shadow->take_over(w.index, block.cluster_meeting);
      block.shadow->advance_all(1u << w.index);
    }
    if (w.races != nullptr) w.races->synchronise(w, barrier_address(*block.cluster), false);
    return op + 1;
  }
  if ((w.mask & ~(past | block.at_cluster[static_cast<std::size_t>(w.index)])) != 0) {
    return fault(
        w, op, __builtin_ctz(w.mask), Finding::Kind::kTrap,
        "barrier.cluster.wait: the thread has not arrived; every wait needs its barrier.cluster.arrive");
  }
  w.groups[static_cast<std::size_t>(w.group_count++)] = {w.code + op->target, w.mask,
                                                         Group::State::kAtBarrier, kAtClusterBarrier, op};
  return next_group(w);
}

bool open_cluster_barrier(Cluster& cluster) {
  bool anybody = false;
  double latest = 0;
  for (const Block* block : cluster.blocks) {
    if (!block->ended && !has_arrived(*block)) return false;
    for (const Warp& w : block->warps) {
      const bool arrived = block->at_cluster[static_cast<std::size_t>(w.index)] != 0;
      anybody |= arrived;
      if (arrived) latest = std::max(latest, w.cycles);
    }
  }
  if (!anybody) return false;
  Meeting meeting;
  for (const Block* block : cluster.blocks) meeting.merge(block->cluster_arrivals);
  for (Block* block : cluster.blocks) {
    for (Warp& w : block->warps) {
      const auto index = static_cast<std::size_t>(w.index);
      block->past_cluster[index] |= block->at_cluster[index];
      block->at_cluster[index] = 0;
      wake_groups(w, [](const Group& g) { return g.barrier == kAtClusterBarrier; });
      if (cluster.blocks.size() > 1) w.cycles = std::max(w.cycles, latest + kClusterBarrierCycles);
    }
    block->cluster_meeting = cluster.blocks.size() > 1 ? meeting : block->cluster_arrivals;
  }
  ++cluster.blocks.front()->launch->changes;
  return true;
}

void start_cluster_barrier(Block& block) {
  if (!block.cluster->meets) return;  // the last one's blocks did not: it is as new
  block.at_cluster = {};
  block.past_cluster = {};
  block.cluster_arrivals = block.cluster_meeting = {};
}

std::string describe_cluster_barrier(const Block& block) {
  std::size_t arrived = 0, living = 0;
  std::string missing;
  for (const Block* other : block.cluster->blocks) {
    for (const Warp& w : other->warps) {
      if (w.live == 0) continue;
      ++living;
      const bool is_here = (w.live & ~other->at_cluster[static_cast<std::size_t>(w.index)]) == 0;
      arrived += is_here;
      if (!is_here && missing.empty()) missing = fmt::format("warp {} of rank {}", w.index, other->rank);
    }
  }
  return fmt::format("waits at the cluster's barrier, where {} of {} warps have arrived; missing: {}",
                     arrived, living, missing);
}

}  // namespace warpwright::sim
