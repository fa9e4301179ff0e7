#include "evaluator/sim/mbarrier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/async_copy.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/race_shadow.h"
#include "evaluator/sim/tensor_memory.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr uint32_t kBytes = 8;
constexpr int kPhaseShift = 20;
constexpr double kWakeCycles = 30;  // from the phase's end to the waiting thread's next instruction

// What the object's memory holds: any change to it shows.
uint64_t image_of(const Mbarrier& m) {
  const uint64_t transactions = static_cast<uint64_t>(m.transactions) & 0x1fffff;
  return uint64_t{m.pending} | transactions << 20 | (m.phase & 1) << 41 |
         (uint64_t{m.expected} & 0x1fffff) << 42 | uint64_t{1} << 63;
}

void write_image(const SharedPlace& place, const Mbarrier& m) {
  const uint64_t image = image_of(m);
  std::memcpy(place.host(), &image, kBytes);
}

// Whether the tag's mbarrier.init is before the warp: what it knows, or what a fence.mbarrier_init told it.
bool knows_init(const Warp& w, int lane, const ClusterOrder::Access& init) {
  if (is_ordered(w, lane, init)) return true;
  const auto v = static_cast<std::size_t>(ShadowTag::warp(init.tag));
  return w.shadow->cluster != nullptr &&
         ShadowTag::stamp(init.tag) <=
             w.shadow->cluster->known[static_cast<std::size_t>(w.index)][init.rank].initialised[v];
}

// The initialisation has to be ordered before whoever uses the object (PTX ISA, "fence": .mbarrier_init).
void check_initialised(Warp& w, const Op* op, int lane, const SharedPlace& place) {
  if (w.shadow == nullptr) return;
  if (report_unknown_start(w, op, lane, place)) return;
  const RaceShadow& shadow = *place.block->shadow;
  const uint64_t write = shadow.writes[place.offset >> shadow.granule_shift];
  if (write >= RaceShadow::kAbroad || write <= shadow.begin ||
      knows_init(w, lane, {place.block->rank, write}))
    return;
  const std::string init = fmt::format("warp {} initialises{}", ShadowTag::warp(write),
                                       instruction_place(*w.kernel, ShadowTag::op(write)));
  if (place.block == w.block)
    return report(w, op, lane, Finding::Kind::kSharedRace,
                  fmt::format("uses the mbarrier at shared memory + {}, which {} with no barrier in between",
                              place.offset, init));
  report(w, op, lane, Finding::Kind::kMissingFence,
         fmt::format("uses the mbarrier at {}, which its {}, and nothing makes that visible to other blocks: "
                     "barrier.cluster.arrive with .release, or with fence.mbarrier_init before it, and "
                     "barrier.cluster.wait come in between",
                     describe_shared(*w.block, place), init));
}

uint64_t phase_state(const Mbarrier& m) {
  return m.phase << kPhaseShift | m.pending;
}

bool has_room(Warp& w, const Op* op, int lane, const SharedPlace& place, const Mbarrier& m) {
  if (m.transactions >= -kMostTransactions && m.transactions <= kMostTransactions) return true;
  fault(w, op, lane, Finding::Kind::kMbarrierMisuse,
        fmt::format(
            "the transaction count of the mbarrier at {} is {}, beyond {} bytes: expect no more in one phase",
            describe_shared(*w.block, place), m.transactions, kMostTransactions));
  return false;
}

void end_phase(Block& block, uint32_t offset, Mbarrier& m) {
  ++m.phase;
  m.pending = m.expected;
  m.last_cycles = m.cycles;
  m.meeting = m.arrivals;
  ++block.launch->changes;
  for (Warp& w : block.warps) {
    wake_groups(w, [&](const Group& g) { return g.barrier == kAtMbarrier + static_cast<int>(offset); });
  }
}

// The lanes' addresses: places in the cluster's shared memory.
bool locate(Warp& w, const Op* op, int lane, SharedPlace& place) {
  const uint64_t address = lane_address(w, op, lane);
  place = locate_shared(*w.block, address, kBytes);
  const bool in_window = (op->flags & kGenericAddress) == 0 || address / kSharedWindow == 1;
  if (place.block != nullptr && in_window && place.offset % kBytes == 0 && !place.block->ended) return true;
  fault(w, op, lane,
        place.block == nullptr || !in_window ? Finding::Kind::kOutOfBoundsWrite : Finding::Kind::kMisaligned,
        place.block != nullptr && place.block->ended
            ? fmt::format("an mbarrier at {}, after that block has ended: let the cluster's blocks meet "
                          "before any ends",
                          describe_shared(*w.block, place))
            : fmt::format(
                  "an mbarrier at address {:#x}, which is not 8 aligned bytes of the cluster's shared memory",
                  address));
  return false;
}

bool initialise(Warp& w, const Op* op, int lane, const SharedPlace& place) {
  const uint32_t count = lane_word(w, op->s[1], lane);
  if (count == 0 || count > kMostArrivals || place.block != w.block) {
    fault(w, op, lane, Finding::Kind::kMbarrierMisuse,
          place.block != w.block
              ? "mbarrier.init of another block's shared memory"
              : fmt::format("mbarrier.init with a count of {}: 1 to {}", count, kMostArrivals));
    return false;
  }
  uint64_t offsets[kLanes] = {};
  offsets[lane] = place.offset;
  if (w.shadow != nullptr) check_shared(w, op, offsets, 1u << lane, kBytes, SharedUse::kWrite);
  Mbarrier m;
  m.expected = m.pending = count;
  write_image(place, m);
  if (w.block->mbarriers == nullptr) w.block->mbarriers = std::make_unique<Mbarriers>();
  auto& objects = w.block->mbarriers->by_offset;
  if (const auto old = objects.find(place.offset); old != objects.end() && old->second.transactions != 0)
    report(w, op, lane, Finding::Kind::kMbarrierMisuse,
           fmt::format(
               "initialises the mbarrier at shared memory + {}, which is in use: mbarrier.inval comes first",
               place.offset));
  objects[place.offset] = m;
  return true;
}

// expect_tx, complete_tx and the arrivals.
bool arrive(Warp& w, const Op* op, int lane, const SharedPlace& place, MbarrierAction action) {
  Completion completion;
  completion.order = (op->flags & kRelaxed) == 0 ? Completion::Order::kRelease : Completion::Order::kRelaxed;
  if (op->s[2] != kNoRow) {
    const int64_t bytes = lane_word(w, op->s[2], lane);
    completion.bytes = action == MbarrierAction::kComplete ? bytes : -bytes;
  }
  if (action == MbarrierAction::kArrive || action == MbarrierAction::kArriveDrop) {
    completion.arrivals = op->s[1] == kNoRow ? 1 : lane_word(w, op->s[1], lane);
    completion.drops = action == MbarrierAction::kArriveDrop;
  } else {
    completion.order = Completion::Order::kNone;
  }
  const Mbarrier* m = find_mbarrier(w, op, lane, place);
  if (m == nullptr) return false;
  if (completion.arrivals > 0 && place.block == w.block) note_mbarrier_arrival(w, place.offset);
  if (op->d != kNoRow) set_lane(w, op->d, lane, phase_state(*m), 8);
  if ((op->flags & kNoCompletion) != 0 && completion.arrivals >= m->pending) {
    fault(w, op, lane, Finding::Kind::kMbarrierMisuse,
          fmt::format("mbarrier.arrive.noComplete would complete the phase of the mbarrier at {}",
                      describe_shared(*w.block, place)));
    return false;
  }
  return complete_at(w, op, lane, place, completion, w.cycles);
}

bool is_past(const Mbarrier& m, MbarrierAction action, uint64_t argument) {
  if (action == MbarrierAction::kTestParity) return (m.phase & 1) != (argument & 1);
  return m.phase > argument >> kPhaseShift;
}

// One lane's answer; landing what it waits for first. -1: a fault.
int test(Warp& w, const Op* op, int lane, const SharedPlace& place, MbarrierAction action) {
  Mbarrier* m = find_mbarrier(w, op, lane, place);
  if (m == nullptr) return -1;
  const bool by_state = action == MbarrierAction::kTestState;
  const uint64_t argument = by_state ? lane_wide(w, op->s[1], lane) : lane_word(w, op->s[1], lane);
  if (!is_past(*m, action, argument)) {
    w.block->cluster->queue.land(place);
    if (w.block->launch->faulted) return -1;
  }
  if (!is_past(*m, action, argument)) return 0;
  if (w.shadow != nullptr) {
    if ((op->flags & kRelaxed) == 0) {
      w.shadow->take_over(w.index, m->meeting);
    } else {
      w.shadow->wait_relaxed(w.index, m->meeting);
    }
  }
  note_mbarrier_wait(w, place.offset, m->meeting);
  const double waits = std::max(0.0, m->last_cycles + kWakeCycles - w.cycles);
  w.cycles += waits;
  w.mbarrier_cycles += waits;
  return 1;
}

const Op* wait_op(Warp& w, const Op* op, MbarrierAction action) {
  uint32_t done = 0;
  SharedPlace first;
  bool same_place = true;
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    SharedPlace place;
    if (!locate(w, op, lane, place)) return nullptr;
    if (place.block != w.block) {
      return fault(w, op, lane, Finding::Kind::kMbarrierMisuse,
                   "waits at an mbarrier of another block: only arrivals may cross blocks");
    }
    if (first.block == nullptr) first = place;
    same_place &= place.offset == first.offset;
    const int answer = test(w, op, lane, place, action);
    if (answer < 0) return nullptr;
    done |= static_cast<uint32_t>(answer) << lane;
  }
  const bool waits = (op->flags & kMayWait) != 0 && done == 0 && same_place && !w.wait_expired;
  w.wait_expired = false;
  if (!waits) {
    set_predicate(w, op->d, done);
    return op + 1;
  }
  w.groups[static_cast<std::size_t>(w.group_count++)] = {w.code + op->target, w.mask,
                                                         Group::State::kAtBarrier,
                                                         kAtMbarrier + static_cast<int>(first.offset), op};
  return next_group(w);
}

// Arrives for one lane's cp.async once they have landed.
class CopiesLand final : public AsyncWork {
 public:
  CopiesLand(Warp& w, const Op* issued_by, int by_lane, const SharedPlace& place, uint64_t before)
      : AsyncWork(w, issued_by, by_lane, place), before_(before) {}
  bool land() override {
    land_copies(warp, 1u << lane, before_);
    return complete_at(warp, op, lane, mbarrier, {0, 1, false, Completion::Order::kRelease}, warp.cycles);
  }

 private:
  uint64_t before_;
};

}  // namespace

Mbarrier* find_mbarrier(Warp& w, const Op* op, int lane, const SharedPlace& place) {
  Mbarrier* found = nullptr;
  if (place.block->mbarriers != nullptr) {
    const auto at = place.block->mbarriers->by_offset.find(place.offset);
    if (at != place.block->mbarriers->by_offset.end()) found = &at->second;
  }
  uint64_t image = 0;
  std::memcpy(&image, place.host(), kBytes);
  if (found != nullptr && image == image_of(*found)) {
    check_initialised(w, op, lane, place);
    return found;
  }
  fault(w, op, lane, Finding::Kind::kMbarrierMisuse,
        found == nullptr
            ? fmt::format("no mbarrier at {}: mbarrier.init has not run there, or mbarrier.inval has",
                          describe_shared(*w.block, place))
            : fmt::format("the mbarrier at {} was overwritten by other accesses; it holds {:#x}",
                          describe_shared(*w.block, place), image));
  return nullptr;
}

namespace {

void publish(Warp& w, const Op* op, int lane, const SharedPlace& place, const Completion& completion,
             Meeting& meeting) {
  switch (completion.order) {
    case Completion::Order::kNone:
      return w.shadow->publish_start(meeting);
    case Completion::Order::kRelaxed:
      return w.shadow->publish_relaxed(w.index, meeting);
    case Completion::Order::kRelease:
      note_visit(w, op, lane, place);
      w.shadow->publish(w.index, meeting);
      w.shadow->advance(w.index);
  }
}

}  // namespace

bool complete_at(Warp& w, const Op* op, int lane, const SharedPlace& place, const Completion& completion,
                 double cycles) {
  Mbarrier* m = find_mbarrier(w, op, lane, place);
  if (m == nullptr) return false;
  if (completion.arrivals > m->pending) {
    fault(
        w, op, lane, Finding::Kind::kMbarrierMisuse,
        fmt::format("{} arrivals at the mbarrier at {}, whose phase expects only {} more: the count given to "
                    "mbarrier.init is too small, or a thread arrives twice",
                    completion.arrivals, describe_shared(*w.block, place), m->pending));
    return false;
  }
  m->transactions -= completion.bytes;
  if (!has_room(w, op, lane, place, *m)) return false;
  if (w.shadow != nullptr) publish(w, op, lane, place, completion, m->arrivals);
  m->cycles = std::max(m->cycles, cycles);
  m->pending -= completion.arrivals;
  if (completion.drops) m->expected -= std::min(m->expected, completion.arrivals);
  ++place.block->launch->changes;
  if (m->pending == 0 && m->transactions == 0 && (completion.arrivals > 0 || completion.bytes > 0))
    end_phase(*place.block, place.offset, *m);
  write_image(place, *m);
  return true;
}

const Op* mbarrier_op(Warp& w, const Op* op) {
  const auto action = static_cast<MbarrierAction>(op->count);
  if (action == MbarrierAction::kTestState || action == MbarrierAction::kTestParity)
    return wait_op(w, op, action);
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    SharedPlace place;
    if (!locate(w, op, lane, place)) return nullptr;
    if (action == MbarrierAction::kInit) {
      if (!initialise(w, op, lane, place)) return nullptr;
    } else if (action == MbarrierAction::kInvalidate) {
      if (find_mbarrier(w, op, lane, place) == nullptr) return nullptr;
      place.block->mbarriers->by_offset.erase(place.offset);
    } else if (!arrive(w, op, lane, place, action)) {
      return nullptr;
    }
  }
  return op + 1;
}

const Op* pending_count(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    set_lane(w, op->d, lane, lane_wide(w, op->s[0], lane) & kMostArrivals, 4);
  }
  return op + 1;
}

const Op* arrive_after_copies(Warp& w, const Op* op) {
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    SharedPlace place;
    if (!locate(w, op, lane, place)) return nullptr;
    Mbarrier* m = find_mbarrier(w, op, lane, place);
    if (m == nullptr) return nullptr;
    if ((op->flags & kNoIncrement) == 0) {
      ++m->pending;
      write_image(place, *m);
    }
    w.block->cluster->queue.add(std::make_unique<CopiesLand>(w, op, lane, place, copies_issued(w)));
  }
  return op + 1;
}

const Op* fence_proxies(Warp& w, const Op* op) {
  if (w.shadow == nullptr) return op + 1;
  if (op->flags & kOnlyMbarriers) {
    w.shadow->fence_inits(w.index);
  } else {
    w.shadow->fence_proxy(w.index);
  }
  return op + 1;
}

bool land_awaited(Block& block) {
  bool any = false;
  for (Warp& w : block.warps) {
    for (int k = 0; k < w.group_count && !block.launch->faulted; ++k) {
      const Group& g = w.groups[static_cast<std::size_t>(k)];
      if (g.state != Group::State::kAtBarrier || g.barrier < kAtMbarrier) continue;
      any |= block.cluster->queue.land({&block, static_cast<uint32_t>(g.barrier - kAtMbarrier)});
    }
  }
  return any;
}

bool expire_waits(Block& block) {
  bool any = false;
  for (Warp& w : block.warps) {
    bool found = false;  // one at a time: the flag is the warp's
    w.wait_expired |= wake_groups(
        w, [&](const Group& g) { return g.barrier >= kAtMbarrier && !std::exchange(found, true); });
    any |= found;
  }
  return any;
}

bool waits_for_others(const Warp& w) {
  return std::any_of(w.groups.begin(), w.groups.begin() + w.group_count, [](const Group& g) {
    return g.state == Group::State::kAtBarrier && g.barrier >= kAtClusterBarrier;
  });
}

bool waits_for_others(const Block& block) {
  return std::any_of(block.warps.begin(), block.warps.end(),
                     [](const Warp& w) { return waits_for_others(w); });
}

std::string describe_mbarrier(const Block& block, uint32_t offset) {
  const auto& objects = block.mbarriers->by_offset;
  const auto found = objects.find(offset);
  if (found == objects.end())
    return fmt::format("waits at an mbarrier at shared memory + {} that is gone", offset);
  const Mbarrier& m = found->second;
  return fmt::format(
      "waits at the mbarrier at shared memory + {}, phase {} (parity {}), for {} of {} arrivals and {} "
      "bytes of transactions",
      offset, m.phase, m.phase & 1, m.pending, m.expected, m.transactions);
}

}  // namespace warpwright::sim
