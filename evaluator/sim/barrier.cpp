#include "evaluator/sim/barrier.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/race_shadow.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr double kBarrierCycles = 25;

bool has_arrived(const Barrier& barrier, const Warp& w) {
  const uint32_t lanes = barrier.arrived_lanes[static_cast<std::size_t>(w.index)];
  return lanes != 0 && (w.live & ~lanes) == 0;
}

bool is_complete(const Block& block, const Barrier& barrier) {
  uint32_t arrived = 0;
  bool all = true;
  for (const Warp& w : block.warps) {
    if (has_arrived(barrier, w)) {
      ++arrived;
    } else if (w.live != 0) {
      all = false;
    }
  }
  return barrier.expected_warps == 0 ? all : arrived >= barrier.expected_warps;
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
}

std::string describe_waits(const Warp& w) {
  std::string text;
  for (int k = 0; k < w.group_count; ++k) {
    const Group& g = w.groups[static_cast<std::size_t>(k)];
    const int line = w.kernel->instructions[static_cast<std::size_t>(g.waiting->instruction)].ptx_line;
    text += fmt::format("{}{} lanes wait at barrier {} (PTX line {})", text.empty() ? "" : " and ",
                        __builtin_popcount(g.mask), g.barrier, line);
  }
  return text;
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
  barrier.active = true;
  barrier.expected_warps = threads / kLanes;
  barrier.arrived_lanes[static_cast<std::size_t>(w.index)] |= w.mask;
  if (op->s[2] != kNoRow) {
    const uint32_t yes = predicate_bits(w, op->s[2]) & w.mask;
    barrier.all &= yes == w.mask;
    barrier.any |= yes != 0;
    barrier.population += static_cast<uint32_t>(__builtin_popcount(yes));
  }
  if (block.shadow) block.shadow->publish(w.index, barrier.meeting);
  if (op->flags & kArriveOnly) {
    if (block.shadow) block.shadow->advance(w.index);
    return op + 1;
  }
  for (int k = 0; k < w.group_count; ++k) {
    Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.state == Group::State::kAtBarrier && g.pc == op + 1 && g.barrier == static_cast<int>(id)) {
      g.mask |= w.mask;
      return next_group(w);
    }
  }
  w.groups[static_cast<std::size_t>(w.group_count++)] = {op + 1, w.mask, Group::State::kAtBarrier,
                                                         static_cast<int>(id), op};
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
  for (std::size_t id = 0; id < block.barriers.size(); ++id) {
    if (!block.barriers[id].active || !is_complete(block, block.barriers[id])) continue;
    open(block, static_cast<int>(id));
    opened = true;
  }
  return opened;
}

void report_deadlock(Block& block) {
  constexpr int kShown = 6;
  std::string waits;
  Warp* first = nullptr;
  bool split = false;
  int shown = 0, exited = 0;
  for (Warp& w : block.warps) {
    if (w.state == WarpState::kDone) {
      ++exited;
      continue;
    }
    if (first == nullptr) first = &w;
    split |= w.group_count > 1;
    if (++shown <= kShown)
      waits += fmt::format("{}warp {}: {}", waits.empty() ? "" : "; ", w.index, describe_waits(w));
  }
  if (first == nullptr || first->group_count == 0) return;
  if (shown > kShown) waits += fmt::format("; and {} more warps", shown - kShown);
  if (exited > 0) waits += fmt::format("; {} warps have exited", exited);
  fault(*first, first->groups[0].waiting, -1,
        split ? Finding::Kind::kDivergentBarrier : Finding::Kind::kDeadlock,
        "the block can never go on: " + waits);
}

}  // namespace warpwright::sim
