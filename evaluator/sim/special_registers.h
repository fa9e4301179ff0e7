// %tid, %ctaid and their like.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

bool is_per_block(std::string_view name);  // differs from block to block; the others only between warps
void fill_special(Warp& w, const ConstantRow& row);

}  // namespace warpwright::sim
