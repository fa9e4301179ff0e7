// Tensor maps: what cuTensorMapEncodeTiled makes and tensor copies read (CUDA Driver API, "Tensor Map Object
// Management"; PTX ISA, "Tensors" and "tensormap.replace").
//
// The hardware's 128 bytes are opaque; ours hold the same figures, a mark and a check sum, so that a map that
// a kernel made by hand, or damaged, is found when it is used.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace warpwright::sim {

inline constexpr int kMaxTensorRank = 5;
inline constexpr std::size_t kTensorMapBytes = 128;

// Enumerations by the values of cuda.h.
enum class TensorMapType : uint8_t {
  kU8,
  kU16,
  kU32,
  kS32,
  kU64,
  kS64,
  kF16,
  kF32,
  kF64,
  kBf16,
  kF32Ftz,
  kTf32,
  kTf32Ftz,
  kU4x16,      // 16 of 4 bits: 8 bytes in either memory
  kU4x16Wide,  // in shared memory 16 bytes, the upper half a gap
  kU6x16Wide,  // 12 bytes, in shared memory 16
};
enum class TensorSwizzle : uint8_t { kNone, k32, k64, k128, k128Atom32, k128Atom32Flip8, k128Atom64 };

struct TensorMap {
  uint64_t address = 0;
  TensorMapType type = TensorMapType::kU8;
  uint32_t rank = 1;
  std::array<uint64_t, kMaxTensorRank> dims = {};
  std::array<uint64_t, kMaxTensorRank - 1> strides = {};  // bytes, of the dimensions from the second on
  std::array<uint32_t, kMaxTensorRank> box = {}, element_strides = {1, 1, 1, 1, 1};
  uint8_t interleave = 0;  // 0: none, 1: 16 bytes, 2: 32 bytes
  TensorSwizzle swizzle = TensorSwizzle::kNone;
  uint8_t l2_promotion = 0;
  uint8_t oob_fill = 0;  // 1: NaN
};

// Elements are moved in units: one element, or 16 packed ones.
struct TensorUnit {
  uint32_t elements = 1, global_bytes = 1, shared_bytes = 1;
};
TensorUnit unit_of(TensorMapType type);
bool is_floating(TensorMapType type);

// How many elements the box has along a dimension in shared memory: every element_strides-th one. The first
// dimension has no stride.
uint32_t box_elements(const TensorMap& map, uint32_t dimension);
// Bytes that a copy of the whole box moves into shared memory, and counts at its mbarrier.
uint32_t box_bytes(const TensorMap& map);

// What cuTensorMapEncodeTiled refuses, in one line; nothing if it takes the map.
std::optional<std::string> complaint_about(const TensorMap& map);

using TensorMapImage = std::array<std::byte, kTensorMapBytes>;
TensorMapImage encode_tensor_map(const TensorMap& map);
// Nothing if the bytes are not an image of ours. All zero is a map of zeros: where tensormap.replace begins.
std::optional<TensorMap> decode_tensor_map(std::span<const std::byte, kTensorMapBytes> image);

// Where a byte of the box lies: its address in shared memory with the swizzle's bits exclusive-ored. Works on
// the address, not on the place in the box (PTX ISA, "Swizzling modes").
inline uint32_t swizzled(TensorSwizzle swizzle, uint32_t address) {
  switch (swizzle) {
    case TensorSwizzle::kNone:
      return address;
    case TensorSwizzle::k32:
      return address ^ (address >> 3 & 0x10);
    case TensorSwizzle::k64:
      return address ^ (address >> 3 & 0x30);
    case TensorSwizzle::k128:
      return address ^ (address >> 3 & 0x70);
    case TensorSwizzle::k128Atom32:
      return address ^ (address >> 2 & 0x60);
    case TensorSwizzle::k128Atom32Flip8:
      return address ^ (address >> 2 & 0x60) ^ (address >> 4 & 0x8);
    case TensorSwizzle::k128Atom64:
      return address ^ (address >> 1 & 0x40);
  }
  return address;
}
// Bytes that stay together, in order.
uint32_t swizzle_chunk(TensorSwizzle swizzle);
// Bytes within which they change places; 0: none do.
uint32_t swizzle_span(TensorSwizzle swizzle);

}  // namespace warpwright::sim
