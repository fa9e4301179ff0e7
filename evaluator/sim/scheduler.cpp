#include "evaluator/sim/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/block.h"
#include "evaluator/sim/cluster_run.h"
#include "evaluator/sim/deadlock.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/spin_watch.h"

namespace warpwright::sim {
namespace {

constexpr uint64_t kStorageLimit = uint64_t{2} << 30;  // bytes of this process, for all resident blocks
constexpr uint64_t kSms = 148, kThreadsPerSm = 2048, kBlocksPerSm = 32, kSharedPerSm = 228 * 1024,
                   kReservedShared = 1024;  // sm_90 and sm_100
constexpr uint32_t kHopelessPolls = 1 << 20;
// What starting a block costs of the budget, so that endless grids of empty blocks end too.
constexpr int64_t kStartBudget = 16;
constexpr int kExpiries = 4;

class Scheduler {
 public:
  Scheduler(LaunchState& state, Memory::Impl& memory, const ModuleImage& image, uint64_t parameter_address)
      : state_(state), memory_(memory), image_(image), parameter_address_(parameter_address) {
    size_ = cluster_size(*state.kernel, *state.launch).count();
    end_ = state.launch->grid.count() / size_;
    const bool races = state.options->detect_races;
    const uint64_t room = kStorageLimit / std::max<uint64_t>(1, BlockRunner::storage_bytes(
                                                                    *state.kernel, *state.launch, races));
    limit_ = std::max<uint64_t>(1, std::min(room, resident_blocks_of(*state.kernel, *state.launch)) / size_);
    reverse_ = state.options->reverse_order;
  }

  void run() {
    if (refuse_endless()) return;
    if (state_.launch->cooperative) {
      while (unstarted() > 0 && start(reverse_)) {
      }
    }
    while (!state_.faulted) {
      if (residents_.empty() && (unstarted() == 0 || !start(reverse_))) return;
      if (run_pass() || expire()) continue;
      // All wait. For an earlier block most likely: also the reversed order goes on with the first ones.
      if (unstarted() > 0 && residents_.size() < limit_) {
        start(false);
      } else if (is_hopeless()) {
        report_deadlock(state_, blocks(), unstarted() * size_);
      }
    }
  }

 private:
  // A grid whose blocks' starts alone exceed the budget.
  bool refuse_endless() {
    if (end_ * size_ <= static_cast<uint64_t>(state_.budget) / kStartBudget) return false;
    ClusterRun run(state_, memory_, image_, parameter_address_);
    fault(
        run.first().warps.front(), state_.kernel->code.data(), -1, Finding::Kind::kBudget,
        fmt::format("the grid has {} blocks: more than the launch's budget of {} warp instructions can start",
                    end_ * size_, state_.budget));
    return true;
  }
  uint64_t unstarted() const { return end_ - begin_; }  // clusters

  bool start(bool last) {
    std::unique_ptr<ClusterRun> run;
    if (free_.empty()) {
      run = std::make_unique<ClusterRun>(state_, memory_, image_, parameter_address_);
    } else {
      run = std::move(free_.back());
      free_.pop_back();
    }
    run->start(last ? --end_ : begin_++);
    Warp& first = run->first().warps.front();
    residents_.push_back(std::move(run));
    state_.budget -= kStartBudget * static_cast<int64_t>(size_);
    if (state_.budget >= 0) return true;
    budget_fault(first, first.code);
    return false;
  }

  // Every resident cluster gets a turn. False if none did anything that matters.
  bool run_pass() {
    const uint64_t before = memory_changes(state_);
    bool moved = false;
    for (auto& run : residents_) {
      switch (run->turn()) {
        case BlockRunner::Turn::kDone:
          free_.push_back(std::move(run));
          moved = true;
          break;
        case BlockRunner::Turn::kMoving:
          moved = true;
          break;
        case BlockRunner::Turn::kPolling:
        case BlockRunner::Turn::kWaiting:
          break;
        case BlockRunner::Turn::kStuck:
          report_deadlock(state_, {run->stuck()}, unstarted() * size_);
          return true;
        case BlockRunner::Turn::kFaulted:
          return true;
      }
    }
    std::erase(residents_, nullptr);
    return moved || memory_changes(state_) != before;
  }

  // Time passes for those that wait at mbarriers: their try_wait may answer. Some tries without a change
  // anywhere are enough: nobody will.
  bool expire() {
    const uint64_t now = memory_changes(state_);
    expiries_ = now == expired_at_ ? expiries_ + 1 : 1;
    expired_at_ = now;
    if (expiries_ > kExpiries) return false;
    bool any = false;
    for (auto& run : residents_) any |= run->expire();
    return any;
  }

  bool is_hopeless() const {
    return std::all_of(residents_.begin(), residents_.end(),
                       [](const auto& run) { return run->has_polled(kHopelessPolls); });
  }

  std::vector<Block*> blocks() const {
    std::vector<Block*> result;
    for (const auto& run : residents_) run->add_blocks(result);
    return result;
  }

  LaunchState& state_;
  Memory::Impl& memory_;
  const ModuleImage& image_;
  uint64_t parameter_address_;
  uint64_t size_ = 1;             // blocks of a cluster
  uint64_t begin_ = 0, end_ = 0;  // clusters not started yet
  uint64_t limit_ = 1;            // resident ones
  bool reverse_ = false;
  uint64_t expired_at_ = ~uint64_t{0};  // memory_changes()
  int expiries_ = 0;
  std::vector<std::unique_ptr<ClusterRun>> residents_, free_;
};

}  // namespace

uint64_t resident_blocks_of(const Kernel& kernel, const Launch& launch) {
  if (launch.resident_blocks != 0) return launch.resident_blocks;
  const uint64_t threads = (launch.block.count() + kLanes - 1) / kLanes * kLanes;
  const uint64_t shared = shared_bytes_of(kernel, launch) + kReservedShared;
  return kSms * std::min({kBlocksPerSm, kThreadsPerSm / threads, kSharedPerSm / shared});
}

std::string refuse_residents(const Kernel& kernel, const Launch& launch, bool detect_races) {
  const uint64_t each = BlockRunner::storage_bytes(kernel, launch, detect_races);
  if (each > kStorageLimit) return "the kernel is too long to be simulated";
  if (!launch.cooperative) return {};
  const uint64_t blocks = launch.grid.count(), room = resident_blocks_of(kernel, launch);
  if (blocks > room) {
    return fmt::format(
        "a cooperative launch of {} blocks of {} threads: all must run at once, and the device holds {}; "
        "launch fewer blocks and let each loop over its share",
        blocks, launch.block.count(), room);
  }
  if (blocks > kStorageLimit / each) {
    return fmt::format("a cooperative launch of {} blocks is too large to be simulated: it would take {} MiB",
                       blocks, blocks * each >> 20);
  }
  return {};
}

void run_blocks(LaunchState& state, Memory::Impl& memory, const ModuleImage& image,
                uint64_t parameter_address) {
  Scheduler(state, memory, image, parameter_address).run();
}

}  // namespace warpwright::sim
