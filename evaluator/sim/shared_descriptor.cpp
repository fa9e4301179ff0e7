#include "evaluator/sim/shared_descriptor.h"

#include <fmt/format.h>

namespace warpwright::sim {
namespace {

uint32_t field(uint64_t bits, int first, int count) {
  return static_cast<uint32_t>(bits >> first & ((uint64_t{1} << count) - 1));
}

bool find_swizzle(uint32_t code, TileSwizzle& swizzle) {
  switch (code) {
    case 0:
      swizzle = TileSwizzle::kNone;
      return true;
    case 1:
      swizzle = TileSwizzle::k128Atom32;
      return true;
    case 2:
      swizzle = TileSwizzle::k128;
      return true;
    case 4:
      swizzle = TileSwizzle::k64;
      return true;
    case 6:
      swizzle = TileSwizzle::k32;
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string parse_shared_descriptor(uint64_t bits, bool k_major, TileLayout& layout) {
  layout.start = field(bits, 0, 14) << 4;
  layout.leading_bytes = field(bits, 16, 14) << 4;
  layout.stride_bytes = field(bits, 32, 14) << 4;
  layout.base_offset = field(bits, 49, 3);
  layout.k_major = k_major;
  if (field(bits, 46, 3) != 1)
    return fmt::format("bits 46 to 48 are {}: the constant is 1 (0b001)", field(bits, 46, 3));
  if (field(bits, 14, 2) != 0 || field(bits, 30, 2) != 0 || field(bits, 53, 8) != 0)
    return "a reserved bit (14, 15, 30, 31, 53 to 60) is set";
  if (field(bits, 52, 1) != 0) return "bit 52 is set: the leading offset is relative on this architecture";
  if (!find_swizzle(field(bits, 61, 3), layout.swizzle))
    return fmt::format(
        "the swizzle (bits 61 to 63) is {}: 0 none, 2 128 bytes, 4 64 bytes, 6 32 bytes, 1 128 bytes "
        "with atoms of 32",
        field(bits, 61, 3));
  return {};
}

}  // namespace warpwright::sim
