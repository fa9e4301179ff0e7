// An estimate of a call's time from what its launches did, for machines without the GPU in question.
//
// An estimate is never a measurement: it orders candidates, and two within the configured margin are a tie.
//
// One launch. Each resource gives a lower bound t_i in microseconds; together they give
//     t = (sum t_i^2)^(1/2)
// which lies between their maximum (perfect overlap) and their sum (none). The square keeps some weight on
// what is not the bottleneck: published rankings of real kernels were predicted better by a sum of issue and
// latency than by their maximum. The resources:
//   issue, fma, alu, xu, lsu, shared, fp64, tensor   slots / rate on the SM with the most blocks, ceil(blocks
//   / SMs) of
//                     them; of these pipes only the slowest counts, since one warp scheduler feeds them all
//   l2                sectors * 32 B / L2 bandwidth, or what one SM's port can take (64 B a cycle) on the
//   fullest SM dram              the footprint (each sector once: L2 is cold) / achievable bandwidth; where
//   the footprint exceeds
//                     L2, repeated accesses miss in proportion
//   atomics           lanes of global and shared atomics, one a cycle and SM (an order of magnitude, not a
//   figure) latency           rounds of resident blocks one after the other, the last with the longest
//   block's critical path
// Rates per SM and cycle: arithmetic throughput table of the CUDA C++ programming guide; tensor: dense bf16
// peak.
//
// One call: the first launch pays launch_floor_us (an empty kernel as CUPTI sees it), each further one
// launch_gap_us, of which a programmatic dependent launch hides the greater part.
//
// Pure and deterministic: equal input, equal result on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/timing/occupancy.h"
#include "src/rules/device.h"

namespace warpwright::timing {

// What one launch did, summed over its warps unless said otherwise. Slots are warp instructions.
struct LaunchWork {
  std::string label;  // for reports: "gdn_decode<4, 2>"
  int64_t blocks = 0;
  BlockShape block;
  bool programmatic_dependent = false;  // [[pdl]]: starts while the launch before it ends

  double issue_slots = 0;
  double fma_slots = 0, alu_slots = 0, xu_slots = 0, lsu_slots = 0, fp64_slots = 0;
  double tensor_flops = 0;
  double shared_wavefronts = 0;
  double sectors_read = 0, sectors_written = 0;                // of global memory, 32 bytes each
  double unique_sectors_read = 0, unique_sectors_written = 0;  // footprint
  double atomic_lanes = 0;
  double critical_path_cycles = 0;  // the longest block alone on its SM
  double total_block_cycles = 0;    // the same, summed over blocks; 0: all as long as the longest
};

struct LaunchEstimate {
  std::string label;
  double latency_us = 0;  // with launch overhead
  // Lower bounds by resource, and the overhead.
  double compute_us = 0, l2_us = 0, dram_us = 0, atomics_us = 0, critical_path_us = 0, launch_us = 0;
  std::string_view bound_by;  // the largest of them: "issue", "fma", ..., "l2", "dram", "latency", "launch"
  std::string_view compute_pipe;  // the slowest pipe
  Occupancy occupancy;
  double waves = 0;  // blocks / (SMs * blocks per SM)
};

struct CallEstimate {
  double latency_us = 0;
  std::vector<LaunchEstimate> launches;
};

// Memset (bytes written) or device copy (bytes read and written), as a launch of its own.
LaunchWork copy_work(std::string label, int64_t bytes_read, int64_t bytes_written);

CallEstimate estimate_call(const rules::DeviceModel& device, const std::vector<LaunchWork>& launches);

// "merge: 4.1 us, bound by latency (2.0 us); dram 0.8, l2 0.4, issue 0.9; 6 blocks/SM (registers), 0.3 waves"
std::string describe(const LaunchEstimate& estimate);

}  // namespace warpwright::timing
