// How many blocks of a kernel an SM holds at once.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/rules/device.h"

namespace warpwright::estimate {

struct BlockShape {
  int threads = 0;
  int registers_per_thread = 0;  // as ptxas allotted them; 0: unknown, does not limit
  int64_t shared_bytes = 0;      // static + dynamic
};

struct Occupancy {
  int blocks_per_sm = 0;  // 0: such a block does not fit at all
  int warps_per_sm = 0;
  std::string_view limiter;  // "threads", "registers", "shared memory" or "blocks"
};

// The allocation rules of the CUDA C++ programming guide (compute capabilities 9.0 and 10.0) and of the
// occupancy calculator in cuda_occupancy.h: warps are whole; registers go to a warp in units of 256 from one
// of four equal partitions of the file; shared memory in units of 128 bytes, with 1 KiB per block kept by the
// system.
Occupancy occupancy(const rules::DeviceModel& device, const BlockShape& block);

}  // namespace warpwright::estimate
