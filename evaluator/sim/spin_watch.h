// Finds warps that wait in a loop for somebody else's store, and endless loops.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// Grows whenever anything may have changed that another warp can see: a store, an atomic operation with a new
// value, an arrival at a barrier.
uint64_t memory_changes(const LaunchState& launch);

// To be called when a warp's turn begins and when it ended without its end, its barrier or a fault.
void begin_turn(Warp& w);
void end_turn(Warp& w);

// The warp cannot do anything new until memory_changes() grows beyond `now`.
inline bool only_waits(const Warp& w, uint64_t now) {
  return w.spin.spinning && w.spin.changes == now;
}

// Block leader of the head of a loop that polls memory: its turns are short.
const Op* polling_leader(Warp& w, const Op* op);

}  // namespace warpwright::sim
