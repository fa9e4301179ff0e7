#include "evaluator/sim/spin_watch.h"

#include <bit>
#include <cstring>

#include "evaluator/sim/program_impl.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr int kPollsPerTurn = 16;

uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

// Four chains, so that the multiplications overlap.
uint64_t hash_bytes(const std::byte* bytes, std::size_t count, uint64_t seed) {
  uint64_t chain[4] = {seed, seed + 1, seed + 2, seed + 3};
  for (; count >= 32; bytes += 32, count -= 32) {
    uint64_t words[4];
    std::memcpy(words, bytes, 32);
    for (int k = 0; k < 4; ++k) chain[k] = mix(chain[k], words[k]);
  }
  uint64_t rest[4] = {};
  if (count > 0) std::memcpy(rest, bytes, count);
  for (int k = 0; k < 4; ++k) chain[k] = mix(chain[k], rest[k]);
  return mix(mix(mix(chain[0], chain[1]), chain[2]), chain[3]);
}

// All that decides what the warp does next, memory apart.
uint64_t state_hash(const Warp& w) {
  uint64_t hash = mix(w.live, static_cast<uint64_t>(w.fair_leaders));
  for (int k = 0; k < w.group_count; ++k) {
    const Group& g = w.groups[static_cast<std::size_t>(k)];
    hash = mix(hash, static_cast<uint64_t>(g.pc - w.code));
    hash = mix(hash, uint64_t{g.mask} << 8 | static_cast<uint64_t>(g.state));
  }
  hash = hash_bytes(w.rows, w.kernel->register_bytes, hash);
  return hash_bytes(w.local, std::size_t{w.kernel->local_bytes} * kLanes, hash);
}

}  // namespace

uint64_t memory_changes(const LaunchState& launch) {
  uint64_t changes = launch.changes;
  for (const uint32_t stretch : launch.kernel->storing_stretches)
    changes += launch.stretch_runs[stretch].warps;
  return changes;
}

void begin_turn(Warp& w) {
  w.polls = 0;
  w.slice = kSliceLeaders;
  // The leader was counted when the last turn ended; what it stores comes only now.
  if (w.pc != nullptr && w.pc != w.code && (w.pc[-1].flags & kStores) != 0) ++w.block->launch->changes;
}

// Brent's cycle search: later turns are compared with the one at the last power of two.
void end_turn(Warp& w) {
  SpinWatch& spin = w.spin;
  const uint64_t now = memory_changes(*w.block->launch);
  if (now != spin.changes) {
    spin = {};
    spin.changes = now;
    return;
  }
  ++spin.turns;
  spin.idle_polls += static_cast<uint32_t>(w.polls);
  const bool snapshot = std::has_single_bit(spin.turns);
  const bool same_place = spin.pc == w.pc && spin.mask == w.mask;
  if (!snapshot && !same_place) return;
  const uint64_t hash = state_hash(w);
  spin.spinning = spin.pc != nullptr && same_place && hash == spin.hash;
  if (!snapshot) return;
  spin.hash = hash;
  spin.pc = w.pc;
  spin.mask = w.mask;
}

const Op* polling_leader(Warp& w, const Op* op) {
  ++w.polls;
  w.slice -= kSliceLeaders / kPollsPerTurn;
  return best_level().handlers.leader(w, op);
}

}  // namespace warpwright::sim
