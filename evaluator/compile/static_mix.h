// What kind of instructions a function consists of.
#pragma once

#include "evaluator/compile/fingerprint.h"

namespace warpwright::compile {

// Adds one function's own instructions.
void add_mix(const ptx::Function& function, StaticMix& mix);

}  // namespace warpwright::compile
