// setmaxnreg: the registers that a block's warps give back and take (PTX ISA, "setmaxnreg").
//
// A block begins with as many registers a thread as ptxas gives a kernel that has the instruction: what
// .maxnreg says, or what .minnctapersm leaves of an SM's 64 Ki, and no more than the largest count that the
// kernel asks for. Without either of them ptxas ignores setmaxnreg, and so does this. An increase waits
// until the block's pool has enough; one that never gets them is a deadlock. Only decreases fill the pool:
// the manual does not say that warps that have ended do.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "evaluator/ptx/module.h"
#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// Registers of a thread, for all threads of a warp.
struct RegisterPool {
  uint32_t free = 0;
  std::array<uint32_t, kMaxWarps> owned = {};  // by warp
};

inline constexpr int kAtRegisters = 24;  // Group::barrier: waits for registers

// At the kernel's start, by ptxas' rule; 0: setmaxnreg is ignored.
uint32_t launch_registers(const ptx::Function& function);

// Op: immediate = registers, flags: kIncrease.
inline constexpr uint8_t kIncrease = 1;
const Op* set_registers(Warp& w, const Op* op);
// Lets the warps go on that wait for registers which are there now. True if there was one.
bool grant_registers(Block& block);
std::string describe_register_wait(const Block& block);

}  // namespace warpwright::sim
