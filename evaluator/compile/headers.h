// Standard headers that NVRTC lacks and kernels include out of habit, handed to it in memory.
#pragma once

#include <vector>

#include "evaluator/compile/nvrtc.h"

namespace warpwright::compile {

// Found before any file of the same name, for quoted and angled includes.
const std::vector<MemoryHeader>& memory_headers();

}  // namespace warpwright::compile
