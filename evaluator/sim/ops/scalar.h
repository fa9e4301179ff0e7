// Operations that inner loops rarely use: the same tables as in isa/, compiled once for the baseline.
#pragma once

#include <span>

#include "evaluator/sim/op_table.h"

namespace warpwright::sim {

std::span<const OpEntry> rare_integer_ops();
std::span<const OpEntry> rare_packed_ops();
std::span<const OpEntry> rare_float_ops();
std::span<const OpEntry> rare_half_ops();

}  // namespace warpwright::sim
