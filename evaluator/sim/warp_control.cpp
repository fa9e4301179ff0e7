#include "evaluator/sim/warp_control.h"

#include "evaluator/sim/faults.h"
#include "evaluator/sim/mbarrier.h"
#include "src/base/check.h"

namespace warpwright::sim {
namespace {

void remove_group(Warp& w, int k) {
  w.groups[static_cast<std::size_t>(k)] = w.groups[static_cast<std::size_t>(--w.group_count)];
}

int lowest_group(const Warp& w, Group::State state) {
  int lowest = -1;
  for (int k = 0; k < w.group_count; ++k) {
    const Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.state == state && (lowest < 0 || g.pc < w.groups[static_cast<std::size_t>(lowest)].pc)) lowest = k;
  }
  return lowest;
}

const Op* resume(Warp& w, int k) {
  const Op* pc = w.groups[static_cast<std::size_t>(k)].pc;
  w.set_mask(w.groups[static_cast<std::size_t>(k)].mask);
  remove_group(w, k);
  return pc;
}

}  // namespace

void add_group(Warp& w, const Op* pc, uint32_t mask) {
  for (int k = 0; k < w.group_count; ++k) {
    Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.pc == pc && g.state == Group::State::kReady) {
      g.mask |= mask;
      return;
    }
  }
  CHECK(w.group_count < kLanes);
  w.groups[static_cast<std::size_t>(w.group_count++)] = {pc, mask, Group::State::kReady, -1, nullptr};
}

const Op* reconverge(Warp& w, const Op* leader) {
  for (int k = 0; k < w.group_count;) {
    const Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.pc == leader && g.state != Group::State::kAtBarrier) {
      w.set_mask(w.mask | g.mask);
      remove_group(w, k);
    } else {
      ++k;
    }
  }
  if (w.fair_leaders > 0) {
    --w.fair_leaders;
    return leader;
  }
  const int lowest = lowest_group(w, Group::State::kReady);
  if (lowest < 0 || w.groups[static_cast<std::size_t>(lowest)].pc > leader) return leader;
  const uint32_t mask = w.mask;
  const Op* next = resume(w, lowest);
  add_group(w, leader, mask);
  return next;
}

const Op* diverge(Warp& w, const Op* first, uint32_t first_mask, const Op* second, uint32_t second_mask) {
  w.counters->divergent_branches += 1;
  const bool first_is_lower = first < second;
  add_group(w, first_is_lower ? second : first, first_is_lower ? second_mask : first_mask);
  w.set_mask(first_is_lower ? first_mask : second_mask);
  return first_is_lower ? first : second;
}

const Op* next_group(Warp& w) {
  w.fair_leaders = 0;
  w.set_mask(0);
  const int ready = lowest_group(w, Group::State::kReady);
  if (ready >= 0) return resume(w, ready);
  // Lanes wait for others that wait at a barrier, or that are gone: let them go on without.
  const int stuck = lowest_group(w, Group::State::kAtSync);
  // Parts that wait at an mbarrier or for the cluster may still come.
  if (stuck >= 0 && !waits_for_others(w)) {
    const Op* waiting = w.groups[static_cast<std::size_t>(stuck)].waiting;
    const Op* pc = resume(w, stuck);
    report(w, waiting, __builtin_ctz(w.mask), Finding::Kind::kDivergentSync,
           "lanes named in the member mask never arrive here: the value of their lanes is undefined");
    w.forced_sync = true;
    return pc;
  }
  w.state = w.group_count > 0 ? WarpState::kAtBarrier : WarpState::kDone;
  return nullptr;
}

const Op* end_slice(Warp& w, const Op* leader) {
  w.slice = kSliceLeaders;
  w.state = WarpState::kYielded;
  // The leader has been counted; going on behind it is safe because no other part may join there.
  const uint32_t mask = w.mask;
  int chosen = -1;  // the next part in cyclic order of program counters
  for (int k = 0; k < w.group_count; ++k) {
    const Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.state != Group::State::kReady) continue;
    if (chosen < 0) {
      chosen = k;
      continue;
    }
    const Op* best = w.groups[static_cast<std::size_t>(chosen)].pc;
    const bool above = g.pc > leader, best_above = best > leader;
    if (above != best_above ? above : g.pc < best) chosen = k;
  }
  if (chosen < 0) {
    w.pc = leader + 1;
    return nullptr;
  }
  const Op* next = resume(w, chosen);
  w.groups[static_cast<std::size_t>(w.group_count++)] = {leader, mask, Group::State::kReady, -1, nullptr};
  w.fair_leaders = kFairLeaders;
  w.pc = next;
  return nullptr;
}

bool gather_lanes(Warp& w, const Op* op, uint32_t wanted, const Op** next) {
  const uint32_t missing = wanted & w.live & ~w.mask;
  if (missing == 0 || w.forced_sync) {
    w.forced_sync = false;
    return true;
  }
  const Op* leader = w.code + op->target;
  w.groups[static_cast<std::size_t>(w.group_count++)] = {leader, w.mask, Group::State::kAtSync, -1, op};
  *next = next_group(w);
  return false;
}

}  // namespace warpwright::sim
