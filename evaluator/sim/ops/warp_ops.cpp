#include "evaluator/sim/ops/warp_ops.h"

#include <cmath>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/race_shadow.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

uint32_t member_mask(const Warp& w, const Op* op) {
  return op->s[3] == kNoRow ? w.mask : lane_word(w, op->s[3], __builtin_ctz(w.mask));
}

// True when the named lanes are here; the running part may have waited.
bool gather(Warp& w, const Op* op, const Op** next) {
  if (w.mask == w.live) return true;
  return gather_lanes(w, op, member_mask(w, op), next);
}

void set_row(Warp& w, uint32_t row, uint32_t value) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) set_lane(w, row, __builtin_ctz(left), value, 4);
}

float float_of(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}
uint32_t bits_of(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}

uint32_t combine_floats(uint32_t a, uint32_t b, bool is_min, bool propagates_nan) {
  const float x = float_of(a), y = float_of(b);
  if (std::isnan(x) || std::isnan(y)) {
    if (propagates_nan || (std::isnan(x) && std::isnan(y))) return 0x7fffffff;
    return std::isnan(x) ? b : a;
  }
  return bits_of(is_min ? std::fmin(x, y) : std::fmax(x, y));
}

uint32_t combine(ReduxMode mode, uint32_t a, uint32_t b, bool propagates_nan) {
  switch (mode) {
    case ReduxMode::kAdd:
      return a + b;
    case ReduxMode::kMinUnsigned:
      return a < b ? a : b;
    case ReduxMode::kMinSigned:
      return static_cast<int32_t>(a) < static_cast<int32_t>(b) ? a : b;
    case ReduxMode::kMaxUnsigned:
      return a > b ? a : b;
    case ReduxMode::kMaxSigned:
      return static_cast<int32_t>(a) > static_cast<int32_t>(b) ? a : b;
    case ReduxMode::kAnd:
      return a & b;
    case ReduxMode::kOr:
      return a | b;
    case ReduxMode::kXor:
      return a ^ b;
    case ReduxMode::kMinFloat:
      return combine_floats(a, b, true, propagates_nan);
    case ReduxMode::kMaxFloat:
      return combine_floats(a, b, false, propagates_nan);
  }
  return a;
}

void vote_of_group(Warp& w, const Op* op) {
  const uint32_t voters = w.mask & member_mask(w, op);
  const uint32_t yes = predicate_bits(w, op->s[0]) & voters;
  switch (static_cast<VoteMode>(op->flags)) {
    case VoteMode::kAll:
      set_predicate(w, op->d, yes == voters ? kFullMask : 0);
      break;
    case VoteMode::kAny:
      set_predicate(w, op->d, yes != 0 ? kFullMask : 0);
      break;
    case VoteMode::kUni:
      set_predicate(w, op->d, yes == 0 || yes == voters ? kFullMask : 0);
      break;
    case VoteMode::kBallot:
      set_row(w, op->d, yes);
      break;
  }
}

void match_of_group(Warp& w, const Op* op) {
  const uint32_t members = w.mask & member_mask(w, op);
  uint32_t all_equal = kFullMask;
  uint32_t results[kLanes] = {};
  for (uint32_t left = members; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t mine = lane_value(w, op->s[0], lane, op->size);
    for (uint32_t others = members; others != 0; others &= others - 1) {
      const int other = __builtin_ctz(others);
      results[lane] |= static_cast<uint32_t>(lane_value(w, op->s[0], other, op->size) == mine) << other;
    }
    if (results[lane] != members) all_equal = 0;
  }
  const bool all = static_cast<MatchMode>(op->flags) == MatchMode::kAll;
  if (op->d != kNoRow) {
    for (uint32_t left = members; left != 0; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      set_lane(w, op->d, lane, all ? members & all_equal : results[lane], 4);
    }
  }
  if (op->list != kNoRow) set_predicate(w, op->list, all_equal);
}

void redux_of_group(Warp& w, const Op* op) {
  const uint32_t members = w.mask & member_mask(w, op);
  const auto mode = static_cast<ReduxMode>(op->flags);
  const auto value_of = [&](int lane) {
    const uint32_t value = lane_word(w, op->s[0], lane);
    return op->immediate & 1 ? value & 0x7fffffffu : value;
  };
  if (members == 0) return;
  uint32_t result = value_of(__builtin_ctz(members));
  for (uint32_t left = members & (members - 1); left != 0; left &= left - 1) {
    result = combine(mode, result, value_of(__builtin_ctz(left)), op->immediate & 2);
  }
  set_row(w, op->d, result);
}

void elect_of_group(Warp& w, const Op* op) {
  const uint32_t members = w.mask & member_mask(w, op);
  const int leader = __builtin_ctz(members != 0 ? members : w.mask);
  if (op->d != kNoRow) set_row(w, op->d, static_cast<uint32_t>(leader));
  if (op->list != kNoRow) set_predicate(w, op->list, 1u << leader);
}

// Lanes may name different masks in one instruction (the parts of a cooperative group do): each set is a
// group.
const Op* by_group(Warp& w, const Op* op, void (*of_group)(Warp&, const Op*)) {
  const Op* next = nullptr;
  if (!gather(w, op, &next)) return next;
  const uint32_t here = w.mask;
  for (uint32_t left = here; left != 0; left &= ~w.mask) {
    w.mask = left;
    const uint32_t members = member_mask(w, op);
    uint32_t group = left & (0u - left);
    for (uint32_t others = left & (left - 1); others != 0; others &= others - 1) {
      const uint32_t other = others & (0u - others);
      w.mask = other;
      if (member_mask(w, op) == members) group |= other;
    }
    w.mask = group;
    of_group(w, op);
  }
  w.mask = here;
  return op + 1;
}

}  // namespace

const Op* vote(Warp& w, const Op* op) {
  return by_group(w, op, vote_of_group);
}
const Op* match(Warp& w, const Op* op) {
  return by_group(w, op, match_of_group);
}
const Op* redux(Warp& w, const Op* op) {
  return by_group(w, op, redux_of_group);
}
const Op* elect(Warp& w, const Op* op) {
  return by_group(w, op, elect_of_group);
}

const Op* active_mask(Warp& w, const Op* op) {
  set_row(w, op->d, w.mask);
  return op + 1;
}

// What one group of lanes did before, the others of the group see after.
void sync_group(Warp& w, const Op*) {
  w.shadow->sync_lanes(w.index, w.mask, w.mask == w.live);
}

const Op* sync_warp(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!gather(w, op, &next)) return next;
  if (w.shadow == nullptr) return op + 1;
  return by_group(w, op, sync_group);
}

const Op* exit_lanes(Warp& w, const Op*) {
  w.live &= ~w.mask;
  return next_group(w);
}

const Op* trap(Warp& w, const Op* op) {
  return fault(w, op, __builtin_ctz(w.mask), Finding::Kind::kTrap, "trap: the kernel stopped itself");
}

const Op* unsupported(Warp& w, const Op* op) {
  const InstructionInfo& info = w.kernel->instructions[static_cast<std::size_t>(op->instruction)];
  return fault(w, op, __builtin_ctz(w.mask), Finding::Kind::kUnsupported,
               "instruction `" + info.text + "` (PTX line " + std::to_string(info.ptx_line) +
                   ") is not supported by the simulator yet" + (info.note.empty() ? "" : ": " + info.note));
}

const Op* no_op(Warp&, const Op* op) {
  return op + 1;
}

const Op* read_clock(Warp& w, const Op* op) {
  const Options::Clock& clock = w.block->launch->options->clock;
  uint64_t now = static_cast<uint64_t>(w.cycles);
  if (clock.sm_mhz > 0) {
    now = op->flags & kNanoseconds ? clock.start_ns + static_cast<uint64_t>(w.cycles * 1000 / clock.sm_mhz)
                                   : clock.start_cycles + now;
  }
  now >>= op->immediate;
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    set_lane(w, op->d, __builtin_ctz(left), op->size == 8 ? now : static_cast<uint32_t>(now), op->size);
  }
  return op + 1;
}

}  // namespace warpwright::sim
