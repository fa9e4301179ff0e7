#include "evaluator/sim/tensor_issue.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/mbarrier.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/ops/tensor.h"
#include "evaluator/sim/shared_proxy.h"

namespace warpwright::sim {
namespace {

constexpr double kTensorLatency = 20;  // cycles behind the pipe's last

uint64_t hash_sources(const TensorWork& work) {
  uint64_t hash = 0;
  for (const SharedSource& source : work.sources) hash = hash_shared(source.place, source.bytes, hash);
  return hash | 1;  // 0: not taken
}

// Carries out the thread's operations up to number `last`, and returns when the pipe is done with them.
void drain(TensorIssues& issues, TensorIssues::Thread& thread, uint64_t last, const Block& at, uint64_t tag) {
  while (thread.done < last && !thread.queue.empty()) {
    const std::unique_ptr<TensorWork> work = std::move(thread.queue.front());
    thread.queue.pop_front();
    ++thread.done;
    if (work->hash != 0 && hash_sources(*work) != work->hash) {
      report(
          work->warp, work->op, work->lane, Finding::Kind::kAsyncOverwrite,
          "its operands in shared memory were written before it was waited for: wait for the mbarrier of its "
          "tcgen05.commit first");
    }
    work->run();
    double& busy = issues.busy_until[work->warp.block->rank];
    busy = std::max(busy, work->issue_cycles) + work->cycles;
    for (const TensorTarget& target : work->targets)
      end_tensor_write(*target.block, target.region, target.block == &at ? tag : 1);
  }
}

class CommitWork final : public AsyncWork {
 public:
  CommitWork(Warp& w, const Op* issued_by, int by_lane, const SharedPlace& place, uint64_t last,
             Meeting order)
      : AsyncWork(w, issued_by, by_lane, place), last_(last), order_(std::move(order)) {}

  bool land() override {
    Mbarrier* m = find_mbarrier(warp, op, lane, mbarrier);
    if (m == nullptr) return false;
    TensorIssues& issues = tensor_issues(*warp.block);
    uint64_t tag = 1;
    if (mbarrier.block->shadow != nullptr) {
      m->arrivals.merge(order_);
      tag = proxy_write_tag(warp, *mbarrier.block, m->arrivals);
    }
    drain(issues, thread(), last_, *mbarrier.block, tag);
    const double cycles = std::max(issues.busy_until[warp.block->rank] + kTensorLatency, warp.cycles);
    return complete_at(warp, op, lane, mbarrier, {0, 1, false, Completion::Order::kNone}, cycles);
  }
  bool may_outlive_blocks() const override { return thread().done >= last_; }

 private:
  TensorIssues::Thread& thread() const {
    return tensor_issues(*warp.block).threads[TensorMemory::issue_owner(warp, lane)];
  }

  uint64_t last_;
  Meeting order_;  // of the thread, when it committed
};

bool commit_at(Warp& w, const Op* op, int lane, const SharedPlace& place) {
  if (find_mbarrier(w, op, lane, place) == nullptr) return false;
  TensorIssues::Thread& thread = tensor_issues(*w.block).threads[TensorMemory::issue_owner(w, lane)];
  thread.committed = thread.issued;
  Meeting order;
  if (w.shadow != nullptr) {
    w.shadow->publish(w.index, order);
    w.shadow->advance(w.index);
  }
  w.block->cluster->queue.add(std::make_unique<CommitWork>(w, op, lane, place, thread.issued, order));
  return true;
}

bool locate_mbarrier(Warp& w, const Op* op, int lane, uint64_t address, SharedPlace& place) {
  place = locate_shared(*w.block, address, 8);
  // ptxas takes 32 bits for a generic address here too; the hardware uses no more of it.
  const bool in_window =
      (op->flags & kGenericAddress) == 0 || (op->flags & kAddress32) != 0 || address / kSharedWindow == 1;
  if (place.block != nullptr && in_window && place.offset % 8 == 0 && !place.block->ended) return true;
  fault(w, op, lane, Finding::Kind::kOutOfBoundsWrite,
        fmt::format(
            "an mbarrier at address {:#x}, which is not 8 aligned bytes of the shared memory of a running "
            "block of the cluster",
            address));
  return false;
}

}  // namespace

TensorIssues& tensor_issues(const Block& block) {
  auto& issues = block.cluster->tensor_issues;
  if (issues == nullptr) issues = std::make_shared<TensorIssues>();
  return *issues;
}

bool find_pair(Warp& w, const Op* op, int lane, int group, std::vector<Block*>& pair) {
  const std::vector<Block*>& blocks = w.block->cluster->blocks;
  pair = {w.block};
  if (group == 1) return true;
  const std::size_t even = w.block->rank & ~1u;
  if (even + 1 >= blocks.size()) {
    fault(w, op, lane, Finding::Kind::kTensorMemory,
          "cta_group::2 outside of a cluster of an even number of blocks: launch with clusters of 2");
    return false;
  }
  pair = {blocks[even], blocks[even + 1]};
  if (!pair[0]->ended && !pair[1]->ended) return true;
  fault(w, op, lane, Finding::Kind::kTensorMemory,
        "cta_group::2 after the pair's other block has ended: let both meet before either ends");
  return false;
}

void issue(std::unique_ptr<TensorWork> work) {
  Warp& w = work->warp;
  for (const SharedSource& source : work->sources)
    check_proxy_read(w, work->op, work->lane, source.place, source.bytes);
  if (w.shadow != nullptr && !work->sources.empty()) work->hash = hash_sources(*work);
  const uint32_t owner = TensorMemory::issue_owner(w, work->lane);
  for (const TensorTarget& target : work->targets) begin_tensor_write(*target.block, target.region, owner);
  work->issue_cycles = w.cycles;
  TensorIssues::Thread& thread = tensor_issues(*w.block).threads[owner];
  ++thread.issued;
  thread.queue.push_back(std::move(work));
  ++w.block->launch->changes;
}

void end_tensor_issues(Cluster& cluster) {
  if (cluster.tensor_issues == nullptr) return;
  for (const auto& [owner, thread] : cluster.tensor_issues->threads) {
    if (thread.committed == thread.issued) continue;
    const TensorWork& work = *thread.queue.back();
    report(work.warp, work.op, work.lane, Finding::Kind::kAsyncRead,
           "the block ended and no tcgen05.commit of this thread came behind this operation: nobody can have "
           "waited for it");
  }
}

const Op* commit_tensor(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    SharedPlace place;
    if (!locate_mbarrier(w, op, lane, lane_address(w, op, lane), place)) return nullptr;
    std::vector<Block*> pair;
    if (!find_pair(w, op, lane, static_cast<int>(op->d), pair)) return nullptr;
    if (op->s[1] == kNoRow) {
      if (!commit_at(w, op, lane, place)) return nullptr;
      continue;
    }
    const uint32_t mask = lane_word(w, op->s[1], lane) & 0xffff;
    for (uint32_t ranks = mask; ranks != 0; ranks &= ranks - 1) {
      const auto rank = static_cast<uint64_t>(__builtin_ctz(ranks));
      if (!locate_mbarrier(w, op, lane, rank << kRankShift | place.offset, place)) return nullptr;
      if (!commit_at(w, op, lane, place)) return nullptr;
    }
  }
  return op + 1;
}

}  // namespace warpwright::sim
