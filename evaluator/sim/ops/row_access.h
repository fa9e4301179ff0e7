// Reading and writing single lanes of rows, for handlers that go lane by lane.
#pragma once

#include <cstring>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

inline uint32_t lane_word(const Warp& w, uint32_t row, int lane) {
  uint32_t value;
  std::memcpy(&value, w.rows + row + static_cast<std::size_t>(lane) * 4, 4);
  return value;
}
inline uint64_t lane_wide(const Warp& w, uint32_t row, int lane) {
  uint64_t value;
  std::memcpy(&value, w.rows + row + static_cast<std::size_t>(lane) * 8, 8);
  return value;
}
// `bytes` of the register's element: up to 4 in a 32-bit row, 8 in a 64-bit one.
inline uint64_t lane_value(const Warp& w, uint32_t row, int lane, int bytes) {
  return bytes == 8 ? lane_wide(w, row, lane) : lane_word(w, row, lane);
}
inline void set_lane(Warp& w, uint32_t row, int lane, uint64_t value, int bytes) {
  const std::size_t stride = bytes == 8 ? 8 : 4;
  std::memcpy(w.rows + row + static_cast<std::size_t>(lane) * stride, &value, stride);
}
inline uint32_t predicate_bits(const Warp& w, uint32_t row) {
  return lane_word(w, row, 0);
}
inline void set_predicate(Warp& w, uint32_t row, uint32_t bits) {
  const uint32_t merged = (predicate_bits(w, row) & ~w.mask) | (bits & w.mask);
  std::memcpy(w.rows + row, &merged, 4);
}
// The elements of a load or store (Op::list, count, size) between a lane and the memory.
inline void move_elements(Warp& w, const Op* op, int lane, std::byte* memory, bool is_load) {
  const auto element = static_cast<std::size_t>(op->size);
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
// The address operand of a memory operation.
inline uint64_t lane_address(const Warp& w, const Op* op, int lane) {
  if (op->flags & kAddress32) return lane_word(w, op->s[0], lane) + static_cast<uint32_t>(op->immediate);
  return lane_wide(w, op->s[0], lane) + static_cast<uint64_t>(op->immediate);
}

}  // namespace warpwright::sim
