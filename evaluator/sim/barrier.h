// Named barriers of a block (bar, barrier).
#pragma once

#include <string>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// Op: s[0] = barrier number, s[1] = thread count or kNoRow, s[2] = predicate of a reduction or kNoRow, flags
// below.
inline constexpr uint8_t kArriveOnly = 1;
inline constexpr uint8_t kAligned = 2;
const Op* barrier_op(Warp& w, const Op* op);
// What bar.red computed. Op: d; flags: 0 popc, 1 and, 2 or.
const Op* barrier_result(Warp& w, const Op* op);

// Opens every barrier whose warps have all come. True if there was one.
bool open_barriers(Block& block);
// A new block's: what the last one left is forgotten.
void start_barriers(Block& block);
// "waits at barrier 2, where 64 of 96 threads have arrived"
std::string describe_barrier(const Block& block, int id);

}  // namespace warpwright::sim
