// cp.async, 4 to 16 bytes a lane from global to shared memory; made at once, so that waits have nothing to
// do.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// Op: s[0] + immediate shared address, s[1] + list global address, size = bytes, s[2] = bytes to read or
// kNoRow (the rest is zero), s[3] = predicate that reads none or kNoRow.
const Op* copy_async(Warp& w, const Op* op);
const Op* async_nothing(Warp& w, const Op* op);

}  // namespace warpwright::sim
