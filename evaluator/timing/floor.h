// The physical floor of a workload: the time below which no kernel that does the work can come. A measured
// time well below it means that the work was not done (a result kept from an earlier call, inputs left in a
// cache that should be cold, a clock that was fooled), whatever the mechanism.
//
//   floor = max( (read + max(0, written - L2)) / DRAM bandwidth,
//                (read + written) / L2 bandwidth,
//                flops / peak )
//
// Inputs are cold, so each byte comes from DRAM once. What is written may stay in the L2 when the call ends,
// so only what cannot fit there must reach DRAM. The peak is that of the fastest arithmetic the device has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "src/base/result.h"
#include "src/rules/device.h"
#include "src/rules/rules.h"

namespace warpwright::timing {

inline constexpr std::string_view kBelowFloorRule = "below-physical-floor";
inline constexpr double kFloorShare = 0.9;  // of the floor: what peaks may be off

struct PhysicalFloor {
  int64_t bytes_read = 0, bytes_written = 0, flops = 0;
  double dram_us = 0, l2_us = 0, compute_us = 0;

  double floor_us() const;
};

// Error (usage): an expression of the rules does not hold for these axes.
Result<PhysicalFloor> physical_floor(const rules::Rules& rules, const trace::Definition& definition,
                                     const trace::Axes& axes, const rules::DeviceModel& device);

// The message of a refusal, if `latency_us` is below kFloorShare of the floor.
std::optional<std::string> refuse_below_floor(double latency_us, const PhysicalFloor& floor);

}  // namespace warpwright::timing
