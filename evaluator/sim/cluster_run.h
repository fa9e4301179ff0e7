// The blocks of one cluster while they run, and their storage, used again for other clusters of the launch.
#pragma once

#include <memory>
#include <vector>

#include "evaluator/sim/block.h"
#include "evaluator/sim/cluster.h"

namespace warpwright::sim {

class ClusterRun {
 public:
  ClusterRun(LaunchState& launch, Memory::Impl& memory, const ModuleImage& image, uint64_t parameter_address);

  void start(uint64_t number);  // of the cluster in the grid: x first
  // Every block that has not ended gets a turn. kWaiting if none did anything that matters, kStuck if one of
  // them never will.
  BlockRunner::Turn turn();
  // Lets the threads that wait at mbarriers try once more. True if there were any.
  bool expire();
  bool has_polled(uint32_t polls) const;
  void add_blocks(std::vector<Block*>& blocks) const;
  Block* stuck() const { return stuck_; }
  Block& first() { return runners_.front()->block(); }

 private:
  void end();

  LaunchState& launch_;
  Dim3 size_;
  Cluster cluster_;
  std::vector<std::unique_ptr<BlockRunner>> runners_;  // by rank
  Block* stuck_ = nullptr;
};

}  // namespace warpwright::sim
