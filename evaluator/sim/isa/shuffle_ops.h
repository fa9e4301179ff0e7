// shfl.sync. Op: d = value, s = {source, lane operand, clamp and segment mask, member mask}, list = row of
// the predicate result or kNoRow, flags = mode.
#pragma once

#include "evaluator/sim/isa/lanes.h"
#include "evaluator/sim/shuffle_mode.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim::WW_ISA {

// result[k] = source[from[k]].
WW_INLINE void pick_lanes(Word* result, const Word* source, const uint32_t* from) {
#if defined(__AVX512F__)
  typedef uint32_t Sixteen [[gnu::vector_size(64), gnu::may_alias]];
  const auto* half = reinterpret_cast<const Sixteen*>(source);
  const Sixteen low = half[0], high = half[1];
  Sixteen index[2];
  __builtin_memcpy(index, from, sizeof index);
  auto* to = reinterpret_cast<Sixteen*>(result);
  to[0] = __builtin_shuffle(low, high, index[0]);
  to[1] = __builtin_shuffle(low, high, index[1]);
#else
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = source[from[lane]];
#endif
}

[[gnu::noinline]] static void do_shuffle(Warp& w, const Op* op) {
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
  pick_lanes(result, source, from);
  std::byte* out = output(w, op);
  __builtin_memcpy(out, result, sizeof result);
  finish<uint32_t>(w, op, out);
  if (op->list != kNoRow) {
    uint32_t bits = 0;
    for (int lane = 0; lane < kLanes; ++lane) bits |= inside[lane] << lane;
    write_predicate(w, op->list, bits);
  }
}

[[gnu::noinline]] static const Op* shuffle_diverged(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!gather_lanes(w, op, words(w, op->s[3])[__builtin_ctz(w.mask)], &next)) return next;
  do_shuffle(w, op);
  return op + 1;
}

static const Op* shuffle(Warp& w, const Op* op) {
  if (w.mask != w.live) return shuffle_diverged(w, op);
  do_shuffle(w, op);
  WW_NEXT(w, op);
}

// The same where lane, clamp and segment are literals: list = index of the lanes to read from in
// Kernel::lists, immediate = the lanes whose source is in range, s[1] = row of the predicate result or
// kNoRow.
[[gnu::noinline]] static void do_shuffle_fixed(Warp& w, const Op* op) {
  std::byte* out = output(w, op);
  alignas(64) uint32_t result[kLanes];
  pick_lanes(result, words(w, op->s[0]), w.lists + op->list);
  __builtin_memcpy(out, result, sizeof result);
  finish<uint32_t>(w, op, out);
  if (op->s[1] != kNoRow) write_predicate(w, op->s[1], static_cast<uint32_t>(op->immediate));
}

[[gnu::noinline]] static const Op* shuffle_fixed_diverged(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!gather_lanes(w, op, words(w, op->s[3])[__builtin_ctz(w.mask)], &next)) return next;
  do_shuffle_fixed(w, op);
  return op + 1;
}

static const Op* shuffle_fixed(Warp& w, const Op* op) {
  if (w.mask != w.live) return shuffle_fixed_diverged(w, op);
#if defined(__AVX512F__)
  if (w.full) {  // in registers all the way
    pick_lanes(words(w, op->d), words(w, op->s[0]), w.lists + op->list);
    if (op->s[1] != kNoRow) predicate(w, op->s[1]) = static_cast<uint32_t>(op->immediate);
    WW_NEXT(w, op);
  }
#endif
  do_shuffle_fixed(w, op);
  WW_NEXT(w, op);
}

}  // namespace warpwright::sim::WW_ISA
