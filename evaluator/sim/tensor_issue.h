// What threads have issued to the tensor pipe (tcgen05.mma, cp, shift) and not yet been waited for.
//
// The operations of one thread form a queue, carried out in order. tcgen05.commit makes an mbarrier follow
// all that are in it so far: they are carried out, as late as the rules allow, when somebody waits for that
// mbarrier, and read shared memory as it is then; what has changed since they were issued is reported.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/machine.h"
#include "evaluator/sim/tensor_memory.h"

namespace warpwright::sim {

// Some operation's operand in shared memory.
struct SharedSource {
  SharedPlace place;
  uint32_t bytes = 0;
};
struct TensorTarget {
  Block* block = nullptr;
  TensorRegion region;
};

class TensorWork {
 public:
  TensorWork(Warp& w, const Op* issued_by, int by_lane) : warp(w), op(issued_by), lane(by_lane) {}
  virtual ~TensorWork() = default;
  TensorWork(const TensorWork&) = delete;
  TensorWork& operator=(const TensorWork&) = delete;

  virtual void run() = 0;

  Warp& warp;
  const Op* op;
  int lane;
  std::vector<SharedSource> sources;
  std::vector<TensorTarget> targets;  // written
  uint64_t hash = 0;                  // of the sources when it was issued
  double issue_cycles = 0, cycles = 0;
};

class TensorIssues {
 public:
  struct Thread {
    std::deque<std::unique_ptr<TensorWork>> queue;
    uint64_t issued = 0, done = 0, committed = 0;
  };
  std::map<uint32_t, Thread> threads;                     // by TensorMemory::issue_owner
  std::array<double, kMaxClusterBlocks> busy_until = {};  // the tensor pipes, by rank
};
TensorIssues& tensor_issues(const Block& block);

// Whether the pair of blocks that cta_group::2 needs is there; false: a fault. `pair`: the even one first;
// one block for cta_group::1.
bool find_pair(Warp& w, const Op* op, int lane, int group, std::vector<Block*>& pair);

// Checks the sources, marks the targets as in flight and queues the operation.
void issue(std::unique_ptr<TensorWork> work);
// The cluster's blocks have ended: reports what was never committed.
void end_tensor_issues(Cluster& cluster);

}  // namespace warpwright::sim
