// tensormap.replace and tensormap.cp_fenceproxy (PTX ISA, "Data Movement and Conversion Instructions:
// tensormap.replace", "Parallel Synchronization and Communication Instructions: tensormap.cp_fenceproxy").
#include <fmt/format.h>

#include <cstring>

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/bulk_copy.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/mbarrier.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {
namespace {

// Element types are numbered otherwise than in cuda.h.
constexpr TensorMapType kTypes[] = {
    TensorMapType::kU8,      TensorMapType::kU16,   TensorMapType::kU32,       TensorMapType::kS32,
    TensorMapType::kU64,     TensorMapType::kS64,   TensorMapType::kF16,       TensorMapType::kF32,
    TensorMapType::kF32Ftz,  TensorMapType::kF64,   TensorMapType::kBf16,      TensorMapType::kTf32,
    TensorMapType::kTf32Ftz, TensorMapType::kU4x16, TensorMapType::kU4x16Wide, TensorMapType::kU6x16Wide};

bool set_atomicity(TensorMap& map, uint64_t value) {
  constexpr TensorSwizzle kModes[] = {TensorSwizzle::k128, TensorSwizzle::k128Atom32,
                                      TensorSwizzle::k128Atom32Flip8, TensorSwizzle::k128Atom64};
  if (value >= std::size(kModes)) return false;
  if (map.swizzle >= TensorSwizzle::k128) map.swizzle = kModes[value];
  return value == 0 || map.swizzle >= TensorSwizzle::k128;
}

// False: there is no such value or dimension.
bool set_field(TensorMap& map, TensorMapField field, uint32_t ordinal, uint64_t value) {
  const auto low = static_cast<uint32_t>(value);
  switch (field) {
    case TensorMapField::kAddress:
      map.address = value;
      return true;
    case TensorMapField::kRank:
      map.rank = low + 1;
      return low < kMaxTensorRank;
    case TensorMapField::kBox:
      if (ordinal < kMaxTensorRank) map.box[ordinal] = low;
      return ordinal < kMaxTensorRank && low <= UINT16_MAX;
    case TensorMapField::kDimension:
      if (ordinal < kMaxTensorRank) map.dims[ordinal] = low;
      return ordinal < kMaxTensorRank;
    case TensorMapField::kStride:
      if (ordinal + 1 < kMaxTensorRank) map.strides[ordinal] = value;
      return ordinal + 1 < kMaxTensorRank;
    case TensorMapField::kElementStride:
      if (ordinal < kMaxTensorRank) map.element_strides[ordinal] = low;
      return ordinal < kMaxTensorRank && low <= UINT8_MAX;
    case TensorMapField::kType:
      if (low < std::size(kTypes)) map.type = kTypes[low];
      return low < std::size(kTypes);
    case TensorMapField::kInterleave:
      map.interleave = static_cast<uint8_t>(low);
      return low <= 2;
    case TensorMapField::kSwizzle:
      map.swizzle = static_cast<TensorSwizzle>(low);
      return low <= static_cast<uint32_t>(TensorSwizzle::k128);
    case TensorMapField::kAtomicity:
      return set_atomicity(map, low);
    case TensorMapField::kFill:
      map.oob_fill = static_cast<uint8_t>(low);
      return low <= 1;
  }
  return false;
}

// Writing a buffer's bytes: marked, and its race cells are left alone (the map's own fences order it).
void note_map_written(Warp& w, uint64_t address) {
  Buffer* buffer = w.block->memory->find(address);
  if (buffer == nullptr) return;
  buffer->mark_written(address, kTensorMapBytes);
  buffer->touch(buffer->sectors_written, address, kTensorMapBytes);
}

}  // namespace

const Op* replace_tensor_map_op(Warp& w, const Op* op) {
  const bool in_shared = (op->flags & kGenericAddress) == 0 && (op->flags & kConstantSpace) == 0;
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t address = lane_address(w, op, lane);
    std::byte* image = find_tensor_map(w, op, lane, address, in_shared, true);
    if (image == nullptr) return nullptr;
    auto map = decode_tensor_map(std::span<const std::byte, kTensorMapBytes>(image, kTensorMapBytes));
    if (!map) {
      return fault(w, op, lane, Finding::Kind::kBadDescriptor,
                   "tensormap.replace of bytes that are no tensor map: copy a whole one there first");
    }
    if (!set_field(*map, static_cast<TensorMapField>(op->count), op->list, lane_wide(w, op->s[1], lane))) {
      return fault(
          w, op, lane, Finding::Kind::kBadDescriptor,
          fmt::format("tensormap.replace of dimension {} by {:#x}: there is no such dimension or value",
                      op->list, lane_wide(w, op->s[1], lane)));
    }
    const TensorMapImage changed = encode_tensor_map(*map);
    std::memcpy(image, changed.data(), changed.size());
    if (!in_shared && address / kSharedWindow != 1) note_map_written(w, address);
  }
  return op + 1;
}

const Op* copy_tensor_map_op(Warp& w, const Op* op) {
  // The whole warp executes it: one copy.
  const int lane = __builtin_ctz(w.mask);
  const uint64_t to = lane_wide(w, op->s[0], lane), from = lane_wide(w, op->s[1], lane);
  std::byte* target = find_tensor_map(w, op, lane, to, false, true);
  if (target == nullptr) return nullptr;
  const std::byte* source = find_tensor_map(w, op, lane, from, true, true);
  if (source == nullptr) return nullptr;
  std::memcpy(target, source, kTensorMapBytes);
  note_map_written(w, to);
  return op + 1;
}

}  // namespace warpwright::sim
