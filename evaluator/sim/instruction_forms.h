// The table behind instructions.h: one line per set of forms.
#pragma once

#include <span>

#include "evaluator/sim/instructions.h"

namespace warpwright::sim {

std::span<const SupportedInstruction> instruction_forms();
// What the decoder does not look up here.
std::span<const SupportedInstruction> other_forms();

}  // namespace warpwright::sim
