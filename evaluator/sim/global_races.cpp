#include "evaluator/sim/global_races.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {
namespace {

// A cell's tag: segment 32 bits, operation 16, flags 8, lane 8.
constexpr uint64_t kAtomic = 1 << 8;
constexpr int kOpShift = 16, kSegmentShift = 32;
constexpr uint64_t kUnknownOp = 0xffff;
constexpr uint32_t kLastSegment = ~uint32_t{0} - (1u << 24);
constexpr std::size_t kMostSegments = std::size_t{1} << 24;  // of one launch; later ones go unwatched
constexpr std::size_t kMostReleases = 64;                    // of a block at one address

bool is_read(GlobalUse use) {
  return use == GlobalUse::kRead || use == GlobalUse::kAtomicRead;
}
bool is_atomic(GlobalUse use) {
  return use == GlobalUse::kAtomic || use == GlobalUse::kAtomicRead;
}

}  // namespace

void FreeCells::operator()(uint64_t* cells) const {
  std::free(cells);
}

// The cells of a buffer at a granule of 1 << shift bytes; finer ones inherit the coarser ones' tags.
void GlobalCells::refine(uint64_t bytes, uint32_t shift) {
  const uint64_t count = (bytes >> shift) + 2;
  // calloc leaves the pages that are never touched to the system.
  const auto make = [&] { return Cells(static_cast<uint64_t*>(std::calloc(count, sizeof(uint64_t)))); };
  Cells finer_writes = make(), finer_reads = make();
  if (!finer_writes || !finer_reads) return;  // stays as it was
  if (writes) {
    for (uint64_t k = 0; k < count; ++k) {
      const uint64_t old = k << shift >> granule_shift;
      if (writes[old] != 0) finer_writes[k] = writes[old];
      if (reads[old] != 0) finer_reads[k] = reads[old];
    }
  }
  writes = std::move(finer_writes);
  reads = std::move(finer_reads);
  granule_shift = shift;
}

GlobalRaces::GlobalRaces(Memory::Impl& memory, bool programmatic)
    : memory_(memory), programmatic_(programmatic) {
  if (memory.next_segment > kLastSegment) {
    for (const auto& buffer : memory.buffers) buffer->cells = {};
    memory.next_segment = memory.first_unfinished = 1;
  }
  base_ = memory.next_segment;
  if (!programmatic) memory.first_unfinished = base_;
}

GlobalRaces::~GlobalRaces() {
  memory_.next_segment = base_ + static_cast<uint32_t>(segments_.size());
}

void BlockRaces::start(std::size_t warps) {
  acquired.clear();
  fences.assign(warps, {});
  segments.assign(warps, 0);
  grid_waits.clear();
}

uint32_t GlobalRaces::segment_of(Warp& w) {
  uint32_t& current = w.block->races->segments[static_cast<std::size_t>(w.index)];
  const uint32_t stamp = w.shadow->clock(w.index);
  if (current != 0 && segments_[current - base_].stamp == stamp) return current;
  if (segments_.size() >= kMostSegments) return 0;
  current = base_ + static_cast<uint32_t>(segments_.size());
  segments_.push_back({static_cast<uint32_t>(w.block->number()), stamp, w.index});
  return current;
}

const GlobalRaces::Segment& GlobalRaces::segment_at(uint64_t tag) const {
  return segments_[static_cast<uint32_t>(tag >> kSegmentShift) - base_];
}

void GlobalRaces::access(Warp& w, const Op* op, Buffer& buffer, const uint64_t* addresses, uint32_t mask,
                         uint32_t bytes, GlobalUse use) {
  GlobalCells& cells = buffer.cells;
  const uint32_t wanted = bytes >= 4 ? 2 : bytes == 2 ? 1 : 0;
  if (!cells.writes || wanted < cells.granule_shift) cells.refine(buffer.size, wanted);
  const uint32_t segment = segment_of(w);
  if (!cells.writes || segment == 0) return;
  const uint64_t oldest = uint64_t{base_} << kSegmentShift;
  const uint64_t index = std::min<uint64_t>(static_cast<uint64_t>(op - w.code), kUnknownOp);
  const uint64_t mine =
      uint64_t{segment} << kSegmentShift | index << kOpShift | (is_atomic(use) ? kAtomic : 0);
  said_race_ = false;
  const uint64_t unfinished =
      programmatic_ && runs_beside_others(w) ? uint64_t{memory_.first_unfinished} << kSegmentShift : oldest;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t begin = addresses[lane] - buffer.base;
    const uint32_t shift = cells.granule_shift;
    for (uint64_t cell = begin >> shift; cell <= (begin + bytes - 1) >> shift; ++cell) {
      uint64_t& write = cells.writes[cell];
      uint64_t& read = cells.reads[cell];
      const uint64_t tag = mine | static_cast<uint64_t>(lane);
      const auto is_unfinished = [&](uint64_t old) { return old >= unfinished && old < oldest; };
      if (is_unfinished(write) || (!is_read(use) && is_unfinished(read)))
        report_early_access(w, op, lane, addresses[lane], bytes, is_read(use), is_unfinished(write));
      const bool foreign_write = write >= oldest && write >> kSegmentShift != segment;
      if (is_read(use)) {
        if (foreign_write) check_cell(w, op, buffer, lane, addresses[lane], bytes, write, 0, use);
        // A reader of another block stays: it is the one that a later store may race with.
        if (read < oldest || segment_at(read).block == segment_at(tag).block) read = tag;
        continue;
      }
      const bool foreign_read = read >= oldest && read >> kSegmentShift != segment;
      if (foreign_write || foreign_read) {
        check_cell(w, op, buffer, lane, addresses[lane], bytes, foreign_write ? write : 0,
                   foreign_read ? read : 0, use);
      }
      write = tag;
    }
  }
}

void GlobalRaces::check_cell(Warp& w, const Op* op, const Buffer& buffer, int lane, uint64_t address,
                             uint32_t bytes, uint64_t write, uint64_t read, GlobalUse use) {
  if (said_race_) return;
  const auto both_atomic = [&](uint64_t tag) { return is_atomic(use) && (tag & kAtomic) != 0; };
  if (write != 0 && !both_atomic(write) && !is_ordered(w, write)) {
    const bool harmless = use == GlobalUse::kWrite && (write & kAtomic) == 0 &&
                          stores_what_is_there(w, op, lane, buffer.host(address), bytes);
    if (!harmless) return report_race(w, op, lane, address, bytes, write, is_read(use), "wrote");
  }
  if (read != 0 && !both_atomic(read) && !is_ordered(w, read)) {
    if (use == GlobalUse::kWrite && stores_what_is_there(w, op, lane, buffer.host(address), bytes)) return;
    report_race(w, op, lane, address, bytes, read, false, "read");
  }
}

bool GlobalRaces::is_ordered(const Warp& w, uint64_t tag) const {
  const Segment& segment = segment_at(tag);
  if (segment.block == w.block->number()) {
    return segment.warp == w.index ||
           segment.stamp <=
               w.shadow->known[static_cast<std::size_t>(w.index)][static_cast<std::size_t>(segment.warp)];
  }
  return (w.in_cluster && is_ordered_in_cluster(w, segment)) ||
         is_released(w.block->races->acquired, segment);
}

// By mbarriers, and whatever else the blocks of a cluster meet at.
bool GlobalRaces::is_ordered_in_cluster(const Warp& w, const Segment& segment) {
  for (const Block* other : w.block->cluster->blocks) {
    if (other->number() != segment.block) continue;
    const ClusterOrder& order = *w.shadow->cluster;
    const auto me = static_cast<std::size_t>(w.index), v = static_cast<std::size_t>(segment.warp);
    return segment.stamp <= order.known[me][other->rank].known[v];
  }
  return false;
}

bool GlobalRaces::releases_it(const Place& place, uint64_t before, const Segment& segment) {
  const auto releases = place.find(segment.block);
  return releases != place.end() &&
         std::any_of(releases->second.begin(), releases->second.end(), [&](const Release& release) {
           return release.order < before &&
                  segment.stamp <= (release.warp == segment.warp ? release.stamp : release.other_stamp);
         });
}

// Whether what was acquired leads back to a release of the segment, through releases that had acquired
// others.
bool GlobalRaces::is_released(const std::vector<AcquiredRelease>& acquired, const Segment& segment) const {
  for (const AcquiredRelease& one : acquired) {
    const auto place = places_.find(one.address);
    if (place != places_.end() && releases_it(place->second, one.order, segment)) return true;
  }
  std::vector<AcquiredRelease> work(acquired);
  std::unordered_map<uint64_t, uint64_t> looked_at;  // address -> up to which order; earlier ones say no more
  while (!work.empty()) {
    const AcquiredRelease one = work.back();
    work.pop_back();
    const auto place = places_.find(one.address);
    if (place == places_.end()) continue;
    const auto [known, is_new] = looked_at.try_emplace(one.address, one.order);
    if (!is_new && known->second >= one.order) continue;
    known->second = one.order;
    if (releases_it(place->second, one.order, segment)) return true;
    // A block's later release knows all that its earlier ones did: only the last before `one` is looked into.
    for (const auto& [block, releases] : place->second) {
      const auto last = std::find_if(releases.rbegin(), releases.rend(),
                                     [&](const Release& release) { return release.order < one.order; });
      if (last != releases.rend()) work.insert(work.end(), last->acquired.begin(), last->acquired.end());
    }
  }
  return false;
}

void GlobalRaces::fence(Warp& w) {
  w.block->races->fences[static_cast<std::size_t>(w.index)] = {
      w.shadow->clock(w.index),
      ShadowTag::stamp(w.shadow->other_limit[static_cast<std::size_t>(w.index)]) - 1};
}

void GlobalRaces::synchronise(Warp& w, uint64_t address, bool is_release) {
  if (is_release) fence(w);
  BlockRaces& state = *w.block->races;
  const BlockRaces::Fence& fence = state.fences[static_cast<std::size_t>(w.index)];
  if (const auto found = places_.find(address); found != places_.end()) {
    const auto same = std::find_if(state.acquired.begin(), state.acquired.end(),
                                   [&](const AcquiredRelease& one) { return one.address == address; });
    if (same != state.acquired.end()) {
      same->order = order_;
    } else {
      state.acquired.push_back({address, order_});
    }
  }
  if (fence.stamp != 0) {
    std::vector<Release>& releases = places_[address][static_cast<uint32_t>(w.block->number())];
    Release release{w.index, fence.stamp, fence.other_stamp, order_++, state.acquired};
    if (releases.size() == kMostReleases) releases.pop_back();
    releases.push_back(std::move(release));
  }
  if (w.shadow->tracks_releases) w.shadow->synchronise(w.index, address);
}

void GlobalRaces::report_race(Warp& w, const Op* op, int lane, uint64_t address, uint32_t bytes, uint64_t tag,
                              bool reads, const char* verb) {
  said_race_ = true;
  const Segment& other = segment_at(tag);
  const Dim3& grid = w.block->launch->launch->grid;
  const uint64_t op_index = tag >> kOpShift & kUnknownOp;
  const bool same_block = other.block == w.block->number();
  report(w, op, lane, Finding::Kind::kGlobalRace,
         fmt::format("{} {} bytes at {}, which thread {} of block ({}, {}, {}) {}{}, {}",
                     reads ? "reads" : "writes", bytes, w.block->memory->describe(address, bytes),
                     thread_name(w, other.warp, static_cast<int>(tag & 31)), other.block % grid.x,
                     other.block / grid.x % grid.y, other.block / grid.x / grid.y, verb,
                     op_index == kUnknownOp ? "" : " at" + instruction_place(*w.kernel, op_index),
                     same_block
                         ? "with no barrier in between"
                         : "and nothing orders the two blocks (a fence and an atomic by one, an atomic by "
                           "the other)"));
}

void GlobalRaces::wait_for_grids(Warp& w) {
  has_waited_ = true;
  const uint32_t segment = segment_of(w);
  std::vector<uint64_t>& waits = w.block->races->grid_waits;
  const uint64_t tag = uint64_t{segment} << kSegmentShift;
  if (segment != 0 && (waits.empty() || waits.back() != tag)) waits.push_back(tag);
}

bool GlobalRaces::runs_beside_others(const Warp& w) const {
  const std::vector<uint64_t>& waits = w.block->races->grid_waits;
  return std::none_of(waits.begin(), waits.end(), [&](uint64_t tag) { return is_ordered(w, tag); });
}

void GlobalRaces::report_early_access(Warp& w, const Op* op, int lane, uint64_t address, uint32_t bytes,
                                      bool reads, bool was_written) {
  if (said_race_) return;
  said_race_ = true;
  report(w, op, lane, Finding::Kind::kNoGridWait,
         fmt::format("{} {} bytes at {}, which a kernel before this one {}, without griddepcontrol.wait: a "
                     "[[pdl]] launch runs beside them until it waits",
                     reads ? "reads" : "writes", bytes, w.block->memory->describe(address, bytes),
                     was_written ? "writes" : "reads"));
}

const Op* grid_wait_op(Warp& w, const Op* op) {
  if (w.races != nullptr) w.races->wait_for_grids(w);
  return op + 1;
}

const Op* fence_op(Warp& w, const Op* op) {
  if (w.shadow != nullptr && w.shadow->cluster != nullptr && (op->flags & kOnlyInBlock) == 0)
    w.shadow->fence(w.index);
  if (w.races != nullptr) w.races->fence(w);
  return op + 1;
}

}  // namespace warpwright::sim
