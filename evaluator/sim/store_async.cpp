// st.async and red.async: a thread's value into another block's shared memory, counted at that block's
// mbarrier (PTX ISA, "st.async", "red.async").
#include <fmt/format.h>

#include <cstring>

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

constexpr double kRemoteCycles = 200;  // to another SM of the cluster

struct Value {
  std::array<std::byte, 32> bytes = {};
  uint32_t size = 0;
};

class StoreLands final : public AsyncWork {
 public:
  StoreLands(Warp& w, const Op* issued_by, int by_lane, const SharedPlace& barrier, SharedPlace to,
             const Value& value, std::optional<AtomicKind> reduction)
      : AsyncWork(w, issued_by, by_lane, barrier),
        to_(to),
        value_(value),
        reduction_(reduction),
        cycles_(w.cycles + kRemoteCycles) {}

  bool land() override {
    Mbarrier* m = find_mbarrier(warp, op, lane, mbarrier);
    if (m == nullptr) return false;
    if (reduction_) {
      reduce_bytes(*reduction_, to_.host(), value_.bytes.data(), value_.size, false);
    } else {
      std::memcpy(to_.host(), value_.bytes.data(), value_.size);
    }
    end_proxy_write(warp, to_, value_.size, m->arrivals, reduction_.has_value());
    return complete_at(warp, op, lane, mbarrier, {value_.size, 0, false, Completion::Order::kNone}, cycles_);
  }

 private:
  SharedPlace to_;
  Value value_;
  std::optional<AtomicKind> reduction_;
  double cycles_;
};

bool locate(Warp& w, const Op* op, int lane, uint32_t bytes, SharedPlace& to, SharedPlace& barrier) {
  to = locate_shared(*w.block, lane_address(w, op, lane), bytes);
  barrier = locate_shared(*w.block, lane_wide(w, op->s[1], lane), 8);
  if (to.block == nullptr || to.block->ended || to.offset % bytes != 0) {
    fault(w, op, lane, Finding::Kind::kOutOfBoundsWrite,
          fmt::format("writes {} bytes at address {:#x}, which are not aligned bytes of one running block's "
                      "shared memory of this cluster",
                      bytes, lane_address(w, op, lane)));
    return false;
  }
  if (barrier.block == to.block && barrier.offset % 8 == 0) return true;
  fault(w, op, lane, Finding::Kind::kMbarrierMisuse,
        fmt::format(
            "the mbarrier at address {:#x} is not 8 aligned bytes of the shared memory that is written, "
            "rank {}'s",
            lane_wide(w, op->s[1], lane), to.block->rank));
  return false;
}

}  // namespace

const Op* store_async_op(Warp& w, const Op* op) {
  const auto element = static_cast<uint32_t>(op->target);
  std::optional<AtomicKind> reduction;
  if (op->s[2] != 0) {
    reduction = AtomicKind{static_cast<AtomicOperation>((op->s[2] & 0xff) - 1),
                           static_cast<AtomicType>(op->s[2] >> 8), static_cast<int>(element), 1};
  }
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    Value value;
    value.size = element * op->count;
    for (uint32_t k = 0; k < op->count; ++k) {
      const uint64_t bits = lane_value(w, w.lists[op->list + k], lane, static_cast<int>(element));
      std::memcpy(value.bytes.data() + k * element, &bits, element);
    }
    SharedPlace to, barrier;
    if (!locate(w, op, lane, value.size, to, barrier)) return nullptr;
    if (find_mbarrier(w, op, lane, barrier) == nullptr) return nullptr;
    if (!reduction) {
      begin_proxy_write(w, op, lane, to, value.size);
    } else {
      check_reduction_abroad(w, op, lane, to, value.size);
    }
    w.block->cluster->queue.add(std::make_unique<StoreLands>(w, op, lane, barrier, to, value, reduction));
  }
  return op + 1;
}

}  // namespace warpwright::sim
