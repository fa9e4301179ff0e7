#include "evaluator/sim/async_work.h"

#include <algorithm>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/mbarrier.h"

namespace warpwright::sim {

void AsyncQueue::add(std::unique_ptr<AsyncWork> work) {
  ++work->mbarrier.block->launch->changes;
  under_way_.push_back(std::move(work));
}

namespace {

uint64_t phase_of(const SharedPlace& place) {
  if (place.block->mbarriers == nullptr) return 0;
  const auto& objects = place.block->mbarriers->by_offset;
  const auto found = objects.find(place.offset);
  return found == objects.end() ? 0 : found->second.phase;
}

}  // namespace

bool AsyncQueue::land(const SharedPlace& mbarrier) {
  bool any = false;
  const uint64_t phase = phase_of(mbarrier);
  // What lands may add more behind.
  for (std::size_t k = 0; k < under_way_.size();) {
    const SharedPlace& at = under_way_[k]->mbarrier;
    if (at.block != mbarrier.block || at.offset != mbarrier.offset) {
      ++k;
      continue;
    }
    const std::unique_ptr<AsyncWork> work = std::move(under_way_[k]);
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(k));
    any = true;
    // What its phase did not need stays under way, as it may: a count of too few bytes shows.
    if (!work->land() || phase_of(mbarrier) != phase) return true;
  }
  return any;
}

void AsyncQueue::end() {
  for (const std::unique_ptr<AsyncWork>& work : under_way_) {
    if (work->may_outlive_blocks()) continue;
    report(work->warp, work->op, work->lane, Finding::Kind::kAsyncRead,
           "nobody waited for this operation: the block ended while it was still writing into its memory");
  }
  under_way_.clear();
}

}  // namespace warpwright::sim
