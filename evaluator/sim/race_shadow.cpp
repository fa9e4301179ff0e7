#include "evaluator/sim/race_shadow.h"

#include <algorithm>

#include "evaluator/sim/cluster_order.h"

namespace warpwright::sim {
namespace {

constexpr uint32_t kEpochs = 1u << ShadowTag::kEpochBits;

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

uint64_t tag_of(uint32_t stamp, uint32_t epoch) {
  return uint64_t{stamp} << ShadowTag::kStampShift | uint64_t{epoch} << ShadowTag::kTimeShift;
}

}  // namespace

RaceShadow::RaceShadow(uint32_t shared_bytes, uint32_t granule, bool tracks) : tracks_releases(tracks) {
  granule_shift = granule == 1 ? 0 : granule == 2 ? 1 : 2;
  const std::size_t cells = (shared_bytes >> granule_shift) + 64;
  writes.assign(cells, 0);
  reads.assign(cells, 0);
}

RaceShadow::~RaceShadow() = default;

void RaceShadow::set_time(int warp, uint32_t new_stamp, uint32_t epoch) {
  now[at(warp)] = tag_of(new_stamp, epoch);
}

void RaceShadow::start_block(int warp_count) {
  if (stamp > kLastStamp / 2) {
    std::fill(writes.begin(), writes.end(), 0);
    std::fill(reads.begin(), reads.end(), 0);
    stamp = 1;
  }
  warps = warp_count;
  block_start = ++stamp;
  begin = tag_of(block_start, 0);
  ++stamp;
  for (auto& row : known) row.fill(block_start);
  if (tracks_proxies) fenced.fill(known[0]);
  now.fill(tag_of(stamp, 0));
  own_limit.fill(tag_of(stamp, 0));
  other_limit.fill(tag_of(block_start + 1, 0));
  released.clear();
  if (cluster) cluster->start(*this);
  for (auto& order : lane_order_) {
    if (order) *order = {};
  }
}

// So many barriers that stamps run out: what is past counts as ordered.
void RaceShadow::start_again() {
  for (uint64_t& tag : writes) {
    if (tag != kInFlight) tag = tag >= begin ? begin : 0;
  }
  if (cluster) cluster->cells.clear();
  std::fill(reads.begin(), reads.end(), 0);
  stamp = block_start + 1;
  for (auto& row : known) row.fill(block_start);
  if (tracks_proxies) fenced.fill(known[0]);
  now.fill(tag_of(stamp, 0));
  own_limit.fill(tag_of(stamp, 0));
  other_limit.fill(tag_of(block_start + 1, 0));
  released.clear();
}

void RaceShadow::publish(int warp, Meeting& meeting) {
  if (cluster) return publish_in_cluster(warp, meeting);
  Meeting::raise(meeting.known, known[at(warp)]);
  meeting.known[at(warp)] = std::max(meeting.known[at(warp)], clock(warp));
  if (tracks_proxies) Meeting::raise(meeting.fenced, fenced[at(warp)]);
}

void RaceShadow::take_over(int warp, const Meeting& meeting) {
  if (cluster) take_over_abroad(warp, meeting);
  if (cluster && meeting.blocks.empty()) return;
  const Known& theirs = cluster ? meeting.blocks[cluster->rank].known : meeting.known;
  Meeting::raise(known[at(warp)], theirs);
  set_other_limit(warp);
  if (!tracks_proxies) return;
  Meeting::raise(fenced[at(warp)], cluster ? meeting.blocks[cluster->rank].fenced : meeting.fenced);
  // Its own lanes met too.
  own_limit[at(warp)] = std::max(own_limit[at(warp)], tag_of(theirs[at(warp)] + 1, 0));
}

void RaceShadow::set_other_limit(int warp) {
  uint32_t least = ~uint32_t{0};
  for (int v = 0; v < warps; ++v) {
    if (v != warp) least = std::min(least, known[at(warp)][at(v)]);
  }
  other_limit[at(warp)] = tag_of((warps > 1 ? least : stamp) + 1, 0);
}

void RaceShadow::fence_proxy(int warp) {
  Known& mine = fenced[at(warp)];
  Meeting::raise(mine, known[at(warp)]);
  mine[at(warp)] = clock(warp);
  advance(warp);
}

uint64_t RaceShadow::arrive_later(int warp, Meeting& meeting) {
  advance(warp);
  uint32_t& known_there = (cluster ? own_part(meeting).known : meeting.known)[at(warp)];
  uint32_t& fenced_there = (cluster ? own_part(meeting).fenced : meeting.fenced)[at(warp)];
  known_there = std::max(known_there, clock(warp));
  fenced_there = std::max(fenced_there, clock(warp));
  const uint64_t tag = now[at(warp)] | ShadowTag::kManyLanes | ShadowTag::kUnknownOp << ShadowTag::kOpShift |
                       static_cast<uint64_t>(warp) << ShadowTag::kWarpShift;
  advance(warp);
  return tag;
}

void RaceShadow::advance(int warp) {
  if (stamp >= kLastStamp) start_again();
  set_time(warp, ++stamp, 0);
}

void RaceShadow::advance_all(uint32_t warp_mask) {
  if (stamp >= kLastStamp) start_again();
  ++stamp;
  for (int w = 0; w < kMaxWarps; ++w) {
    if (!(warp_mask >> w & 1)) continue;
    set_time(w, stamp, 0);
    own_limit[at(w)] = now[at(w)];
  }
}

void RaceShadow::sync_lanes(int warp, uint32_t lanes, bool all) {
  if (!all) {
    auto& order = lane_order_[at(warp)];
    if (!order) order = std::make_unique<LaneOrder>();
    std::array<uint64_t, 32> meeting = {};
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
      const auto lane = static_cast<std::size_t>(__builtin_ctz(left));
      for (std::size_t k = 0; k < 32; ++k) meeting[k] = std::max(meeting[k], order->known[lane][k]);
      meeting[lane] = ShadowTag::time(now[at(warp)]) + 1;
    }
    for (uint32_t left = lanes; left != 0; left &= left - 1)
      order->known[static_cast<std::size_t>(__builtin_ctz(left))] = meeting;
  }
  const auto epoch = static_cast<uint32_t>(ShadowTag::time(now[at(warp)]) % kEpochs);
  if (epoch + 1 < kEpochs) {
    set_time(warp, clock(warp), epoch + 1);
  } else {
    advance(warp);
  }
  if (all) own_limit[at(warp)] = now[at(warp)];
}

void RaceShadow::synchronise(int warp, uint64_t address) {
  Meeting& place = cluster ? (*cluster->flags)[address] : released[address];
  take_over(warp, place);
  publish(warp, place);
  advance(warp);
}

bool RaceShadow::is_ordered(int warp, int lane, uint64_t tag) const {
  const int other = ShadowTag::warp(tag);
  if (other != warp) return ShadowTag::stamp(tag) <= known[at(warp)][at(other)];
  if (tag < own_limit[at(warp)]) return true;
  const auto& order = lane_order_[at(warp)];
  if ((tag & ShadowTag::kManyLanes) != 0 || lane < 0) {
    if (!order) return false;
    for (std::size_t k = 0; k < 32 && lane >= 0; ++k) {  // any of them may be meant
      if (order->known[at(lane)][k] > ShadowTag::time(tag)) return true;
    }
    return false;
  }
  return ShadowTag::lane(tag) == lane ||
         (order && order->known[at(lane)][at(ShadowTag::lane(tag))] > ShadowTag::time(tag));
}

bool RaceShadow::orders_some_other(int warp, uint32_t other_stamp) const {
  for (int v = 0; v < warps; ++v) {
    if (v != warp && known[at(warp)][at(v)] >= other_stamp) return true;
  }
  return false;
}

}  // namespace warpwright::sim
