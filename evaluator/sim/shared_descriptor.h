// The 64-bit descriptor by which tcgen05.mma and tcgen05.cp name a matrix in shared memory (PTX ISA, "Shared
// memory descriptor"), bits: 0-13 address / 16, 16-29 leading and 32-45 stride byte offset / 16, 46-48 the
// constant 1, 49-51 base offset, 52 how the leading offset is meant, 53-60 zero, 61-63 swizzle.
#pragma once

#include <cstdint>
#include <string>

#include "evaluator/sim/matrix_tile.h"

namespace warpwright::sim {

// Why the hardware does not take it, with the mend; empty if it does.
std::string parse_shared_descriptor(uint64_t bits, bool k_major, TileLayout& layout);

}  // namespace warpwright::sim
