// All handlers of one instruction-set level; each level_*.cpp includes this once with its WW_ISA.
#pragma once

#include "evaluator/sim/isa/control_ops.h"
#include "evaluator/sim/isa/float_ops.h"
#include "evaluator/sim/isa/integer_ops.h"
#include "evaluator/sim/isa/matrix_ops.h"
#include "evaluator/sim/isa/memory_ops.h"
#include "evaluator/sim/isa/shuffle_ops.h"

namespace warpwright::sim::WW_ISA {

// Runs a warp until a handler hands the processor back.
static void run_warp(Warp& w, const Op* op) {
  while (op != nullptr) {
    op = op->run(w, op);
    WW_LEAVE_LEVEL();
  }
}

constexpr MemoryHandlers make_handlers() {
  MemoryHandlers h;
  fill_memory_row<1>(h, 0);
  fill_memory_row<2>(h, 1);
  fill_memory_row<4>(h, 2);
  fill_memory_row<8>(h, 3);
  fill_matrix_row(h);
  h.shuffle = shuffle;
  h.shuffle_fixed = shuffle_fixed;
  h.leader = leader;
  h.guard = guard;
  h.unguard = unguard;
  h.run_warp = run_warp;
  h.branch = branch;
  h.branch_if = branch_if;
  return h;
}

const IsaLevel& level() {
  static constexpr IsaLevel kLevel = {WW_ISA_NAME, kIntegerOps, kFloatOps, make_handlers()};
  return kLevel;
}

}  // namespace warpwright::sim::WW_ISA
