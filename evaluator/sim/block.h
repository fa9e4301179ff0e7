// One block of a launch while it runs.
#pragma once

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

// The storage of a block's warps, used again for other blocks of the launch.
class BlockRunner {
 public:
  BlockRunner(LaunchState& launch, Memory::Impl& memory, const ModuleImage& image, uint64_t parameter_address,
              Cluster& cluster, uint32_t rank);
  ~BlockRunner();
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  void start(const std::array<uint32_t, 3>& index);

  enum class Turn {
    kDone,     // every thread has ended
    kMoving,   // it ran for a while and has more to do
    kPolling,  // its warps that are not at a barrier poll memory; more polls may still change something
    kWaiting,  // nothing it does matters until memory_changes() grows
    kStuck,    // every warp is at a barrier that cannot open
    kFaulted,  // the launch has to end
  };
  Turn turn();
  // All that still runs has polled memory this often, at least, without a change anywhere.
  bool has_polled(uint32_t polls) const;

  void count_into(Counters& counters) const;  // the block has ended
  Block& block() { return block_; }
  // Of this process, for one more block of the launch.
  static uint64_t storage_bytes(const Kernel& kernel, const Launch& launch, bool detect_races);

 private:
  void fill_constants(Warp& w, const ModuleImage& image, uint64_t parameter_address);
  void track_cluster();
  void start_warp(Warp& w);
  void run_warp(Warp& w);
  struct Round {
    std::size_t done = 0, waiting = 0;
    bool moved = false, polled = false;
  };
  Round run_round();

  LaunchState& launch_;
  Block block_;
  std::unique_ptr<std::byte[], AlignedDelete> registers_, shared_;
  std::vector<std::byte> local_;
  std::vector<uint8_t> local_written_;
  std::vector<const ConstantRow*> per_block_;  // special registers that differ between blocks
};

// Bytes of shared memory that each block of the launch has.
uint32_t shared_bytes_of(const Kernel& kernel, const Launch& launch);

}  // namespace warpwright::sim
