// What one launch did, as the time model needs it. The simulator's counters become this (evaluator/timing),
// reports carry it, recorded measurements may too.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/estimate/occupancy.h"

namespace warpwright::estimate {

// Summed over the launch's warps unless said otherwise. Slots are warp instructions.
struct LaunchWork {
  std::string label;  // for reports: "gdn_decode<4, 2>"
  int64_t blocks = 0;
  BlockShape block;
  bool programmatic_dependent = false;  // [[pdl]]: starts while the launch before it ends

  double issue_slots = 0;
  double fma_slots = 0, alu_slots = 0, xu_slots = 0, lsu_slots = 0, fp64_slots = 0;
  double tensor_flops = 0;  // in dense bf16 equivalents: an 8-bit product counts half, tf32 twice
  double shared_wavefronts = 0;
  double sectors_read = 0, sectors_written = 0;                // of global memory, 32 bytes each
  double unique_sectors_read = 0, unique_sectors_written = 0;  // footprint
  double atomic_lanes = 0;
  double critical_path_cycles = 0;  // the longest block alone on its SM
  double total_block_cycles = 0;    // the same, summed over blocks; 0: all as long as the longest
};

Json to_json(const LaunchWork& work);
// Keys that are not LaunchWork's are ignored: a report's counters hold more. Errors name `where`.
Result<LaunchWork> launch_work_from_json(const Json& json, const std::string& where);

// Memset (bytes written) or device copy (bytes read and written), as a launch of its own.
LaunchWork copy_work(std::string label, int64_t bytes_read, int64_t bytes_written);

}  // namespace warpwright::estimate
