// Shared memory as operations of the asynchronous proxy read and write it (PTX ISA, "Memory Consistency
// Model: Proxies").
//
// What threads wrote with plain stores reaches such an operation only behind a fence.proxy.async between the
// store and the operation. What it writes is nobody's until its mbarrier (or group) has been waited for:
// poison, and a finding.
#pragma once

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// The operation reads these bytes from now on: reports what is unordered, unfenced, unwritten or in flight.
void check_proxy_read(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes);

// The operation will write them: checks the accesses before it and fills them with poison, in flight.
void begin_proxy_write(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes);
// The bytes have been written. `meeting`: of the mbarrier phase it completes, who takes that over may read
// them; other reductions may come at any time.
void end_proxy_write(const Warp& w, const SharedPlace& place, uint32_t bytes, Meeting& meeting,
                     bool is_reduction = false);
// The same in two steps, for data in many pieces: a tag once, then the pieces.
uint64_t proxy_write_tag(const Warp& w, const Block& block, Meeting& meeting);
void mark_proxy_write(const SharedPlace& place, uint32_t bytes, uint64_t tag);

// FNV-like hash of what is about to be read, to see whether it was overwritten before the operation was
// waited for.
uint64_t hash_shared(const SharedPlace& place, uint32_t bytes, uint64_t seed);

}  // namespace warpwright::sim
