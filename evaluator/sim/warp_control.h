// Divergence: a warp's lanes as groups with one program counter each. Cold paths; the leader and branch
// handlers call them.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

inline constexpr int kSliceLeaders =
    4096;                                 // block leaders until another part, or another warp, gets its turn
inline constexpr int kFairLeaders = 512;  // how long a part that is not the lowest may keep the processor

// Groups wait only at block leaders (or behind a barrier), and join only there.
// REQUIRES: the running part of `w` has arrived at `leader`. Returns where to go on.
const Op* reconverge(Warp& w, const Op* leader);
// Parts the running lanes over two targets.
const Op* diverge(Warp& w, const Op* first, uint32_t first_mask, const Op* second, uint32_t second_mask);
// Adds a part that waits for its turn.
void add_group(Warp& w, const Op* pc, uint32_t mask);
// The running part has ended or waits: takes the next one; nullptr if there is none, with Warp::state set.
const Op* next_group(Warp& w);
// The slice is over: another part's turn, and other warps' (returns nullptr).
const Op* end_slice(Warp& w, const Op* leader);
// Lets the parts of a warp that wait at a barrier, and for which it holds, go on. True if there was one.
template <class Predicate>
bool wake_groups(Warp& w, Predicate predicate) {
  bool woken = false;
  for (int k = 0; k < w.group_count; ++k) {
    Group& g = w.groups[static_cast<std::size_t>(k)];
    if (g.state != Group::State::kAtBarrier || !predicate(g)) continue;
    g.state = Group::State::kReady;
    woken = true;
  }
  if (woken && w.state == WarpState::kAtBarrier) w.state = WarpState::kReady;
  return woken;
}
// For operations that all lanes named in `wanted` execute together. True if the running part has them all, or
// cannot get them (reported); false if it now waits at `leader` and *next is where to go on.
bool gather_lanes(Warp& w, const Op* op, uint32_t wanted, const Op** next);

}  // namespace warpwright::sim
