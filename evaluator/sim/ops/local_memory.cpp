#include "evaluator/sim/ops/local_memory.h"

#include <fmt/format.h>

#include <algorithm>

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

// Marks the bytes of a store; of a load, false if none of its bytes was ever stored. A load of some unwritten
// bytes passes: compilers copy structures whole, padding and all.
bool note_written(Warp& w, const std::byte* memory, std::size_t bytes, bool is_load) {
  uint8_t* marks = w.local_written + (memory - w.local);
  if (is_load) return std::find(marks, marks + bytes, 1) != marks + bytes;
  std::fill(marks, marks + bytes, 1);
  return true;
}

}  // namespace

bool access_local(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, bool is_load) {
  const auto bytes = static_cast<uint32_t>(op->size) * op->count;
  w.counters->local_accesses += 1;
  bool said_unwritten = false;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t address = addresses[lane];
    if (bytes > w.kernel->local_bytes || address > w.kernel->local_bytes - bytes || address % bytes != 0) {
      access_fault(w, op, addresses, 1u << lane, bytes, is_load, MemorySpace::kLocal);
      return false;
    }
    std::byte* memory = frame(w, lane) + address;
    if (w.local_written != nullptr && !note_written(w, memory, bytes, is_load) && !said_unwritten) {
      said_unwritten = true;
      report(
          w, op, lane, Finding::Kind::kUninitialisedRead,
          fmt::format("reads {} bytes of its local memory (+ {}) that it has not written", bytes, address));
    }
    move_elements(w, op, lane, memory, is_load);
  }
  return true;
}

const Op* load_local(Warp& w, const Op* op) {
  return local_op(w, op, true);
}
const Op* store_local(Warp& w, const Op* op) {
  return local_op(w, op, false);
}

void copy_in_frame(Warp& w, int lane, std::size_t to, std::size_t from, std::size_t bytes) {
  std::byte* base = frame(w, lane);
  std::memmove(base + to, base + from, bytes);
  if (w.local_written == nullptr) return;
  uint8_t* marks = w.local_written + (base - w.local);
  std::memmove(marks + to, marks + from, bytes);
}

const Op* copy_local(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    copy_in_frame(w, __builtin_ctz(left), static_cast<std::size_t>(op->target), op->list,
                  static_cast<std::size_t>(op->immediate));
  }
  return op + 1;
}

}  // namespace warpwright::sim
