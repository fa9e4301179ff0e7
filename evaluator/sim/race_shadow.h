// Finds races between warps in shared memory: two accesses to the same bytes, one a write, not both atomic,
// that no barrier (nor a release and an acquire) orders. Happens-before is tracked per warp as FastTrack does
// (Flanagan and Freund, 2009): every warp has a clock, `known[w][v]` is the latest clock of v whose accesses
// w is ordered after, and a cell remembers the clocks of its last writer and last readers. A read that
// replaces an older one may hide a race; no ordered pair is ever reported.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace warpwright::sim {

inline constexpr int kMaxWarps = 32;

struct RaceShadow {
  static constexpr uint32_t kAtomicBit = 1u << 5;
  static constexpr uint32_t kStampShift = 6;
  static constexpr uint32_t kLastStamp = (1u << (32 - kStampShift)) - 64;

  static constexpr uint64_t kBytesPerCell = 12;

  // The cell is the destination of an asynchronous copy under way: suspicious to every warp, also its own.
  static constexpr uint32_t kInFlight = ~uint32_t{0} << 5;

  // Cells: one per granule of shared memory.
  std::vector<uint32_t>
      write_tag;  // stamp << 6 | atomic << 5 | warp; a stamp before block_start: not written yet
  std::vector<uint32_t> read_stamp;
  std::vector<uint32_t> readers;  // warps that read at read_stamp

  uint32_t granule_shift = 2;
  uint32_t stamp = 1;        // the newest one given out; never goes back within a launch
  uint32_t block_start = 1;  // stamps from here on are of the current block
  std::array<uint32_t, kMaxWarps> clock = {};
  std::array<uint32_t, kMaxWarps> safe =
      {};  // the least of known[w]: everything up to it is ordered before w
  using Known = std::array<uint32_t, kMaxWarps>;
  std::array<Known, kMaxWarps> known = {};
  int warps = 0;
  bool tracks_releases = false;        // the kernel has fences or acquire/release forms
  std::map<uint64_t, Known> released;  // by address: what its last releases published

  RaceShadow(uint32_t shared_bytes, uint32_t granule, bool tracks);
  void start_block(int warp_count);

  // Barriers: each arriving warp publishes into `meeting`; those that waited take it over.
  void publish(int warp, Known& meeting);
  void take_over(int warp, const Known& meeting);
  void advance(int warp);                // the warp's next accesses get a new stamp
  void advance_all(uint32_t warp_mask);  // one stamp for all of them
  // A release and an acquire through one address (atomics and volatile accesses beside fences).
  void synchronise(int warp, uint64_t address);

  bool is_ordered(int warp, uint32_t other, uint32_t other_stamp) const {
    return static_cast<int>(other) == warp || other_stamp <= known[static_cast<std::size_t>(warp)][other];
  }
};

}  // namespace warpwright::sim
