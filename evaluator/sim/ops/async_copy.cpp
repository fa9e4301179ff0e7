#include "evaluator/sim/ops/async_copy.h"

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/row_access.h"

namespace warpwright::sim {

const Op* async_nothing(Warp&, const Op* op) {
  return op + 1;
}

const Op* copy_async(Warp& w, const Op* op) {
  const auto bytes = static_cast<uint32_t>(op->size);
  uint64_t to[kLanes], from[kLanes];
  uint32_t reading = w.mask & (op->s[3] == kNoRow ? kFullMask : ~predicate_bits(w, op->s[3]));
  for (int lane = 0; lane < kLanes; ++lane) {
    to[lane] = lane_address(w, op, lane);
    from[lane] = lane_wide(w, op->s[1], lane) +
                 static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(op->list)));
    if (op->s[2] != kNoRow && lane_word(w, op->s[2], lane) == 0) reading &= ~(1u << lane);
  }
  if (access_fault(w, op, to, w.mask, bytes, false, MemorySpace::kShared)) return nullptr;
  if (reading != 0 && access_fault(w, op, from, reading, bytes, true, MemorySpace::kGlobal)) return nullptr;
  if (w.shadow != nullptr) check_shared(w, op, to, w.mask, bytes, SharedUse::kWrite);
  AccessSite pattern;
  w.counters->shared_accesses += 1;
  learn_shared(pattern, to, w.mask, bytes);
  w.counters->shared_wavefronts += pattern.cost;
  if (reading != 0) {
    learn_global(pattern, from, reading, bytes);
    w.counters->global_loads += 1;
    w.counters->global_sectors_read += pattern.cost;
  }
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    uint32_t valid = reading >> lane & 1 ? bytes : 0;
    if (valid != 0 && op->s[2] != kNoRow) valid = std::min(valid, lane_word(w, op->s[2], lane));
    std::byte* target = w.shared + to[lane];
    std::memset(target + valid, 0, bytes - valid);
    if (valid == 0) continue;
    Buffer* buffer = find_buffer(w, from[lane], bytes);
    note_global(w, op, *buffer, from, 1u << lane, valid, true);
    std::memcpy(target, buffer->host(from[lane]), valid);
  }
  return op + 1;
}

}  // namespace warpwright::sim
