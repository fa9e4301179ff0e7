// Operations across the lanes of a warp: votes, matches, reductions; and lane control: exits, calls.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// All that name a member mask have it in s[3] (kNoRow: the active lanes) and their block's leader in target.
enum class VoteMode : uint8_t { kAll, kAny, kUni, kBallot };
const Op* vote(Warp& w, const Op* op);  // d, s[0] = predicate, flags = mode
enum class MatchMode : uint8_t { kAny, kAll };
const Op* match(Warp& w, const Op* op);  // d, s[0], list = predicate row or kNoRow, flags = mode, size
enum class ReduxMode : uint8_t {
  kAdd,
  kMinUnsigned,
  kMinSigned,
  kMaxUnsigned,
  kMaxSigned,
  kAnd,
  kOr,
  kXor,
  kMinFloat,
  kMaxFloat
};
const Op* redux(Warp& w, const Op* op);        // d, s[0], flags = mode; immediate: 1 .abs, 2 .NaN
const Op* elect(Warp& w, const Op* op);        // d (or kNoRow), list = predicate row
const Op* active_mask(Warp& w, const Op* op);  // d
const Op* sync_warp(Warp& w, const Op* op);

const Op* exit_lanes(Warp& w, const Op* op);
const Op* trap(Warp& w, const Op* op);
const Op* unsupported(Warp& w, const Op* op);
const Op* no_op(Warp& w, const Op* op);
inline constexpr uint8_t kNanoseconds = 1;    // flag: %globaltimer
const Op* read_clock(Warp& w, const Op* op);  // d, size, immediate: bits to shift right

}  // namespace warpwright::sim
