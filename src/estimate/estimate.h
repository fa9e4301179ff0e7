// An estimate of a call's time from what its launches did, for machines without the GPU in question.
//
// An estimate is never a measurement: it orders candidates, and two within the configured margin are a tie.
//
// One launch takes
//     t = launch cost + (sum_r (w_r t_r)^p)^(1/p) + w_latency t_latency
// where t_r is the time that resource r alone would take, a lower bound by its peak rate. The soft maximum
// lies between the largest term (perfect overlap) and the sum (none). Weights, exponent and launch costs come
// from the device's calibration (src/rules/calibration.h). The resources:
//   issue, fma, alu, xu, lsu, shared, fp64, tensor   slots / rate on the SM with the most blocks,
//                     ceil(blocks / SMs) of them: so a partial last wave costs a whole one
//   l2        sectors * 32 B / L2 bandwidth, or what one SM's port can take (64 B a cycle) on the fullest SM
//   dram      the footprint (each sector once: L2 is cold) / achievable bandwidth; where the footprint
//             exceeds L2, repeated accesses miss in proportion
//   atomics   lanes of global and shared atomics, one a cycle and SM (an order of magnitude, not a figure)
//   latency   rounds of resident blocks one after the other, the last with the longest block's critical path
// Rates per SM and cycle: arithmetic throughput table of the CUDA C++ programming guide; tensor: dense bf16
// peak.
//
// One call: the first launch costs first_launch_us (an empty kernel as CUPTI sees it), each further one
// next_launch_us, or dependent_launch_us if it is a programmatic dependent launch.
//
// Pure and deterministic: equal input, equal result on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/estimate/launch_work.h"
#include "src/rules/device.h"

namespace warpwright::estimate {

// What the weights multiply: a launch's times by resource, unweighted.
struct LaunchTerms {
  enum class Kind { kFirst, kNext, kDependent };
  Kind kind = Kind::kFirst;
  std::array<double, rules::kResourceCount> resource_us = {};
  double latency_us = 0;
};

LaunchTerms terms_of(const rules::DeviceModel& device, const LaunchWork& work, bool is_first);
double launch_cost_us(const rules::Calibration& calibration, LaunchTerms::Kind kind);
double soft_maximum(const rules::Calibration& calibration, const LaunchTerms& terms);
double launch_us(const rules::Calibration& calibration, const LaunchTerms& terms);
double call_us(const rules::Calibration& calibration, const std::vector<LaunchTerms>& launches);

struct LaunchEstimate {
  std::string label;
  double latency_us = 0;                                       // with launch cost
  std::array<double, rules::kResourceCount> resource_us = {};  // weighted
  double waiting_us = 0, launch_us = 0;                        // weighted latency path, launch cost
  std::string_view bound_by;  // the largest of them: "issue", "fma", ..., "l2", "dram", "latency", "launch"
  std::string_view compute_pipe;  // the slowest of the SM's own resources
  Occupancy occupancy;
  double waves = 0;  // blocks / (SMs * blocks per SM)
  // How full the SMs are on average while the fullest one works: 1 when blocks divide evenly among SMs.
  double balance = 1;
  double us_of(rules::Resource resource) const { return resource_us[static_cast<size_t>(resource)]; }
};

struct CallEstimate {
  double latency_us = 0;
  std::vector<LaunchEstimate> launches;
};

CallEstimate estimate_call(const rules::DeviceModel& device, const std::vector<LaunchWork>& launches);

// "merge: 4.1 us, bound by latency; launch 1.10, latency 2.00, issue 0.90, l2 0.41, dram 0.80, ... us;
// 6 blocks/SM (limited by registers), 0.30 waves, balance 0.50"
std::string describe(const LaunchEstimate& estimate);
Json to_json(const LaunchEstimate& estimate);

}  // namespace warpwright::estimate
