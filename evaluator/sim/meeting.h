// What warps that meet tell each other of the order of their accesses (race_shadow.h, cluster_order.h).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace warpwright::sim {

inline constexpr int kMaxWarps = 32;

struct Meeting {
  using Known = std::array<uint32_t, kMaxWarps>;  // by warp: up to which of its stamps
  // Of the warps of one block.
  struct OfBlock {
    Known known = {};
    Known fenced = {};       // and visible to the asynchronous proxy
    Known initialised = {};  // of its mbarrier.inits only
  };
  Known known = {};
  Known fenced = {};
  std::vector<OfBlock> blocks;  // in a cluster, instead of the two above: by rank

  // Of the warps of the block of this rank.
  const Known& known_of(std::size_t rank) const { return rank < blocks.size() ? blocks[rank].known : known; }

  static void raise(Known& to, const Known& from) {
    for (std::size_t v = 0; v < kMaxWarps; ++v) to[v] = std::max(to[v], from[v]);
  }
  static void raise(OfBlock& to, const OfBlock& from) {
    raise(to.known, from.known);
    raise(to.fenced, from.fenced);
    raise(to.initialised, from.initialised);
  }
  void merge(const Meeting& other) {
    raise(known, other.known);
    raise(fenced, other.fenced);
    if (blocks.size() < other.blocks.size()) blocks.resize(other.blocks.size());
    for (std::size_t rank = 0; rank < other.blocks.size(); ++rank) raise(blocks[rank], other.blocks[rank]);
  }
};

}  // namespace warpwright::sim
