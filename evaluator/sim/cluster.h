// A cluster: blocks that run together, reach each other's shared memory and meet at barrier.cluster. A block
// of a launch without clusters is a cluster of its own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "evaluator/sim/async_work.h"
#include "evaluator/sim/machine.h"
#include "evaluator/sim/shared_place.h"

namespace warpwright::sim {

class TensorMemory;
class TensorIssues;

struct Cluster {
  std::vector<Block*> blocks;  // by rank: x first, then y, then z
  AsyncQueue queue;
  std::map<uint64_t, Meeting> flags;  // by address: what releases there published (cluster_order.h)
  bool meets = false;                 // some thread has arrived at barrier.cluster
  // By rank; null, or missing, until the first use. tensor_memory.h, tensor_issue.h.
  std::vector<std::shared_ptr<TensorMemory>> tensor_memories;
  std::shared_ptr<TensorIssues> tensor_issues;
};

// Of this launch: Launch::cluster, else what the kernel requires, else one block.
Dim3 cluster_size(const Kernel& kernel, const Launch& launch);
// Why the launch's clusters cannot be; empty if they can.
std::string refuse_cluster(const Kernel& kernel, const Launch& launch);

// `address` is of the shared::cluster window, or a generic one in it. Empty block: there are no such `bytes`.
SharedPlace locate_shared(const Block& from, uint64_t address, uint64_t bytes);
// The block's own shared memory, or "block 3 of the cluster's".
std::string describe_shared(const Block& from, const SharedPlace& place);

// ld, st with .shared::cluster, or generic ones that name another block. Op as of a plain memory operation,
// with lists of rows; `addresses` as the lanes have them. False: a fault.
bool access_cluster(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, bool is_load);
// Lanes whose addresses, in the shared window, name another block.
uint32_t foreign_lanes(const Warp& w, const uint64_t* addresses, uint32_t mask);
const Op* load_cluster(Warp& w, const Op* op);
const Op* store_cluster(Warp& w, const Op* op);

// barrier.cluster. Op: flags below.
inline constexpr uint8_t kRelaxedArrival = 1;
const Op* arrive_at_cluster(Warp& w, const Op* op);
const Op* wait_for_cluster(Warp& w, const Op* op);
// Opens it if all threads that still run have arrived. True if it opened.
bool open_cluster_barrier(Cluster& cluster);
std::string describe_cluster_barrier(const Block& block);
void start_cluster_barrier(Block& block);

}  // namespace warpwright::sim
