// cp.async: 4 to 16 bytes a lane from global to shared memory, on their way until the lane that issued the
// copy waits for its group (PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy").
//
// A copy arrives as late as the rules allow, in the wait that completes it; until then its destination holds
// poison, and whoever reads or writes it, or writes the source, is reported.
#pragma once

#include <array>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

struct BulkGroups;

inline constexpr int kMaxAsyncBytes = 16;

// One instruction's copies that are still under way.
struct AsyncCopy {
  const Op* op = nullptr;
  uint64_t number = 0;                      // of the warp's copies
  uint32_t mask = 0;                        // lanes
  std::array<uint32_t, kLanes> group = {};  // the lane's group it belongs to, counted from 1
  std::array<uint32_t, kLanes> to = {};     // offset in shared memory
  std::array<uint64_t, kLanes> from = {};
  std::array<const std::byte*, kLanes> source = {};
  std::array<uint8_t, kLanes> valid = {};                            // bytes to read; the rest is zero
  std::array<std::array<std::byte, kMaxAsyncBytes>, kLanes> issued;  // the source when the copy was issued
};

struct Wgmmas;  // ops/wgmma.h

// Of one warp.
struct AsyncCopies {
  std::vector<AsyncCopy> under_way;
  uint64_t issued = 0;
  std::array<uint32_t, kLanes> committed = {};  // groups, by lane
  std::shared_ptr<BulkGroups> bulk;             // bulk_copy.h; null until the first one
  std::shared_ptr<Wgmmas> wgmmas;               // null until the first one
};

// Op: s[0] + immediate shared address, s[1] + list global address, size = bytes, s[2] = bytes to read or
// kNoRow (the rest is zero), s[3] = predicate that reads none or kNoRow; sites of the write and of the read.
const Op* copy_async(Warp& w, const Op* op);
const Op* commit_copies(Warp& w, const Op* op);
// Op: immediate = how many of the lane's newest groups may still be under way; -1: none, committed or not.
const Op* wait_for_copies(Warp& w, const Op* op);

// Lands the lanes' copies numbered below `before`, in whatever group; how many copies the warp has issued.
void land_copies(Warp& w, uint32_t lanes, uint64_t before);
uint64_t copies_issued(const Warp& w);

// A new block starts: what the last one left under way is forgotten.
void forget_copies(Warp& w);

}  // namespace warpwright::sim
