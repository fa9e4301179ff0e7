#include "src/estimate/occupancy.h"

#include <algorithm>

namespace warpwright::estimate {
namespace {

constexpr int kWarpSize = 32;
constexpr int kPartitions = 4;
constexpr int kMaxThreadsPerBlock = 1024;
constexpr int kMaxRegistersPerThread = 255;
constexpr int64_t kRegisterUnit = 256;
constexpr int64_t kSharedUnit = 128;
constexpr int64_t kSystemSharedBytes = 1024;

int64_t round_up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

int64_t warps_by_registers(const rules::DeviceModel& device, int registers_per_thread) {
  const int64_t per_warp = round_up(int64_t{registers_per_thread} * kWarpSize, kRegisterUnit);
  return device.registers_per_sm / kPartitions / per_warp * kPartitions;
}

}  // namespace

Occupancy occupancy(const rules::DeviceModel& device, const BlockShape& block) {
  Occupancy result;
  const bool fits = block.threads > 0 && block.threads <= kMaxThreadsPerBlock &&
                    block.registers_per_thread <= kMaxRegistersPerThread &&
                    block.shared_bytes <= device.shared_bytes_per_block;
  const int64_t warps = std::max<int64_t>(1, round_up(block.threads, kWarpSize) / kWarpSize);
  struct Limit {
    int64_t blocks;
    std::string_view name;
  };
  Limit lowest{device.max_blocks_per_sm, "blocks"};
  const auto lower = [&lowest](int64_t blocks, std::string_view name) {
    if (blocks < lowest.blocks) lowest = {blocks, name};
  };
  lower(device.max_threads_per_sm / kWarpSize / warps, "threads");
  if (block.registers_per_thread > 0) {
    lower(warps_by_registers(device, block.registers_per_thread) / warps, "registers");
  }
  const int64_t shared = round_up(block.shared_bytes + kSystemSharedBytes, kSharedUnit);
  lower(device.shared_bytes_per_sm / shared, "shared memory");
  result.limiter = lowest.name;
  result.blocks_per_sm = fits ? static_cast<int>(lowest.blocks) : 0;
  result.warps_per_sm = static_cast<int>(result.blocks_per_sm * warps);
  return result;
}

}  // namespace warpwright::estimate
