// The order of accesses between the blocks of a cluster, in each other's shared memory (PTX ISA, "Memory
// Consistency Model"; "barrier.cluster"; "mbarrier"; "fence").
//
// As inside a block (race_shadow.h), with a vector over all warps of the cluster: `known[w][r]` says up to
// which of its stamps each warp of the block of rank r is ordered before w. Releases carry it: arrivals at
// the cluster's barrier and at mbarriers, atomics beside fences. A relaxed arrival carries what a fence
// before it released: fence.mbarrier_init the inits of mbarriers, the others all. Whoever knows nothing of a
// block does not know that it has begun, and may not touch its memory.
//
// A cell that a thread of another block touched is marked kAbroad in its block's shadow; what was done to it
// stands here. Reads of operands by the asynchronous proxy are not noted: what changes them too early is
// found by their hash.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/machine.h"
#include "evaluator/sim/shared_place.h"

namespace warpwright::sim {

// Of one block. Made for launches with clusters of more than one.
struct ClusterOrder {
  // An access by a warp of the block of some rank: a tag of that warp's shadow.
  struct Access {
    uint32_t rank = 0;
    uint64_t tag = 0;
  };
  struct Cell {
    Access write;
    std::vector<Access> reads;  // from other blocks, the last of each warp
  };
  // The last time that a warp of another block was here: it has to be over before this block ends.
  struct Visit {
    Warp* by = nullptr;
    const Op* op = nullptr;
    int lane = 0;
    uint32_t stamp = 0, offset = 0;
  };

  ClusterOrder(uint32_t own_rank, uint32_t ranks) : rank(own_rank), known(kMaxWarps), visits(ranks) {
    for (auto& of_warp : known) of_warp.resize(ranks);
  }
  void start(RaceShadow& shadow);  // of the block

  uint32_t rank;
  // By warp and rank. Of its own block a warp has here only `initialised`: the rest is in the shadow.
  std::vector<std::vector<Meeting::OfBlock>> known;
  std::array<Meeting, kMaxWarps> released;            // by warp: before its last fence
  std::array<Meeting, kMaxWarps> unacquired;          // by warp: of its relaxed waits, until a fence
  std::array<uint32_t, kMaxWarps> fenced_inits = {};  // by warp: stamp of its last fence.mbarrier_init
  std::unordered_map<uint32_t, Cell> cells;           // marked kAbroad
  std::vector<std::array<Visit, kMaxWarps>> visits;   // by rank and warp
  std::map<uint64_t, Meeting>* flags = nullptr;       // the cluster's
};

// Who wrote a cell last.
ClusterOrder::Access writer_of_cell(const Block& block, uint32_t cell);
// Whether an access is ordered before the next one of a lane of `w`. Lane -1: of every lane.
bool is_ordered(const Warp& w, int lane, const ClusterOrder::Access& access);
// Whether it is visible to the asynchronous proxy, as far as `w` knows.
bool is_fenced(const Warp& w, const ClusterOrder::Access& access);
// Whether anything tells `w` that the block has begun.
bool knows_start(const Warp& w, const Block& block);

// A thread's access of another block's shared memory, before the data moves: checked and noted.
void check_abroad(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes, SharedUse use);
// An asynchronous reduction, when it is issued: the block waits for it at its mbarrier, not for the thread.
void check_reduction_abroad(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes);
void note_visit(Warp& w, const Op* op, int lane, const SharedPlace& place);
// Reports, where nothing tells `w` that the place's block has begun. True if so.
bool report_unknown_start(Warp& w, const Op* op, int lane, const SharedPlace& place);
// Of the readers of a cell from outside, the first that is not ordered before a lane of `w`; null: none.
const ClusterOrder::Access* unordered_reader(const Warp& w, int lane, const ClusterOrder::Cell& cell);
// The block has ended: reports visits that nothing orders before its end.
void end_visits(Block& block);

// " which thread (3, 0, 0) (warp 0) of rank 1 wrote at ..."
std::string describe_access(const Warp& w, const ClusterOrder::Access& access, std::string_view verb);

}  // namespace warpwright::sim
