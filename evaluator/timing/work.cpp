#include "evaluator/timing/work.h"

namespace warpwright::timing {
namespace {

constexpr double kSlotsPerWideInteger = 3;  // a 64-bit operation is two to four 32-bit ones

}  // namespace

LaunchWork work_from_counters(std::string label, const BlockShape& block, const sim::Counters& counters) {
  const auto number = [](uint64_t count) { return static_cast<double>(count); };
  LaunchWork work;
  work.label = std::move(label);
  work.block = block;
  work.blocks = static_cast<int64_t>(counters.blocks);
  work.issue_slots = counters.issue_slots;
  work.fma_slots = number(counters.fma);
  work.alu_slots = number(counters.alu) + kSlotsPerWideInteger * number(counters.wide);
  work.xu_slots = number(counters.xu);
  work.lsu_slots = number(counters.lsu);
  work.fp64_slots = number(counters.fp64);
  work.tensor_flops = counters.tensor_flops;
  work.shared_wavefronts = number(counters.shared_wavefronts);
  work.sectors_read = number(counters.global_sectors_read);
  work.sectors_written = number(counters.global_sectors_written);
  work.unique_sectors_read = number(counters.unique_sectors_read);
  work.unique_sectors_written = number(counters.unique_sectors_written);
  work.atomic_lanes = number(counters.atomic_lanes);
  work.critical_path_cycles = counters.critical_path_cycles;
  work.total_block_cycles = counters.total_block_cycles;
  return work;
}

}  // namespace warpwright::timing
