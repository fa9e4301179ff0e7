// Control flow and register use of one function: what the simulator needs to lay out a warp's registers.
#pragma once

#include <vector>

#include "evaluator/ptx/module.h"

namespace warpwright::ptx {

struct Block {
  int begin = 0;  // indices into Function::code, [begin, end)
  int end = 0;
  std::vector<int> successors;  // block indices, ascending, without repeats
};

struct FlowGraph {
  std::vector<Block> blocks;  // in text order; blocks[0] is the entry
  std::vector<int> block_of;  // instruction -> block
  // Tables of labels in hostile text can name a million edges: then some are left out, and every register
  // that is not local to a block is taken to live everywhere.
  bool edges_left_out = false;
  bool is_leader(int instruction) const {
    return blocks[static_cast<std::size_t>(block_of[static_cast<std::size_t>(instruction)])].begin ==
           instruction;
  }
};

// Instructions at which a warp may wait for others: bar, barrier, call, and mbarrier and ".wait" forms. Each
// forms a block of its own, so that no block-local register lives across one while other lanes run.
bool may_wait(const Instruction& instruction);

// Blocks start at labels, after branches and exits, and around instructions for which `isolate` is true.
// With `gathers`, the first instruction of a straight run for which it is true starts a block too.
FlowGraph build_flow(const Function& function, bool (*isolate)(const Instruction&) = may_wait,
                     bool (*gathers)(const Instruction&) = nullptr);

// Per register: all its uses are in one block and the first is an unguarded definition. Such a register needs
// no value on entry of its block, so lanes that are not active may be overwritten by a whole-row write.
std::vector<char> find_block_local(const Function& function, const FlowGraph& flow);

// Registers renumbered into few rows. Two registers share a row only if they are never live at once.
// Block-local registers have rows of their own: they may be written without a mask, and other lanes of the
// warp may be at an instruction where a register of another block is live. 16- and 32-bit registers share one
// pool of rows.
struct RowAssignment {
  enum Pool { kPredicates, k32Bit, k64Bit, k128Bit, kPools };
  std::vector<int> row;   // register -> row in its pool; -1 for a register that is never used
  int rows[kPools] = {};  // rows of each pool
  static Pool pool_of(RegisterClass cls);
};
RowAssignment assign_rows(const Function& function, const FlowGraph& flow,
                          const std::vector<char>& block_local);

}  // namespace warpwright::ptx
