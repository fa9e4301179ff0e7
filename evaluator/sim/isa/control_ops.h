// Block leaders, guards and branches.
#pragma once

#include <algorithm>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/isa/lanes.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim::WW_ISA {

// Starts a stretch of straight code: joins parts of the warp, counts, charges the budget. Op::list is the
// stretch.
static const Op* leader(Warp& w, const Op* op) {
  if (w.group_count != 0) {
    const Op* other = reconverge(w, op);
    if (other != op) return other;
  }
  StretchRuns& runs = w.stretch_runs[op->list];
  runs.warps += 1;
  runs.lanes += static_cast<uint32_t>(__builtin_popcount(w.mask));
  if (runs.path.first_slow_use >= 0) w.cycles = std::max(w.cycles, w.pending - runs.path.first_slow_use);
  w.cycles += runs.path.cycles;
  if (runs.path.pending > 0) w.pending = std::max(w.pending, w.cycles + runs.path.pending);
  *w.budget -= op->immediate;
  if (*w.budget < 0) return budget_fault(w, op);
  if (--w.slice < 0) return end_slice(w, op);
  WW_NEXT(w, op);
}

// The operations up to the matching unguard, `count` of them, run for the lanes whose predicate holds (fails,
// with flags = 1).
static const Op* guard(Warp& w, const Op* op) {
  const uint32_t p = predicate(w, op->s[0]);
  const uint32_t active = w.mask & (op->flags ? ~p : p);
  if (active == 0) WW_GO(w, op + op->count + 2);
  w.unguarded_mask = w.mask;
  w.set_mask(active);
  WW_NEXT(w, op);
}

static const Op* unguard(Warp& w, const Op* op) {
  w.set_mask(w.unguarded_mask);
  WW_NEXT(w, op);
}

static const Op* branch(Warp& w, const Op* op) {
  WW_GO(w, w.code + op->target);
}

static const Op* branch_if(Warp& w, const Op* op) {
  const uint32_t p = predicate(w, op->s[0]);
  const uint32_t taken = w.mask & (op->flags ? ~p : p);
  if (taken == w.mask) WW_GO(w, w.code + op->target);
  if (taken == 0) WW_NEXT(w, op);
  return diverge(w, w.code + op->target, taken, op + 1, w.mask & ~taken);
}

}  // namespace warpwright::sim::WW_ISA
