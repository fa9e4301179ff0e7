// shfl.sync. Op: d = value, s = {source, lane operand, clamp and segment mask, member mask}, list = row of
// the predicate result or kNoRow, flags = mode.
#pragma once

#include "evaluator/sim/isa/lanes.h"
#include "evaluator/sim/shuffle_mode.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim::WW_ISA {

static const Op* shuffle(Warp& w, const Op* op) {
  if (w.mask != w.live) {
    const Op* next = nullptr;
    if (!gather_lanes(w, op, words(w, op->s[3])[__builtin_ctz(w.mask)], &next)) return next;
  }
  const Word* source = words(w, op->s[0]);
  const Word* which = words(w, op->s[1]);
  const Word* limits = words(w, op->s[2]);
  alignas(64) uint32_t from[kLanes], inside[kLanes];
  const auto mode = static_cast<ShuffleMode>(op->flags);
  // ISA manual, shfl.sync: c[4:0] is the clamp, c[12:8] the segment mask.
#define WW_SHUFFLE(expression, in_range)                    \
  for (uint32_t lane = 0; lane < kLanes; ++lane) {          \
    const uint32_t b = which[lane] & 31u, c = limits[lane]; \
    const uint32_t segment = c >> 8 & 31u, clamp = c & 31u; \
    const uint32_t first = lane & segment;                  \
    const uint32_t last = first | (clamp & ~segment);       \
    const uint32_t j = (expression);                        \
    const bool ok = (in_range);                             \
    (void)last;                                             \
    from[lane] = ok ? j & 31u : lane;                       \
    inside[lane] = ok;                                      \
  }
  switch (mode) {
    case ShuffleMode::kUp:
      WW_SHUFFLE(lane - b, static_cast<int32_t>(j) >= static_cast<int32_t>(last)) break;
    case ShuffleMode::kDown:
      WW_SHUFFLE(lane + b, j <= last) break;
    case ShuffleMode::kButterfly:
      WW_SHUFFLE(lane ^ b, j <= last) break;
    case ShuffleMode::kIndex:
      WW_SHUFFLE(first | (b & ~segment), j <= last) break;
  }
#undef WW_SHUFFLE
  alignas(64) uint32_t result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = source[from[lane]];
  std::byte* out = output(w, op);
  __builtin_memcpy(out, result, sizeof result);
  finish<uint32_t>(w, op, out);
  if (op->list != kNoRow) {
    uint32_t bits = 0;
    for (int lane = 0; lane < kLanes; ++lane) bits |= inside[lane] << lane;
    write_predicate(w, op->list, bits);
  }
  return op + 1;
}

}  // namespace warpwright::sim::WW_ISA
