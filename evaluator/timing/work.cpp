#include "evaluator/timing/work.h"

#include <utility>

namespace warpwright::timing {
namespace {

constexpr double kSlotsPerWideInteger = 3;  // a 64-bit operation is two to four 32-bit ones

double number(uint64_t count) {
  return static_cast<double>(count);
}

}  // namespace

estimate::LaunchWork work_from_counters(std::string label, const estimate::BlockShape& block,
                                        const sim::Counters& counters) {
  estimate::LaunchWork work;
  work.label = std::move(label);
  work.block = block;
  work.blocks = static_cast<int64_t>(counters.blocks);
  work.issue_slots = counters.issue_slots;
  work.fma_slots = number(counters.fma);
  work.alu_slots = number(counters.alu) + kSlotsPerWideInteger * number(counters.wide);
  work.xu_slots = number(counters.xu);
  work.lsu_slots = number(counters.lsu);
  work.fp64_slots = number(counters.fp64);
  for (size_t type = 0; type < sim::kF16Equivalents.size(); ++type)
    work.tensor_flops += sim::kF16Equivalents[type] * counters.tensor_flops_by_type[type];
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

Json counters_json(const estimate::LaunchWork& work, const sim::Counters& c) {
  Json json = to_json(work);
  json["warps"] = c.warps;
  json["warp_instructions"] = c.warp_instructions;
  json["lane_instructions"] = c.lane_instructions;
  json["wide_integer_slots"] = c.wide;
  json["tensor_instructions"] = c.tensor;
  json["branches"] = c.branches;
  json["divergent_branches"] = c.divergent_branches;
  json["barriers"] = c.barriers;
  json["shuffles"] = c.shuffles;
  json["global_loads"] = c.global_loads;
  json["global_stores"] = c.global_stores;
  json["shared_accesses"] = c.shared_accesses;
  json["local_accesses"] = c.local_accesses;
  json["atomics_global"] = c.atomics_global;
  json["atomics_shared"] = c.atomics_shared;
  Json by_type = Json::object();
  for (size_t type = 0; type < c.tensor_flops_by_type.size(); ++type) {
    if (c.tensor_flops_by_type[type] > 0)
      by_type[std::string(name_of(static_cast<sim::TensorType>(type)))] = c.tensor_flops_by_type[type];
  }
  json["tensor_flops_by_type"] = std::move(by_type);
  // Of asynchronous kernels and matrix products: left out where there are none.
  for (const auto& [key, value] : {std::pair("copy_engine_bytes", number(c.copy_engine_bytes)),
                                   std::pair("tensor_pipe_cycles", c.tensor_pipe_cycles),
                                   std::pair("mbarrier_wait_cycles", c.mbarrier_wait_cycles),
                                   std::pair("longest_mbarrier_wait_cycles", c.longest_mbarrier_wait_cycles),
                                   std::pair("critical_mbarrier_cycles", c.critical_mbarrier_cycles)}) {
    if (value > 0) json[key] = value;
  }
  return json;
}

}  // namespace warpwright::timing
