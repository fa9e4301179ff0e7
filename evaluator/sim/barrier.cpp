#include "evaluator/sim/barrier.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/mbarrier.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/race_shadow.h"
#include "evaluator/sim/register_pool.h"
#include "evaluator/sim/tensor_memory.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr double kBarrierCycles = 25;

bool has_arrived(const Barrier& barrier, const Warp& w) {
  const uint32_t lanes = barrier.arrived_lanes[static_cast<std::size_t>(w.index)];
  return lanes != 0 && (w.live & ~lanes) == 0;
}

// A warp whose living lanes have all come counts as a whole one, else its lanes count.
uint32_t arrived_threads(const Block& block, const Barrier& barrier) {
  uint32_t arrived = barrier.repeated_threads;
  for (const Warp& w : block.warps) {
    const uint32_t lanes = barrier.arrived_lanes[static_cast<std::size_t>(w.index)];
    if (lanes != 0)
      arrived += has_arrived(barrier, w) ? kLanes : static_cast<uint32_t>(__builtin_popcount(lanes));
  }
  return arrived;
}

bool is_complete(const Block& block, const Barrier& barrier) {
  if (barrier.expected_threads != 0) return arrived_threads(block, barrier) >= barrier.expected_threads;
  return std::all_of(block.warps.begin(), block.warps.end(),
                     [&](const Warp& w) { return w.live == 0 || has_arrived(barrier, w); });
}

// Lanes of one warp that came to the barrier through different instructions: defined on no GPU.
void check_alignment(Warp& w, int id) {
  const Op* first = nullptr;
  for (int k = 0; k < w.group_count; ++k) {
    const Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.state != Group::State::kAtBarrier || g.barrier != id || !(g.waiting->flags & kAligned)) continue;
    if (first == nullptr) {
      first = g.waiting;
    } else if (first != g.waiting) {
      report(
          w, g.waiting, __builtin_ctz(g.mask), Finding::Kind::kDivergentBarrier,
          fmt::format(
              "barrier {} is reached by lanes of one warp at different places (PTX lines {} and {}); move it "
              "out of the branch",
              id, w.kernel->instructions[static_cast<std::size_t>(first->instruction)].ptx_line,
              w.kernel->instructions[static_cast<std::size_t>(g.waiting->instruction)].ptx_line));
    }
  }
}

void open(Block& block, int id) {
  Barrier& barrier = block.barriers[static_cast<std::size_t>(id)];
  double latest = 0;
  uint32_t waiting_warps = 0;
  for (Warp& w : block.warps) {
    if (barrier.arrived_lanes[static_cast<std::size_t>(w.index)] == 0) continue;
    latest = std::max(latest, w.cycles);
    check_alignment(w, id);
    for (int k = 0; k < w.group_count; ++k) {
      Group& g = w.groups[static_cast<std::size_t>(k)];
      if (g.state != Group::State::kAtBarrier || g.barrier != id) continue;
      g.state = Group::State::kReady;
      waiting_warps |= 1u << w.index;
    }
  }
  for (Warp& w : block.warps) {
    if (!(waiting_warps >> w.index & 1)) continue;
    w.cycles = latest + kBarrierCycles;
    w.reduced_all = barrier.all;
    w.reduced_any = barrier.any;
    w.reduced_population = barrier.population;
    if (w.state == WarpState::kAtBarrier) w.state = WarpState::kReady;
    if (block.shadow) block.shadow->take_over(w.index, barrier.meeting);
  }
  if (block.shadow) block.shadow->advance_all(waiting_warps);
  barrier = {};
  block.active_barriers &= ~(1u << id);
}

}  // namespace

const Op* barrier_op(Warp& w, const Op* op) {
  Block& block = *w.block;
  const int lane = __builtin_ctz(w.mask);
  const uint32_t id = lane_word(w, op->s[0], lane);
  if (id >= block.barriers.size()) {
    return fault(w, op, lane, Finding::Kind::kTrap,
                 fmt::format("barrier {}: a block has barriers 0 to 15", id));
  }
  const uint32_t threads = op->s[1] == kNoRow ? 0 : lane_word(w, op->s[1], lane);
  if (threads % kLanes != 0) {
    return fault(
        w, op, lane, Finding::Kind::kTrap,
        fmt::format("barrier {} is given {} threads, which is not a multiple of {}", id, threads, kLanes));
  }
  Barrier& barrier = block.barriers[id];
  ++block.launch->changes;
  block.active_barriers |= 1u << id;
  barrier.expected_threads = threads;
  uint32_t& arrived = barrier.arrived_lanes[static_cast<std::size_t>(w.index)];
  barrier.repeated_threads += static_cast<uint32_t>(__builtin_popcount(arrived & w.mask));
  arrived |= w.mask;
  if (op->s[2] != kNoRow) {
    const uint32_t yes = predicate_bits(w, op->s[2]) & w.mask;
    barrier.all &= yes == w.mask;
    barrier.any |= yes != 0;
    barrier.population += static_cast<uint32_t>(__builtin_popcount(yes));
  }
  if (block.shadow) block.shadow->publish(w.index, barrier.meeting);
  if (op->flags & kArriveOnly) {
    if (block.shadow) block.shadow->advance(w.index);
    // A warp that goes on may come to the barrier's next use before the others have their turn.
    if (threads != 0 && is_complete(block, barrier)) open(block, static_cast<int>(id));
    return op + 1;
  }
  bool is_new = true;
  for (int k = 0; k < w.group_count; ++k) {
    Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.state == Group::State::kAtBarrier && g.pc == op + 1 && g.barrier == static_cast<int>(id)) {
      g.mask |= w.mask;
      is_new = false;
    }
  }
  if (is_new) {
    w.groups[static_cast<std::size_t>(w.group_count++)] = {op + 1, w.mask, Group::State::kAtBarrier,
                                                           static_cast<int>(id), op};
  }
  if (threads != 0 && is_complete(block, barrier)) open(block, static_cast<int>(id));
  return next_group(w);
}

const Op* barrier_result(Warp& w, const Op* op) {
  if (op->flags == 0) {
    for (uint32_t left = w.mask; left != 0; left &= left - 1) {
      set_lane(w, op->d, __builtin_ctz(left), w.reduced_population, 4);
    }
  } else {
    const bool result = op->flags == 1 ? w.reduced_all : w.reduced_any;
    set_predicate(w, op->d, result ? kFullMask : 0);
  }
  return op + 1;
}

bool open_barriers(Block& block) {
  bool opened = false;
  for (uint32_t left = block.active_barriers; left != 0; left &= left - 1) {
    const int id = __builtin_ctz(left);
    if (!is_complete(block, block.barriers[static_cast<std::size_t>(id)])) continue;
    open(block, id);
    opened = true;
  }
  return opened;
}

void start_barriers(Block& block) {
  for (; block.active_barriers != 0; block.active_barriers &= block.active_barriers - 1)
    block.barriers[static_cast<std::size_t>(__builtin_ctz(block.active_barriers))] = {};
}

std::string describe_barrier(const Block& block, int id) {
  if (id >= kAtMbarrier) return describe_mbarrier(block, static_cast<uint32_t>(id - kAtMbarrier));
  if (id == kAtClusterBarrier) return describe_cluster_barrier(block);
  if (id == kAtRegisters) return describe_register_wait(block);
  if (id == kAtTensorMemory)
    return fmt::format("waits for columns of tensor memory; allocated {}",
                       tensor_memory(block).describe_allocations());
  const Barrier& barrier = block.barriers[static_cast<std::size_t>(id)];
  if (barrier.expected_threads != 0) {
    return fmt::format("waits at barrier {}, where {} of {} threads have arrived", id,
                       arrived_threads(block, barrier), barrier.expected_threads);
  }
  std::string missing;
  std::size_t arrived = 0, living = 0, absent = 0;
  for (const Warp& w : block.warps) {
    if (w.live == 0) continue;
    ++living;
    arrived += has_arrived(barrier, w);
    if (has_arrived(barrier, w) || ++absent > 4) continue;
    missing += fmt::format("{}{}", missing.empty() ? "" : ", ", w.index);
    const uint32_t lanes = barrier.arrived_lanes[static_cast<std::size_t>(w.index)];
    if (lanes != 0) missing += fmt::format(" (lanes {:#x})", w.live & ~lanes);
  }
  if (absent > 4) missing += ", ...";
  return fmt::format("waits at barrier {}, where {} of {} warps have arrived; missing: warp {}", id, arrived,
                     living, missing);
}

}  // namespace warpwright::sim
