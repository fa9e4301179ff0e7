#include "evaluator/sim/cluster_order.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

uint32_t known_stamp(const Warp& w, uint32_t rank, int warp) {
  return w.shadow->cluster->known[at(w.index)][rank].known[at(warp)];
}

uint64_t tag_of(const Warp& w, const Op* op, int lane) {
  return w.shadow->now[at(w.index)] |
         std::min<uint64_t>(static_cast<uint64_t>(op - w.code), ShadowTag::kUnknownOp)
             << ShadowTag::kOpShift |
         static_cast<uint64_t>(w.index) << ShadowTag::kWarpShift | static_cast<uint64_t>(lane);
}

// One lane's access of the memory of another block.
class AccessAbroad {
 public:
  AccessAbroad(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes, SharedUse use)
      : w_(w), op_(op), lane_(lane), place_(place), bytes_(bytes), use_(use), shadow_(*place.block->shadow) {
    reads_ = use == SharedUse::kRead || use == SharedUse::kAtomicRead;
    atomic_ = use == SharedUse::kAtomic || use == SharedUse::kAtomicRead;
    mine_ = {w.block->rank, tag_of(w, op, lane) | (use == SharedUse::kAtomic ? ShadowTag::kAtomic : 0)};
  }

  void run() {
    if (report_unknown_start(w_, op_, lane_, place_)) return;
    if (atomic_ && w_.shadow->tracks_releases)
      w_.shadow->synchronise(w_.index, uint64_t{place_.block->rank} << kRankShift | place_.offset);
    const uint32_t shift = shadow_.granule_shift;
    for (uint32_t cell = place_.offset >> shift; cell <= (place_.offset + bytes_ - 1) >> shift; ++cell)
      visit(cell);
  }

 private:
  void visit(uint32_t cell) {
    const uint64_t write = shadow_.writes[cell];
    if (write == RaceShadow::kInFlight) {
      return say(reads_ ? Finding::Kind::kAsyncRead : Finding::Kind::kAsyncOverwrite,
                 ", into which an asynchronous copy is still writing");
    }
    if (write < shadow_.begin) {
      if (use_ != SharedUse::kWrite) say(Finding::Kind::kUninitialisedRead, ", which nothing has written");
    } else {
      check_writer(writer_of_cell(*place_.block, cell));
    }
    if (!reads_) check_readers(cell);
    mark(cell);
  }

  // Copies of a value may be stored by all that hold one.
  bool is_copy() const {
    return use_ == SharedUse::kWrite && stores_what_is_there(w_, op_, lane_, place_.host(), bytes_);
  }

  void check_writer(const ClusterOrder::Access& writer) {
    if (atomic_ && (writer.tag & ShadowTag::kAtomic) != 0) return;
    if (!is_ordered(w_, lane_, writer) && !is_copy()) say_race(writer, "wrote");
  }

  void check_readers(uint32_t cell) {
    const uint64_t read = shadow_.reads[cell], plain = read & ~ShadowTag::kManyWarps;
    const uint32_t rank = place_.block->rank;
    if (read >= shadow_.begin && !is_ordered(w_, lane_, {rank, plain})) say_race({rank, plain}, "read");
    if (shadow_.writes[cell] != RaceShadow::kAbroad) return;
    const auto* reader = unordered_reader(w_, lane_, shadow_.cluster->cells[cell]);
    if (reader != nullptr) say_race(*reader, "read");
  }

  void mark(uint32_t cell) {
    uint64_t& write = shadow_.writes[cell];
    ClusterOrder::Cell& noted = shadow_.cluster->cells[cell];
    if (write != RaceShadow::kAbroad) noted = {{place_.block->rank, write}, {}};
    if (use_ == SharedUse::kRead) {
      note_reader(noted);
    } else if (!reads_) {
      noted = {mine_, {}};
    }
    if (write != RaceShadow::kAbroad && (use_ == SharedUse::kRead || !reads_)) write = RaceShadow::kAbroad;
  }

  void note_reader(ClusterOrder::Cell& noted) const {
    for (ClusterOrder::Access& one : noted.reads) {
      if (one.rank != mine_.rank || ShadowTag::warp(one.tag) != w_.index) continue;
      one = mine_;
      return;
    }
    noted.reads.push_back(mine_);
  }

  void say_race(const ClusterOrder::Access& other, std::string_view verb) {
    say(Finding::Kind::kSharedRace,
        fmt::format(", which{}, and nothing orders the two: barrier.cluster or an mbarrier, with release and "
                    "acquire, comes in between",
                    describe_access(w_, other, verb)));
  }
  void say(Finding::Kind kind, const std::string& what) {
    if (said_) return;
    said_ = true;
    report(w_, op_, lane_, kind,
           fmt::format("{} {}{}", reads_ ? "reads" : "writes", describe_shared(*w_.block, place_), what));
  }

  Warp& w_;
  const Op* op_;
  int lane_;
  SharedPlace place_;
  uint32_t bytes_;
  SharedUse use_;
  RaceShadow& shadow_;
  ClusterOrder::Access mine_;
  bool reads_ = false, atomic_ = false, said_ = false;
};

}  // namespace

void ClusterOrder::start(RaceShadow& shadow) {
  for (const auto& [cell, noted] : cells) {
    if (shadow.writes[cell] == RaceShadow::kAbroad) shadow.writes[cell] = 0;
  }
  for (auto& of_warp : known) std::fill(of_warp.begin(), of_warp.end(), Meeting::OfBlock{});
  for (auto& of_rank : visits) of_rank = {};
  released.fill({});
  unacquired.fill({});
  fenced_inits = {};
  cells.clear();
}

// --- what a block's shadow does beyond the block

Meeting::OfBlock& RaceShadow::own_part(Meeting& meeting) const {
  if (meeting.blocks.size() < cluster->visits.size()) meeting.blocks.resize(cluster->visits.size());
  return meeting.blocks[cluster->rank];
}

void RaceShadow::publish_in_cluster(int warp, Meeting& meeting) const {
  Meeting::OfBlock& own = own_part(meeting);
  for (std::size_t rank = 0; rank < meeting.blocks.size(); ++rank)
    Meeting::raise(meeting.blocks[rank], cluster->known[at(warp)][rank]);
  Meeting::raise(own.known, known[at(warp)]);
  own.known[at(warp)] = std::max(own.known[at(warp)], clock(warp));
  if (tracks_proxies) Meeting::raise(own.fenced, fenced[at(warp)]);
}

void RaceShadow::take_over_abroad(int warp, const Meeting& meeting) {
  std::vector<Meeting::OfBlock>& mine = cluster->known[at(warp)];
  for (std::size_t rank = 0; rank < meeting.blocks.size(); ++rank) {
    if (rank == cluster->rank) {
      Meeting::raise(mine[rank].initialised, meeting.blocks[rank].initialised);
    } else {
      Meeting::raise(mine[rank], meeting.blocks[rank]);
    }
  }
}

void RaceShadow::publish_start(Meeting& meeting) const {
  if (!cluster) return;
  for (uint32_t& stamp_of_warp : own_part(meeting).known)
    stamp_of_warp = std::max(stamp_of_warp, block_start);
}

void RaceShadow::publish_relaxed(int warp, Meeting& meeting) {
  if (!cluster) return;
  publish_start(meeting);
  uint32_t& inits = own_part(meeting).initialised[at(warp)];
  inits = std::max(inits, cluster->fenced_inits[at(warp)]);
  meeting.merge(cluster->released[at(warp)]);
}

// Only what a fence behind it acquires counts, and that the others have begun.
void RaceShadow::wait_relaxed(int warp, const Meeting& meeting) {
  if (cluster) cluster->unacquired[at(warp)].merge(meeting);
}

void RaceShadow::fence(int warp) {
  Meeting& unacquired = cluster->unacquired[at(warp)];
  if (!unacquired.blocks.empty()) take_over(warp, unacquired);
  unacquired = {};
  publish(warp, cluster->released[at(warp)]);
  advance(warp);
}

void RaceShadow::fence_inits(int warp) {
  if (!cluster) return;
  cluster->fenced_inits[at(warp)] = clock(warp);
  advance(warp);
}

// --- accesses

ClusterOrder::Access writer_of_cell(const Block& block, uint32_t cell) {
  const uint64_t write = block.shadow->writes[cell];
  if (write != RaceShadow::kAbroad) return {block.rank, write};
  return block.shadow->cluster->cells[cell].write;
}

bool is_ordered(const Warp& w, int lane, const ClusterOrder::Access& access) {
  if (access.rank == w.block->rank) return w.shadow->is_ordered(w.index, lane, access.tag);
  return ShadowTag::stamp(access.tag) <= known_stamp(w, access.rank, ShadowTag::warp(access.tag));
}

bool is_fenced(const Warp& w, const ClusterOrder::Access& access) {
  const auto v = at(ShadowTag::warp(access.tag));
  const uint32_t stamp = ShadowTag::stamp(access.tag);
  if (access.rank == w.block->rank) return stamp <= w.shadow->fenced[at(w.index)][v];
  return stamp <= w.shadow->cluster->known[at(w.index)][access.rank].fenced[v];
}

bool knows_start(const Warp& w, const Block& block) {
  if (&block == w.block || w.shadow == nullptr || w.shadow->cluster == nullptr) return true;
  return known_stamp(w, block.rank, 0) >= block.shadow->block_start;
}

bool report_unknown_start(Warp& w, const Op* op, int lane, const SharedPlace& place) {
  if (knows_start(w, *place.block)) return false;
  report(w, op, lane, Finding::Kind::kSharedRace,
         fmt::format("touches {} before anything says that this block has begun: all blocks of the cluster "
                     "have to meet at barrier.cluster first",
                     describe_shared(*w.block, place)));
  return true;
}

void note_visit(Warp& w, const Op* op, int lane, const SharedPlace& place) {
  if (place.block == w.block || w.shadow == nullptr || w.shadow->cluster == nullptr) return;
  place.block->shadow->cluster->visits[w.block->rank][at(w.index)] = {&w, op, lane, w.shadow->clock(w.index),
                                                                      place.offset};
}

void check_abroad(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes, SharedUse use) {
  if (w.shadow == nullptr) return;
  note_visit(w, op, lane, place);
  AccessAbroad(w, op, lane, place, bytes, use).run();
}

void check_reduction_abroad(Warp& w, const Op* op, int lane, const SharedPlace& place, uint32_t bytes) {
  if (w.shadow != nullptr && place.block != w.block)
    AccessAbroad(w, op, lane, place, bytes, SharedUse::kAtomic).run();
}

const ClusterOrder::Access* unordered_reader(const Warp& w, int lane, const ClusterOrder::Cell& cell) {
  const auto found =
      std::find_if(cell.reads.begin(), cell.reads.end(),
                   [&](const ClusterOrder::Access& reader) { return !is_ordered(w, lane, reader); });
  return found == cell.reads.end() ? nullptr : &*found;
}

void end_visits(Block& block) {
  if (block.shadow == nullptr || block.shadow->cluster == nullptr) return;
  const ClusterOrder& order = *block.shadow->cluster;
  for (std::size_t rank = 0; rank < order.visits.size(); ++rank) {
    for (std::size_t v = 0; v < kMaxWarps; ++v) {
      const ClusterOrder::Visit& visit = order.visits[rank][v];
      const bool is_over =
          visit.by == nullptr || std::any_of(block.warps.begin(), block.warps.end(), [&](const Warp& w) {
            return order.known[at(w.index)][rank].known[v] >= visit.stamp;
          });
      if (is_over) continue;
      report(*visit.by, visit.op, visit.lane, Finding::Kind::kSharedRace,
             fmt::format("touches {}, and nothing makes that block wait for it before it ends: let the "
                         "cluster's blocks meet at barrier.cluster before any ends",
                         describe_shared(*visit.by->block, {&block, visit.offset})));
      return;
    }
  }
}

std::string describe_access(const Warp& w, const ClusterOrder::Access& access, std::string_view verb) {
  const int warp = ShadowTag::warp(access.tag);
  const uint64_t op = ShadowTag::op(access.tag);
  return fmt::format(" thread {} (warp {}) of rank {} {}{}",
                     thread_name(w, warp, ShadowTag::lane(access.tag)), warp, access.rank, verb,
                     op == ShadowTag::kUnknownOp ? "" : " at" + instruction_place(*w.kernel, op));
}

}  // namespace warpwright::sim
