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
  return op + 1;
}

// Runs the next operation for the lanes whose predicate holds (fails, with flags = 1).
static const Op* guard(Warp& w, const Op* op) {
  const uint32_t p = predicate(w, op->s[0]);
  const uint32_t before = w.mask;
  const uint32_t active = before & (op->flags ? ~p : p);
  if (active == 0) return op + 2;
  if (active == before) return op + 1;
  w.set_mask(active);
  const Op* next = op[1].run(w, op + 1);
  w.set_mask(before);
  return next;
}

static const Op* branch(Warp& w, const Op* op) {
  return w.code + op->target;
}

static const Op* branch_if(Warp& w, const Op* op) {
  const uint32_t p = predicate(w, op->s[0]);
  const uint32_t taken = w.mask & (op->flags ? ~p : p);
  if (taken == w.mask) return w.code + op->target;
  if (taken == 0) return op + 1;
  return diverge(w, w.code + op->target, taken, op + 1, w.mask & ~taken);
}

}  // namespace warpwright::sim::WW_ISA
