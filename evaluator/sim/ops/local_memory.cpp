#include "evaluator/sim/ops/local_memory.h"

#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/row_access.h"

namespace warpwright::sim {
namespace {

const Op* local_op(Warp& w, const Op* op, bool is_load) {
  uint64_t addresses[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) addresses[lane] = lane_address(w, op, lane);
  return access_local(w, op, addresses, w.mask, is_load) ? op + 1 : nullptr;
}

std::byte* frame(const Warp& w, int lane) {
  return w.local + static_cast<std::size_t>(lane) * w.kernel->local_bytes;
}

}  // namespace

bool access_local(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, bool is_load) {
  const auto element = static_cast<std::size_t>(op->size);
  const auto bytes = static_cast<uint32_t>(element * op->count);
  w.counters->local_accesses += 1;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t address = addresses[lane];
    if (bytes > w.kernel->local_bytes || address > w.kernel->local_bytes - bytes || address % bytes != 0) {
      access_fault(w, op, addresses, 1u << lane, bytes, is_load, MemorySpace::kLocal);
      return false;
    }
    std::byte* memory = frame(w, lane) + address;
    for (std::size_t j = 0; j < op->count; ++j, memory += element) {
      const uint32_t row = w.lists[op->list + j];
      uint64_t value = 0;
      if (is_load) {
        std::memcpy(&value, memory, element);
        set_lane(w, row, lane, value, op->size);
      } else {
        value = lane_value(w, row, lane, op->size);
        std::memcpy(memory, &value, element);
      }
    }
  }
  return true;
}

const Op* load_local(Warp& w, const Op* op) {
  return local_op(w, op, true);
}
const Op* store_local(Warp& w, const Op* op) {
  return local_op(w, op, false);
}

const Op* copy_local(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    std::byte* base = frame(w, __builtin_ctz(left));
    std::memmove(base + op->target, base + op->list, static_cast<std::size_t>(op->immediate));
  }
  return op + 1;
}

}  // namespace warpwright::sim
