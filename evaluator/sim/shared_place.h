// A place in the shared memory of one of a cluster's blocks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace warpwright::sim {

struct Block;

struct SharedPlace {
  Block* block = nullptr;
  uint32_t offset = 0;
  std::byte* host() const;  // REQUIRES: block
};

}  // namespace warpwright::sim
