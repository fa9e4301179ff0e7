// What warps that meet tell each other of the order of their accesses (race_shadow.h).
#pragma once

#include <array>
#include <cstdint>

namespace warpwright::sim {

inline constexpr int kMaxWarps = 32;

struct Meeting {
  using Known = std::array<uint32_t, kMaxWarps>;  // by warp: up to which of its stamps
  Known known = {};
  Known fenced = {};  // and visible to the asynchronous proxy
};

}  // namespace warpwright::sim
