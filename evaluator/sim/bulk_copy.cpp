#include "evaluator/sim/bulk_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/async_work.h"
#include "evaluator/sim/bulk_moves.h"
#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/mbarrier.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/race_shadow.h"
#include "evaluator/sim/shared_proxy.h"

namespace warpwright::sim {
namespace {

constexpr uint32_t kAlignment = 16, kTensorAlignment = 128;  // in shared memory

BulkForm form_of(const Warp& w, const Op* op) {
  BulkForm form;
  std::memcpy(static_cast<void*>(&form), w.lists + op->list, sizeof form);
  return form;
}

// The first source of a copy is compared with what it was, where a kernel may write it.
std::vector<std::byte> snapshot(const Warp& w, const CopyPlan& plan) {
  std::vector<std::byte> bytes;
  if (plan.runs.empty()) return bytes;
  const Buffer* buffer = w.block->memory->find(plan.runs.front().address);
  if (buffer->access == Access::kReadOnly) return bytes;
  bytes.reserve(plan.moved);
  for (const CopyRun& run : plan.runs) bytes.insert(bytes.end(), run.host, run.host + run.bytes);
  return bytes;
}

class LoadLands final : public AsyncWork {
 public:
  LoadLands(Warp& w, const Op* issued_by, int by_lane, const SharedPlace& barrier, SharedPlace to,
            std::shared_ptr<const CopyPlan> plan, std::shared_ptr<const std::vector<std::byte>> issued,
            double cycles)
      : AsyncWork(w, issued_by, by_lane, barrier),
        to_(to),
        plan_(std::move(plan)),
        issued_(std::move(issued)),
        cycles_(cycles) {}

  bool land() override {
    Mbarrier* m = find_mbarrier(warp, op, lane, mbarrier);
    if (m == nullptr) return false;
    check_source();
    move_into_box(*plan_, to_);
    end_proxy_write(warp, to_, plan_->region, m->arrivals);
    return complete_at(warp, op, lane, mbarrier, {plan_->bytes, 0, false, Completion::Order::kNone}, cycles_);
  }

 private:
  void check_source() {
    if (issued_->empty()) return;
    const std::byte* issued = issued_->data();
    for (const CopyRun& run : plan_->runs) {
      if (std::memcmp(run.host, issued, run.bytes) != 0) {
        report(warp, op, lane, Finding::Kind::kAsyncOverwrite,
               fmt::format("the source of this copy, {}, was written before the copy was waited for",
                           warp.block->memory->describe(run.address, run.bytes)));
        return;
      }
      issued += run.bytes;
    }
  }

  SharedPlace to_;
  std::shared_ptr<const CopyPlan> plan_;
  std::shared_ptr<const std::vector<std::byte>> issued_;
  double cycles_;
};

// From one block's shared memory to another's.
class ShareLands final : public AsyncWork {
 public:
  ShareLands(Warp& w, const Op* issued_by, int by_lane, const SharedPlace& barrier, SharedPlace from,
             SharedPlace to, uint32_t bytes, std::optional<AtomicKind> reduction, double cycles)
      : AsyncWork(w, issued_by, by_lane, barrier),
        from_(from),
        to_(to),
        reduction_(reduction),
        issued_(from.host(), from.host() + bytes),
        cycles_(cycles) {}

  bool land() override {
    Mbarrier* m = find_mbarrier(warp, op, lane, mbarrier);
    if (m == nullptr) return false;
    const auto bytes = static_cast<uint32_t>(issued_.size());
    if (std::memcmp(issued_.data(), from_.host(), bytes) != 0)
      report_overwritten_source(warp, op, lane, from_);
    if (reduction_) {
      reduce_bytes(*reduction_, to_.host(), from_.host(), bytes, false);
    } else {
      std::memmove(to_.host(), from_.host(), bytes);
    }
    end_proxy_write(warp, to_, bytes, m->arrivals, reduction_.has_value());
    return complete_at(warp, op, lane, mbarrier, {bytes, 0, false, Completion::Order::kNone}, cycles_);
  }

 private:
  SharedPlace from_, to_;
  std::optional<AtomicKind> reduction_;
  std::vector<std::byte> issued_;
  double cycles_;
};

// One lane's copy.
class Issue {
 public:
  Issue(Warp& w, const Op* op, int lane, const BulkForm& form) : w_(w), op_(op), lane_(lane), form_(form) {}

  bool run() {
    CopyPlan plan;
    if (form_.reduces != 0) {
      plan.reduction =
          AtomicKind{static_cast<AtomicOperation>(form_.operation), static_cast<AtomicType>(form_.type),
                     static_cast<int>(form_.element_bytes), 1};
    }
    if (form_.is_tensor != 0 ? !plan_tensor(w_, op_, lane_, form_, plan) : !plan_bytes(plan)) return false;
    w_.counters->copy_engine_bytes += plan.bytes;
    switch (form_.kind) {
      case BulkForm::Kind::kLoad:
        return load(std::make_shared<CopyPlan>(std::move(plan)));
      case BulkForm::Kind::kStore:
        return store(std::move(plan));
      case BulkForm::Kind::kShare:
        return share(plan);
    }
    return false;
  }

 private:
  bool refuse(Finding::Kind kind, const std::string& what) const {
    fault(w_, op_, lane_, kind, what);
    return false;
  }
  uint64_t address(uint32_t row) const { return lane_wide(w_, row, lane_); }

  // Without a tensor map: `size` bytes as they lie.
  bool plan_bytes(CopyPlan& plan) {
    const uint32_t size = lane_word(w_, form_.size, lane_);
    if (size % kAlignment != 0)
      return refuse(Finding::Kind::kMisaligned,
                    fmt::format("a copy of {} bytes: bulk copies move multiples of "
                                "16",
                                size));
    plan.bytes = plan.region = size;
    if (form_.kind == BulkForm::Kind::kShare || size == 0) return true;
    const bool is_load = form_.kind == BulkForm::Kind::kLoad;
    const uint64_t global = address(is_load ? form_.from : form_.to);
    if (global % kAlignment != 0)
      return refuse(Finding::Kind::kMisaligned,
                    fmt::format("copies {} {}, which is not a multiple of 16", is_load ? "from" : "to",
                                w_.block->memory->describe(global, size)));
    Buffer* buffer = nullptr;
    if (form_.bytes == kNoRow)
      return add_run(w_, op_, lane_, {nullptr, global, 0, size}, is_load, plan, buffer);
    const uint32_t mask = lane_word(w_, form_.bytes, lane_);
    for (uint32_t at = 0; at < size; ++at) {
      if ((mask >> at % 16 & 1) != 0 &&
          !add_run(w_, op_, lane_, {nullptr, global + at, at, 1}, is_load, plan, buffer))
        return false;
    }
    return true;
  }

  bool find_own(uint64_t from, uint32_t bytes, uint32_t alignment, SharedPlace& place) const {
    place = locate_shared(*w_.block, from, bytes);
    if (place.block != w_.block)
      return refuse(
          Finding::Kind::kOutOfBoundsRead,
          fmt::format("copies {} bytes from address {:#x}, which are not all in the block's own shared "
                      "memory of {} bytes",
                      bytes, from, w_.shared_bytes));
    if (place.offset % alignment == 0) return true;
    return refuse(Finding::Kind::kMisaligned, fmt::format("copies from {}, which is not a multiple of {}",
                                                          describe_shared(*w_.block, place), alignment));
  }

  bool find_target(uint64_t to, uint32_t bytes, uint32_t alignment, SharedPlace& place) const {
    place = locate_shared(*w_.block, to, bytes);
    if (place.block == nullptr || (form_.in_own_block != 0 && place.block != w_.block))
      return refuse(
          Finding::Kind::kOutOfBoundsWrite,
          fmt::format("copies {} bytes to address {:#x}, which are not all in {} shared memory of {} "
                      "bytes",
                      bytes, to, form_.in_own_block != 0 ? "the block's own" : "one block's",
                      w_.shared_bytes));
    if (place.offset % alignment == 0) return check_runs(place);
    return refuse(Finding::Kind::kMisaligned, fmt::format("copies to {}, which is not a multiple of {}",
                                                          describe_shared(*w_.block, place), alignment));
  }
  bool check_runs(const SharedPlace& place) const {
    if (!place.block->ended) return true;
    return refuse(
        Finding::Kind::kOutOfBoundsWrite,
        fmt::format("copies to {}, after that block has ended: let the cluster's blocks meet before "
                    "any ends",
                    describe_shared(*w_.block, place)));
  }

  bool find_barrier(const SharedPlace& to, SharedPlace& place) const {
    const uint64_t at = address(form_.barrier);
    place = locate_shared(*w_.block, at, 8);
    if (place.block == nullptr || place.offset % 8 != 0)
      return refuse(Finding::Kind::kMbarrierMisuse,
                    fmt::format("an mbarrier at address {:#x}, which is not 8 aligned bytes of the cluster's "
                                "shared memory",
                                at));
    const uint32_t other = place.block->rank ^ to.block->rank;
    if (form_.is_multicast == 0 && other > form_.by_pair)
      return refuse(
          Finding::Kind::kMbarrierMisuse,
          fmt::format("completes at the mbarrier at {}, but writes {}: both have to be in one block{}",
                      describe_shared(*w_.block, place), describe_shared(*w_.block, to),
                      form_.by_pair != 0 ? ", or in a pair" : " (cta_group::2 allows a pair)"));
    return true;
  }

  bool load(std::shared_ptr<const CopyPlan> plan) {
    const uint32_t alignment = form_.is_tensor != 0 ? kTensorAlignment : kAlignment;
    SharedPlace to, barrier;
    if (!find_target(address(form_.to), plan->region, alignment, to) || !find_barrier(to, barrier))
      return false;
    note_global_runs(w_, op_, lane_, *plan, true);
    const auto issued = std::make_shared<const std::vector<std::byte>>(snapshot(w_, *plan));
    const double done = take_engine(w_, plan->bytes).done;
    if (form_.is_multicast == 0) return load_into(to, barrier, plan, issued, done);
    const uint32_t mask = lane_word(w_, form_.blocks, lane_) & 0xffff;
    const std::vector<Block*>& blocks = w_.block->cluster->blocks;
    if (mask >> blocks.size() != 0)
      return refuse(
          Finding::Kind::kOutOfBoundsWrite,
          fmt::format("multicasts to the blocks {:#x}, but the cluster has {}", mask, blocks.size()));
    for (uint32_t left = mask; left != 0; left &= left - 1) {
      const auto rank = static_cast<uint32_t>(__builtin_ctz(left));
      // The signal goes to the same offset: of that block, or of the pair's one that `barrier` is of.
      const uint32_t signalled = form_.by_pair != 0 ? (rank & ~1u) | (barrier.block->rank & 1) : rank;
      if (signalled >= blocks.size()) return refuse(Finding::Kind::kMbarrierMisuse, "a pair without a peer");
      const SharedPlace target{blocks[rank], to.offset};
      if (!check_runs(target) || !load_into(target, {blocks[signalled], barrier.offset}, plan, issued, done))
        return false;
    }
    return true;
  }

  bool load_into(const SharedPlace& to, const SharedPlace& barrier,
                 const std::shared_ptr<const CopyPlan>& plan,
                 const std::shared_ptr<const std::vector<std::byte>>& issued, double done) {
    if (find_mbarrier(w_, op_, lane_, barrier) == nullptr) return false;
    begin_proxy_write(w_, op_, lane_, to, plan->region);
    w_.block->cluster->queue.add(
        std::make_unique<LoadLands>(w_, op_, lane_, barrier, to, plan, issued, done));
    return true;
  }

  bool store(CopyPlan plan) {
    const uint32_t alignment = form_.is_tensor != 0 ? kTensorAlignment : kAlignment;
    BulkStore copy;
    if (!find_own(address(form_.from), plan.region, alignment, copy.from)) return false;
    note_global_runs(w_, op_, lane_, plan, false);
    check_box_read(w_, op_, lane_, plan, copy.from);
    const CopyTimes times = take_engine(w_, plan.bytes);
    copy.op = op_;
    copy.lane = lane_;
    copy.issued.assign(copy.from.host(), copy.from.host() + plan.region);
    copy.plan = std::move(plan);
    copy.read_cycles = times.read;
    copy.done_cycles = times.done;
    add_bulk_store(w_, std::move(copy));
    return true;
  }

  bool share(const CopyPlan& plan) {
    SharedPlace from, to, barrier;
    if (!find_own(address(form_.from), plan.bytes, kAlignment, from) ||
        !find_target(address(form_.to), plan.bytes, kAlignment, to) || !find_barrier(to, barrier) ||
        find_mbarrier(w_, op_, lane_, barrier) == nullptr)
      return false;
    check_proxy_read(w_, op_, lane_, from, plan.bytes);
    if (!plan.reduction) {
      begin_proxy_write(w_, op_, lane_, to, plan.bytes);
    } else {
      check_reduction_abroad(w_, op_, lane_, to, plan.bytes);
    }
    w_.block->cluster->queue.add(std::make_unique<ShareLands>(
        w_, op_, lane_, barrier, from, to, plan.bytes, plan.reduction, take_engine(w_, plan.bytes).done));
    return true;
  }

  Warp& w_;
  const Op* op_;
  int lane_;
  const BulkForm& form_;
};

}  // namespace

bool add_run(Warp& w, const Op* op, int lane, const CopyRun& run, bool is_load, CopyPlan& plan,
             Buffer*& buffer) {
  if (buffer == nullptr || !buffer->contains(run.address, run.bytes))
    buffer = find_buffer(w, run.address, run.bytes);
  const bool may = buffer != nullptr && (is_load || buffer->access != Access::kReadOnly);
  if (!may) {
    fault(w, op, lane,
          buffer != nullptr ? Finding::Kind::kWriteToReadOnly
          : is_load         ? Finding::Kind::kOutOfBoundsRead
                            : Finding::Kind::kOutOfBoundsWrite,
          fmt::format("{} {} bytes at {}{}", is_load ? "reads" : "writes", run.bytes,
                      w.block->memory->describe(run.address, run.bytes),
                      buffer != nullptr ? ", which is an input" : ""));
    return false;
  }
  CopyRun found = run;
  found.host = buffer->host(run.address);
  plan.moved += run.bytes;
  if (!plan.runs.empty()) {
    CopyRun& last = plan.runs.back();
    if (last.address + last.bytes == run.address && last.box_offset + last.bytes == run.box_offset &&
        last.host + last.bytes == found.host && buffer->contains(last.address, last.bytes + run.bytes)) {
      last.bytes += run.bytes;
      return true;
    }
  }
  plan.runs.push_back(found);
  return true;
}

const Op* bulk_copy_op(Warp& w, const Op* op) {
  const BulkForm form = form_of(w, op);
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    if (!Issue(w, op, __builtin_ctz(left), form).run()) return nullptr;
  }
  return op + 1;
}

}  // namespace warpwright::sim
