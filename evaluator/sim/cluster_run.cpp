#include "evaluator/sim/cluster_run.h"

#include <algorithm>

#include "evaluator/sim/bulk_copy.h"
#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/mbarrier.h"
#include "evaluator/sim/ops/wgmma.h"
#include "evaluator/sim/tensor_issue.h"

namespace warpwright::sim {

using Turn = BlockRunner::Turn;

ClusterRun::ClusterRun(LaunchState& launch, Memory::Impl& memory, const ModuleImage& image,
                       uint64_t parameter_address)
    : launch_(launch), size_(cluster_size(*launch.kernel, *launch.launch)) {
  for (uint32_t rank = 0; rank < size_.count(); ++rank) {
    runners_.push_back(
        std::make_unique<BlockRunner>(launch, memory, image, parameter_address, cluster_, rank));
    cluster_.blocks.push_back(&runners_.back()->block());
  }
}

void ClusterRun::start(uint64_t number) {
  const Dim3& grid = launch_.launch->grid;
  const uint32_t across = grid.x / size_.x, down = grid.y / size_.y;
  const std::array<uint32_t, 3> corner = {static_cast<uint32_t>(number % across) * size_.x,
                                          static_cast<uint32_t>(number / across % down) * size_.y,
                                          static_cast<uint32_t>(number / across / down) * size_.z};
  cluster_.queue.clear();
  cluster_.flags.clear();
  cluster_.tensor_memories.clear();
  cluster_.tensor_issues.reset();
  stuck_ = nullptr;
  for (uint32_t rank = 0; rank < runners_.size(); ++rank) {
    runners_[rank]->start({corner[0] + rank % size_.x, corner[1] + rank / size_.x % size_.y,
                           corner[2] + rank / (size_.x * size_.y)});
  }
  cluster_.meets = false;
}

Turn ClusterRun::turn() {
  bool moved = false, polls = false, all_ended = true;
  for (std::size_t k = 0; k < runners_.size(); ++k) {
    BlockRunner* runner = runners_[launch_.options->reverse_order ? runners_.size() - 1 - k : k].get();
    Block& block = runner->block();
    if (block.ended) continue;
    const Turn turn = runner->turn();
    if (turn == Turn::kFaulted) return turn;
    if (turn == Turn::kStuck) stuck_ = &block;
    moved |= turn == Turn::kMoving || turn == Turn::kDone;
    polls |= turn == Turn::kPolling;
    block.ended = turn == Turn::kDone;
    if (block.ended) end_tensor_memory(block);
    if (block.ended) end_visits(block);
    all_ended &= block.ended;
  }
  if (all_ended) {
    end();
    return launch_.faulted ? Turn::kFaulted : Turn::kDone;
  }
  if (stuck_ != nullptr) return Turn::kStuck;
  return moved ? Turn::kMoving : polls ? Turn::kPolling : Turn::kWaiting;
}

void ClusterRun::end() {
  end_tensor_issues(cluster_);
  cluster_.queue.end();
  for (const auto& runner : runners_) {
    for (Warp& w : runner->block().warps) end_bulk(w);
  }
  for (const auto& runner : runners_) end_wgmmas(runner->block());
  for (const auto& runner : runners_) runner->count_into(launch_.counters);
}

bool ClusterRun::expire() {
  bool any = false;
  for (auto& runner : runners_) {
    if (!runner->block().ended) any |= expire_waits(runner->block());
  }
  return any;
}

bool ClusterRun::has_polled(uint32_t polls) const {
  return std::all_of(runners_.begin(), runners_.end(),
                     [&](const auto& runner) { return runner->block().ended || runner->has_polled(polls); });
}

void ClusterRun::add_blocks(std::vector<Block*>& blocks) const {
  for (const auto& runner : runners_) blocks.push_back(&runner->block());
}

}  // namespace warpwright::sim
