// Local memory: a private frame per lane, also the home of call parameters.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

bool access_local(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, bool is_load);
const Op* load_local(Warp& w, const Op* op);
const Op* store_local(Warp& w, const Op* op);
// Copies `immediate` bytes of each lane's frame from offset list to offset target (arguments and results of
// calls).
const Op* copy_local(Warp& w, const Op* op);
// Copies bytes of a lane's frame, and the marks that say which of them were written.
void copy_in_frame(Warp& w, int lane, std::size_t to, std::size_t from, std::size_t bytes);

}  // namespace warpwright::sim
