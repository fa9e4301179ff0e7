#include "evaluator/sim/race_shadow.h"

#include <algorithm>

namespace warpwright::sim {

RaceShadow::RaceShadow(uint32_t shared_bytes, uint32_t granule, bool tracks) : tracks_releases(tracks) {
  granule_shift = granule == 1 ? 0 : granule == 2 ? 1 : 2;
  const std::size_t cells = (shared_bytes >> granule_shift) + 64;
  write_tag.assign(cells, 0);
  read_stamp.assign(cells, 0);
  readers.assign(cells, 0);
}

void RaceShadow::start_block(int warp_count) {
  if (stamp > kLastStamp / 2) {
    std::fill(write_tag.begin(), write_tag.end(), 0);
    std::fill(read_stamp.begin(), read_stamp.end(), 0);
    stamp = 1;
  }
  warps = warp_count;
  block_start = ++stamp;
  ++stamp;
  for (auto& row : known) row.fill(block_start);
  safe.fill(block_start);
  clock.fill(stamp);
  released.clear();
}

void RaceShadow::publish(int warp, Known& meeting) {
  const auto w = static_cast<std::size_t>(warp);
  for (std::size_t v = 0; v < kMaxWarps; ++v) meeting[v] = std::max(meeting[v], known[w][v]);
  meeting[w] = std::max(meeting[w], clock[w]);
}

void RaceShadow::take_over(int warp, const Known& meeting) {
  Known& mine = known[static_cast<std::size_t>(warp)];
  uint32_t least = ~uint32_t{0};
  for (int v = 0; v < kMaxWarps; ++v) {
    const auto k = static_cast<std::size_t>(v);
    mine[k] = std::max(mine[k], meeting[k]);
    if (v != warp && v < warps) least = std::min(least, mine[k]);
  }
  safe[static_cast<std::size_t>(warp)] = warps > 1 ? least : stamp;
}

void RaceShadow::advance(int warp) {
  if (stamp < kLastStamp) ++stamp;
  clock[static_cast<std::size_t>(warp)] = stamp;
}

void RaceShadow::advance_all(uint32_t warp_mask) {
  if (stamp < kLastStamp) ++stamp;
  for (std::size_t w = 0; w < kMaxWarps; ++w) {
    if (warp_mask >> w & 1) clock[w] = stamp;
  }
}

void RaceShadow::synchronise(int warp, uint64_t address) {
  Known& place = released[address];
  take_over(warp, place);
  publish(warp, place);
  advance(warp);
}

}  // namespace warpwright::sim
