// What the host and the harness's kernels (kernels/harness.cu) both know: parameter layouts and the pattern.
#pragma once

#include <cstdint>

namespace warpwright::cuda {

// The bytes [begin, end) of what starts at `base`, which is a multiple of 8. Key 0: the pattern is zeros.
struct ByteRange {
  uint64_t base = 0, begin = 0, end = 0, key = 0;
};
inline constexpr uint32_t kMaxRanges = 32;  // of one launch
struct ByteRanges {
  ByteRange at[kMaxRanges];
};
// What a check or a hash says of one range; zeroed before.
struct FoundInRange {
  uint64_t count = 0;                          // bytes that differ; of ww_hash: the hash
  uint64_t complement_of_first = 0, last = 0;  // offsets from base, if count > 0
};
struct ClockStamp {
  uint64_t ticket = 0, timer_ns = 0, clock = 0;
};

// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
inline uint64_t mix_bits(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}
// The eight bytes at base + 8 * index, lowest first.
inline uint64_t pattern_word(uint64_t key, uint64_t index) {
  return key == 0 ? 0 : mix_bits(key + index * 0x9e3779b97f4a7c15ull);
}

}  // namespace warpwright::cuda
