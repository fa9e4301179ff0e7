// Finds data races in global memory during one launch: between blocks, and between the warps of a block. Only
// buffers that a kernel may write are watched.
//
// Blocks are ordered by nothing but releases and acquires: a block that fenced and then touched an address
// atomically (or by a volatile, relaxed or release access) publishes what it knew at the fence; a block that
// touches the address so later acquires it. Inside a block the order is that of RaceShadow. The lanes of one
// warp are taken to be in order here. Two plain stores of the same value are let pass.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

enum class GlobalUse { kRead, kWrite, kAtomicRead, kAtomic };

// What has been released at an address, up to some order.
struct AcquiredRelease {
  uint64_t address = 0, order = 0;
};
// A block's part of it.
struct BlockRaces {
  struct Fence {
    uint32_t stamp = 0,
             other_stamp = 0;  // up to which the warp's own and other warps' accesses are before it
  };
  std::vector<AcquiredRelease> acquired;
  std::vector<Fence> fences;         // by warp; stamp 0: none yet
  std::vector<uint32_t> segments;    // by warp: the current one; 0: none yet
  std::vector<uint64_t> grid_waits;  // griddepcontrol.wait, as tags

  void start(std::size_t warps);
};

class GlobalRaces {
 public:
  // `programmatic`: the launch may run beside those before it, back to the last one that was not.
  GlobalRaces(Memory::Impl& memory, bool programmatic);
  ~GlobalRaces();

  // Before the data moves. `mask` must not be empty, and all of it in the buffer.
  void access(Warp& w, const Op* op, Buffer& buffer, const uint64_t* addresses, uint32_t mask, uint32_t bytes,
              GlobalUse use);
  void fence(Warp& w);
  // An atomic or volatile access: an acquire, and, after a fence or as a release itself, a release.
  void synchronise(Warp& w, uint64_t address, bool is_release);
  // griddepcontrol.wait: the launches before this one are complete for the warp, and for whom a barrier
  // orders behind it.
  void wait_for_grids(Warp& w);
  bool has_waited() const { return has_waited_; }

 private:
  // Accesses of one warp between two barriers.
  struct Segment {
    uint32_t block = 0, stamp = 0;
    int warp = 0;
  };
  struct Release {
    int warp = 0;
    uint32_t stamp = 0, other_stamp = 0;  // up to which its own and the other warps' accesses are published
    uint64_t order = 0;
    std::vector<AcquiredRelease> acquired;  // by the block until then
  };
  using Place = std::unordered_map<uint32_t, std::vector<Release>>;  // by block
  uint32_t segment_of(Warp& w);
  const Segment& segment_at(uint64_t tag) const;
  bool is_ordered(const Warp& w, uint64_t tag) const;
  static bool is_ordered_in_cluster(const Warp& w, const Segment& segment);
  static bool releases_it(const Place& place, uint64_t before, const Segment& segment);
  bool is_released(const std::vector<AcquiredRelease>& acquired, const Segment& segment) const;
  void check_cell(Warp& w, const Op* op, const Buffer& buffer, int lane, uint64_t address, uint32_t bytes,
                  uint64_t write, uint64_t read, GlobalUse use);
  bool runs_beside_others(const Warp& w) const;
  void report_early_access(Warp& w, const Op* op, int lane, uint64_t address, uint32_t bytes, bool reads,
                           bool was_written);
  void report_race(Warp& w, const Op* op, int lane, uint64_t address, uint32_t bytes, uint64_t tag,
                   bool reads, const char* verb);

  Memory::Impl& memory_;
  uint32_t base_;  // number of this launch's first segment
  bool programmatic_, has_waited_ = false;
  std::vector<Segment> segments_;
  std::unordered_map<uint64_t, Place> places_;
  uint64_t order_ = 0;
  bool said_race_ = false;  // for the access at hand
};

// Op: flags: below.
inline constexpr uint8_t kOnlyInBlock = 1;  // .cta
const Op* fence_op(Warp& w, const Op* op);
const Op* grid_wait_op(Warp& w, const Op* op);

}  // namespace warpwright::sim
