#include "evaluator/sim/tensor_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace warpwright::sim {
namespace {

constexpr uint64_t kMark = 0x70616d2d726f736e;  // "nsor-map"
constexpr uint64_t kMostElements = uint64_t{1} << 32, kStrideLimit = uint64_t{1} << 40;
constexpr uint32_t kMostBox = 256, kMostElementStride = 8;

// The figures as they lie in the image, without gaps.
struct Layout {
  uint64_t address, mark, check;
  uint64_t dims[kMaxTensorRank], strides[kMaxTensorRank - 1];
  uint16_t box[kMaxTensorRank];
  uint8_t element_strides[kMaxTensorRank];
  uint8_t type, rank, interleave, swizzle, l2_promotion, oob_fill;
  uint8_t unused[11];
};
static_assert(sizeof(Layout) == kTensorMapBytes);

uint64_t check_of(Layout layout) {
  layout.check = 0;
  uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&layout);
  for (std::size_t k = 0; k < sizeof layout; k += 8) {
    uint64_t word;
    std::memcpy(&word, bytes + k, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  }
  return hash;
}

uint32_t alignment_of(const TensorMap& map) {
  const bool padded = map.type == TensorMapType::kU4x16Wide || map.type == TensorMapType::kU6x16Wide;
  return map.interleave == 2 || padded ? 32 : 16;
}

std::optional<std::string> complaint_about_dimension(const TensorMap& map, uint32_t d) {
  if (map.dims[d] == 0 || map.dims[d] > kMostElements)
    return fmt::format("dimension {} has {} elements: 1 to 2^32", d, map.dims[d]);
  if (map.box[d] == 0 || map.box[d] > kMostBox)
    return fmt::format("the box has {} elements in dimension {}: 1 to {}", map.box[d], d, kMostBox);
  if (map.element_strides[d] == 0 || map.element_strides[d] > kMostElementStride)
    return fmt::format("an element stride of {} in dimension {}: 1 to {}", map.element_strides[d], d,
                       kMostElementStride);
  if (d == 0) return std::nullopt;
  const uint64_t stride = map.strides[d - 1];
  if (stride % alignment_of(map) != 0 || stride >= kStrideLimit)
    return fmt::format("dimension {} has a stride of {} bytes: a multiple of {} below 2^40", d, stride,
                       alignment_of(map));
  return std::nullopt;
}

std::optional<std::string> complaint_about_packing(const TensorMap& map) {
  const TensorUnit unit = unit_of(map.type);
  if (unit.elements == 1) return std::nullopt;
  const bool padded = unit.global_bytes != unit.shared_bytes;
  const uint32_t multiple = padded ? 128 : 2;
  if (map.dims[0] % multiple != 0)
    return fmt::format("{} packed elements in a row: a multiple of {}", map.dims[0], multiple);
  if (padded && map.box[0] != 128) return "a box of padded packed elements has 128 of them in a row";
  if (map.box[0] % unit.elements != 0) return "a row of the box has no multiple of 16 packed elements";
  return std::nullopt;
}

std::optional<std::string> complaint_about_layout(const TensorMap& map) {
  if (map.oob_fill > 1 || (map.oob_fill == 1 && !is_floating(map.type)))
    return "only floating-point elements can be filled with NaN";
  if (map.interleave != 0) {
    if (map.interleave > 2) return fmt::format("interleave mode {}", map.interleave);
    if (map.rank < 3) return "interleaved tensors have 3 to 5 dimensions";
    if (map.interleave == 2 && map.swizzle != TensorSwizzle::k32)
      return "interleaving by 32 bytes goes with the 32-byte swizzle";
    return std::nullopt;
  }
  if (auto complaint = complaint_about_packing(map)) return complaint;
  const TensorUnit unit = unit_of(map.type);
  const uint32_t row = map.box[0] / unit.elements * unit.shared_bytes, span = swizzle_span(map.swizzle);
  if (row % 16 != 0) return fmt::format("a row of the box has {} bytes: a multiple of 16", row);
  if (span != 0 && row > span)
    return fmt::format("a row of the box has {} bytes, the swizzle allows {}", row, span);
  return std::nullopt;
}

}  // namespace

TensorUnit unit_of(TensorMapType type) {
  switch (type) {
    case TensorMapType::kU8:
      return {1, 1, 1};
    case TensorMapType::kU16:
    case TensorMapType::kF16:
    case TensorMapType::kBf16:
      return {1, 2, 2};
    case TensorMapType::kU32:
    case TensorMapType::kS32:
    case TensorMapType::kF32:
    case TensorMapType::kF32Ftz:
    case TensorMapType::kTf32:
    case TensorMapType::kTf32Ftz:
      return {1, 4, 4};
    case TensorMapType::kU64:
    case TensorMapType::kS64:
    case TensorMapType::kF64:
      return {1, 8, 8};
    case TensorMapType::kU4x16:
      return {16, 8, 8};
    case TensorMapType::kU4x16Wide:
      return {16, 8, 16};
    case TensorMapType::kU6x16Wide:
      return {16, 12, 16};
  }
  return {};
}

bool is_floating(TensorMapType type) {
  return type >= TensorMapType::kF16 && type <= TensorMapType::kTf32Ftz;
}

uint32_t box_elements(const TensorMap& map, uint32_t dimension) {
  if (dimension == 0) return map.box[0];
  return (map.box[dimension] + map.element_strides[dimension] - 1) / map.element_strides[dimension];
}

uint32_t box_bytes(const TensorMap& map) {
  const TensorUnit unit = unit_of(map.type);
  uint64_t bytes = uint64_t{box_elements(map, 0)} / unit.elements * unit.shared_bytes;
  for (uint32_t d = 1; d < map.rank; ++d) bytes *= box_elements(map, d);
  return static_cast<uint32_t>(std::min<uint64_t>(bytes, UINT32_MAX));  // far beyond any shared memory
}

std::optional<std::string> complaint_about(const TensorMap& map) {
  if (map.rank < 1 || map.rank > kMaxTensorRank)
    return fmt::format("a tensor of {} dimensions: 1 to {}", map.rank, kMaxTensorRank);
  if (map.type > TensorMapType::kU6x16Wide) return "an element type that does not exist";
  if (map.swizzle > TensorSwizzle::k128Atom64) return "a swizzle mode that does not exist";
  if (map.address == 0 || map.address % alignment_of(map) != 0)
    return fmt::format("its address {:#x} is no multiple of {} bytes", map.address, alignment_of(map));
  for (uint32_t d = 0; d < map.rank; ++d)
    if (auto complaint = complaint_about_dimension(map, d)) return complaint;
  return complaint_about_layout(map);
}

TensorMapImage encode_tensor_map(const TensorMap& map) {
  Layout layout = {};
  layout.mark = kMark;
  layout.address = map.address;
  std::copy(map.dims.begin(), map.dims.end(), layout.dims);
  std::copy(map.strides.begin(), map.strides.end(), layout.strides);
  for (std::size_t d = 0; d < kMaxTensorRank; ++d) {
    layout.box[d] = static_cast<uint16_t>(std::min<uint32_t>(map.box[d], UINT16_MAX));
    layout.element_strides[d] = static_cast<uint8_t>(std::min<uint32_t>(map.element_strides[d], UINT8_MAX));
  }
  layout.type = static_cast<uint8_t>(map.type);
  layout.rank = static_cast<uint8_t>(std::min<uint32_t>(map.rank, UINT8_MAX));
  layout.interleave = map.interleave;
  layout.swizzle = static_cast<uint8_t>(map.swizzle);
  layout.l2_promotion = map.l2_promotion;
  layout.oob_fill = map.oob_fill;
  layout.check = check_of(layout);
  TensorMapImage image;
  std::memcpy(image.data(), &layout, sizeof layout);
  return image;
}

std::optional<TensorMap> decode_tensor_map(std::span<const std::byte, kTensorMapBytes> image) {
  Layout layout;
  std::memcpy(&layout, image.data(), sizeof layout);
  const bool is_blank =
      std::all_of(image.begin(), image.end(), [](std::byte byte) { return byte == std::byte{0}; });
  if (!is_blank && (layout.mark != kMark || layout.check != check_of(layout))) return std::nullopt;
  TensorMap map;
  map.address = layout.address;
  std::copy_n(layout.dims, kMaxTensorRank, map.dims.begin());
  std::copy_n(layout.strides, kMaxTensorRank - 1, map.strides.begin());
  std::copy_n(layout.box, kMaxTensorRank, map.box.begin());
  std::copy_n(layout.element_strides, kMaxTensorRank, map.element_strides.begin());
  map.type = static_cast<TensorMapType>(layout.type);
  map.rank = is_blank ? 1 : layout.rank;
  map.interleave = layout.interleave;
  map.swizzle = static_cast<TensorSwizzle>(layout.swizzle);
  map.l2_promotion = layout.l2_promotion;
  map.oob_fill = layout.oob_fill;
  return map;
}

uint32_t swizzle_chunk(TensorSwizzle swizzle) {
  switch (swizzle) {
    case TensorSwizzle::kNone:
    case TensorSwizzle::k32:
    case TensorSwizzle::k64:
    case TensorSwizzle::k128:
      return 16;
    case TensorSwizzle::k128Atom32:
      return 32;
    case TensorSwizzle::k128Atom32Flip8:
      return 8;
    case TensorSwizzle::k128Atom64:
      return 64;
  }
  return 16;
}

uint32_t swizzle_span(TensorSwizzle swizzle) {
  return swizzle == TensorSwizzle::kNone ? 0
         : swizzle == TensorSwizzle::k32 ? 32
         : swizzle == TensorSwizzle::k64 ? 64
                                         : 128;
}

}  // namespace warpwright::sim
