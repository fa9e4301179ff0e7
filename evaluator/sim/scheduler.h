// Runs all blocks of a launch.
#pragma once

#include <string>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// Blocks that a device of 148 SMs holds at once, by threads and shared memory.
uint64_t resident_blocks_of(const Kernel& kernel, const Launch& launch);
// Why the launch's resident blocks cannot be simulated, or do not fit on the device; empty if they do.
std::string refuse_residents(const Kernel& kernel, const Launch& launch, bool detect_races);

// Runs every block to its end, or until the launch has to end (LaunchState::faulted).
void run_blocks(LaunchState& state, Memory::Impl& memory, const ModuleImage& image,
                uint64_t parameter_address);

}  // namespace warpwright::sim
