// Runs one block of a launch to its end.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// The storage of a block's warps, used again for every block of a launch.
class BlockRunner {
 public:
  BlockRunner(LaunchState& launch, Memory::Impl& memory, const ModuleImage& image,
              uint64_t parameter_address);
  ~BlockRunner();
  // False if the launch has to end.
  bool run(uint64_t block_number);
  double cycles() const;  // critical path of the block just run

 private:
  void fill_constants(Warp& w, const ModuleImage& image, uint64_t parameter_address);
  void start_warp(Warp& w);
  void run_warp(Warp& w);

  LaunchState& launch_;
  Block block_;
  std::unique_ptr<std::byte[], AlignedDelete> registers_, shared_;
  std::vector<std::byte> local_;
};

}  // namespace warpwright::sim
