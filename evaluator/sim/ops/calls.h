// Calls, returns, branches through tables, and the stack of alloca.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// What a function's address is: nothing else is there. `number`: its place in the module.
inline constexpr uint64_t kFunctionWindow = 0x0400'0000'0000;
inline uint64_t function_pointer(std::size_t number) {
  return kFunctionWindow + 16 * (uint64_t{number} + 1);
}

// A part of a lane's local frame.
struct FrameSlot {
  uint32_t offset = 0, size = 0;
};
// A function that may be called through a register.
struct Callee {
  uint64_t pointer = 0;
  int32_t entry = -1;  // index into Kernel::code
  uint32_t return_row = kNoRow;
  std::vector<FrameSlot> parameters, results;
};
// What the caller passes and takes.
struct IndirectCall {
  std::vector<FrameSlot> arguments, results;
};

// A function's return row holds, per lane, the index of the operation to return to; 0: not called. s[0].
const Op* call(Warp& w, const Op* op);           // target; returns to op + 1
const Op* call_indirect(Warp& w, const Op* op);  // s[0] = function pointers, list = Kernel::indirect_calls
const Op* take_results(Warp& w, const Op* op);   // behind call_indirect, the same operands
const Op* return_lanes(Warp& w, const Op* op);
const Op* branch_indexed(Warp& w, const Op* op);  // s[0] = index row, list = table

// Local memory that a thread takes while it runs; it is given back when the kernel ends.
inline constexpr uint32_t kAllocaBytes = 16 * 1024;
const Op* allocate_local(Warp& w, const Op* op);  // d, s[0] = bytes, s[1] = stack row, immediate = alignment,
                                                  // size = bytes of both registers
}  // namespace warpwright::sim
