// The exact check of shared-memory accesses, cell by cell.
#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {
namespace {

std::string shared_place(const Warp& w, uint64_t address) {
  return fmt::format("shared memory + {} (the block has {} bytes)", address, w.shared_bytes);
}

std::string other_access(const Warp& w, uint64_t tag, std::string_view verb) {
  const int warp = ShadowTag::warp(tag);
  const bool several = (tag & ShadowTag::kManyLanes) != 0;
  const std::string who =
      several ? fmt::format("several lanes of warp {}", warp)
              : fmt::format("thread {} (warp {}, lane {})", thread_name(w, warp, ShadowTag::lane(tag)), warp,
                            ShadowTag::lane(tag));
  const uint64_t op = ShadowTag::op(tag);
  return fmt::format("{} {}{}", who, verb,
                     op == ShadowTag::kUnknownOp ? "" : " at" + instruction_place(*w.kernel, op));
}

class SharedCheck {
 public:
  SharedCheck(Warp& w, const Op* op, uint32_t bytes, SharedUse use)
      : w_(w), op_(op), shadow_(*w.shadow), bytes_(bytes), use_(use) {
    reads_ = use == SharedUse::kRead || use == SharedUse::kAtomicRead;
    atomic_ = use == SharedUse::kAtomic || use == SharedUse::kAtomicRead;
    const uint64_t index = std::min<uint64_t>(static_cast<uint64_t>(op - w.code), ShadowTag::kUnknownOp);
    mine_ = index << ShadowTag::kOpShift | static_cast<uint64_t>(w.index) << ShadowTag::kWarpShift;
  }

  void visit_lane(int lane, uint64_t address) {
    lane_ = lane;
    address_ = address;
    if (atomic_ && shadow_.tracks_releases) shadow_.synchronise(w_.index, w_.shared_begin + address);
    const uint32_t shift = shadow_.granule_shift;
    for (uint64_t cell = address >> shift; cell <= (address + bytes_ - 1) >> shift; ++cell) visit_cell(cell);
  }

 private:
  void visit_cell(uint64_t cell) {
    const uint64_t read = shadow_.reads[cell];
    uint64_t write = shadow_.writes[cell];
    if (write == RaceShadow::kInFlight) return report_in_flight();
    if (write == RaceShadow::kAbroad) write = check_abroad(static_cast<uint32_t>(cell));
    if (write < shadow_.begin) {
      if (use_ != SharedUse::kWrite && !is_plain_store(w_, op_)) report_unwritten();
    } else if (!(atomic_ && (write & ShadowTag::kAtomic) != 0) &&
               !shadow_.is_ordered(w_.index, lane_, write) && !is_copy()) {
      report_race(write, "wrote");
    }
    if (!reads_ && read >= shadow_.begin) check_readers(read);
    mark(cell, read);
  }

  // What other blocks did to the cell. Returns its last write, if it was the own block's.
  uint64_t check_abroad(uint32_t cell) {
    const ClusterOrder::Cell& noted = shadow_.cluster->cells[cell];
    if (!reads_) {
      const auto* reader = unordered_reader(w_, lane_, noted);
      if (reader != nullptr) report_race_abroad(*reader, "read");
    }
    if (noted.write.rank == w_.block->rank) return noted.write.tag;
    const bool both_atomic = atomic_ && (noted.write.tag & ShadowTag::kAtomic) != 0;
    if (!both_atomic && !is_ordered(w_, lane_, noted.write) && !is_copy())
      report_race_abroad(noted.write, "wrote");
    return shadow_.begin;
  }

  // Copies of a value may be stored by all that hold one: Triton's warps do so.
  bool is_copy() const {
    return use_ == SharedUse::kWrite && stores_what_is_there(w_, op_, lane_, w_.shared + address_, bytes_);
  }

  void check_readers(uint64_t read) {
    const uint64_t plain = read & ~ShadowTag::kManyWarps;
    if (!shadow_.is_ordered(w_.index, lane_, plain)) {
      report_race(plain, "read");
    } else if ((read & ShadowTag::kManyWarps) != 0 &&
               !shadow_.orders_some_other(w_.index, ShadowTag::stamp(read))) {
      report_race(read, "read", true);
    }
  }

  void mark(uint64_t cell, uint64_t read) {
    uint64_t tag = shadow_.now[static_cast<std::size_t>(w_.index)] | mine_ | static_cast<uint64_t>(lane_);
    if (use_ == SharedUse::kRead) {
      if (ShadowTag::stamp(read) == ShadowTag::stamp(tag)) {
        const bool same_warp = ShadowTag::warp(read) == w_.index;
        if (!same_warp || (read & ShadowTag::kManyWarps) != 0) tag |= ShadowTag::kManyWarps;
        if (same_warp && ShadowTag::time(read) == ShadowTag::time(tag) &&
            ((read & ShadowTag::kManyLanes) != 0 || ShadowTag::lane(read) != lane_)) {
          tag |= ShadowTag::kManyLanes;
        }
      }
      shadow_.reads[cell] = tag;
    } else if (!reads_) {
      shadow_.writes[cell] = atomic_ ? tag | ShadowTag::kAtomic : tag;
    }
  }

  void report_in_flight() {
    report(w_, op_, lane_, reads_ ? Finding::Kind::kAsyncRead : Finding::Kind::kAsyncOverwrite,
           fmt::format(
               "{} {}, into which a cp.async is still copying: the thread that issued the copy has to wait "
               "for it first (cp.async.wait_group, __pipeline_wait_prior), and a barrier has to follow",
               reads_ ? "reads" : "writes", shared_place(w_, address_)));
  }

  void report_unwritten() {
    if (said_unwritten_) return;
    said_unwritten_ = true;
    report(w_, op_, lane_, Finding::Kind::kUninitialisedRead,
           fmt::format("reads {}, which no thread of the block has written", shared_place(w_, address_)));
  }

  void report_race(uint64_t tag, std::string_view verb, bool unnamed = false) {
    if (said_race_) return;
    said_race_ = true;
    const bool same_warp = ShadowTag::warp(tag) == w_.index && !unnamed;
    report(w_, op_, lane_, Finding::Kind::kSharedRace,
           fmt::format("{} {}, which {} with no {} in between", reads_ ? "reads" : "writes",
                       shared_place(w_, address_), unnamed ? "other warps read" : other_access(w_, tag, verb),
                       same_warp ? "__syncwarp or barrier" : "barrier"));
  }

  void report_race_abroad(const ClusterOrder::Access& other, std::string_view verb) {
    if (said_race_) return;
    said_race_ = true;
    report(w_, op_, lane_, Finding::Kind::kSharedRace,
           fmt::format("{} {}, which{}, and nothing orders the two: barrier.cluster or an mbarrier, with "
                       "release and acquire, comes in between",
                       reads_ ? "reads" : "writes", shared_place(w_, address_),
                       describe_access(w_, other, verb)));
  }

  Warp& w_;
  const Op* op_;
  RaceShadow& shadow_;
  uint32_t bytes_;
  SharedUse use_;
  bool reads_ = false, atomic_ = false, said_race_ = false, said_unwritten_ = false;
  uint64_t mine_ = 0, address_ = 0;
  int lane_ = 0;
};

}  // namespace

void check_shared(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, uint32_t bytes,
                  SharedUse use) {
  SharedCheck check(w, op, bytes, use);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    check.visit_lane(lane, addresses[lane]);
  }
}

bool is_plain_store(const Warp& w, const Op* op) {
  return op->instruction >= 0 && op->size > 0 &&
         w.kernel->instructions[static_cast<std::size_t>(op->instruction)].text.starts_with("st.");
}

namespace {

// The byte that a lane of a plain store writes at its address + `byte`.
std::byte stored_byte(const Warp& w, const Op* op, int lane, uint32_t byte) {
  const auto element = static_cast<uint32_t>(op->size);
  const std::byte* row = w.rows + w.lists[op->list + byte / element];
  return row[static_cast<std::size_t>(lane) * (element == 8 ? 8 : 4) + byte % element];
}

}  // namespace

bool stores_what_is_there(const Warp& w, const Op* op, int lane, const std::byte* memory, uint32_t bytes) {
  if (!is_plain_store(w, op)) return false;
  for (uint32_t byte = 0; byte < bytes; ++byte) {
    if (stored_byte(w, op, lane, byte) != memory[byte]) return false;
  }
  return true;
}

void check_overlapping_stores(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask, uint32_t bytes,
                              const std::string& space) {
  if (!is_plain_store(w, op)) return;
  std::map<uint64_t, int> written;  // byte -> lane
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    for (uint32_t byte = 0; byte < bytes; ++byte) {
      const auto [place, is_new] = written.try_emplace(addresses[lane] + byte, lane);
      if (is_new || stored_byte(w, op, lane, byte) == stored_byte(w, op, place->second, byte)) continue;
      const bool shared = space == "shared";
      report(w, op, lane, shared ? Finding::Kind::kSharedRace : Finding::Kind::kGlobalRace,
             fmt::format("writes {} together with lane {} of the same warp, another value: either may stay",
                         shared ? shared_place(w, addresses[lane])
                                : w.block->memory->describe(addresses[lane], bytes),
                         place->second));
      return;
    }
  }
}

}  // namespace warpwright::sim
