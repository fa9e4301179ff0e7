#include "evaluator/timing/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace warpwright::timing {
namespace {

constexpr double kSectorBytes = 32;
constexpr double kSmPortBytesPerCycle = 64;  // L1 fill rate of one SM
constexpr double kAtomicLanesPerCyclePerSm = 1;
constexpr double kHiddenByDependentLaunch = 0.6;  // of launch_gap_us
constexpr int kCopyThreads = 512;
constexpr double kCopyCycles = 1500;  // a load, a store and the way there

// Warp instructions, or flops, per SM and cycle.
struct PipeRates {
  double issue = 4;
  double fma = 4;     // 128 lanes
  double alu = 2;     // 64 lanes of 32-bit integer work
  double xu = 0.5;    // 16 lanes
  double lsu = 1;     // 32 lanes
  double shared = 1;  // wavefronts
  double fp64 = 2;    // 64 lanes
  double tensor_flops = 4096;
};

PipeRates rates_of(const rules::DeviceModel& device) {
  PipeRates rates;
  if (device.arch >= 100) rates.tensor_flops = 8192;
  return rates;
}

struct Named {
  double value = 0;
  std::string_view name;
};

Named largest(std::initializer_list<Named> items) {
  return *std::max_element(items.begin(), items.end(),
                           [](const Named& a, const Named& b) { return a.value < b.value; });
}

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Cycles of the slowest pipe on the SM with the most blocks; `share` is its part of the launch's work.
Named compute_cycles(const PipeRates& rates, const LaunchWork& work, double share) {
  return largest({{work.issue_slots * share / rates.issue, "issue"},
                  {work.fma_slots * share / rates.fma, "fma"},
                  {work.alu_slots * share / rates.alu, "alu"},
                  {work.xu_slots * share / rates.xu, "xu"},
                  {work.lsu_slots * share / rates.lsu, "lsu"},
                  {work.shared_wavefronts * share / rates.shared, "shared"},
                  {work.fp64_slots * share / rates.fp64, "fp64"},
                  {work.tensor_flops * share / rates.tensor_flops, "tensor"}});
}

double dram_bytes(const rules::DeviceModel& device, const LaunchWork& work) {
  const double footprint = (work.unique_sectors_read + work.unique_sectors_written) * kSectorBytes;
  const double touched = (work.sectors_read + work.sectors_written) * kSectorBytes;
  const double l2 = static_cast<double>(device.l2_bytes);
  const double miss_share = footprint > l2 ? 1 - l2 / footprint : 0;
  return footprint + std::max(0.0, touched - footprint) * miss_share;
}

double latency_cycles(const LaunchWork& work, int64_t rounds) {
  if (work.blocks == 0) return 0;
  const double sum = work.total_block_cycles > 0
                         ? work.total_block_cycles
                         : work.critical_path_cycles * static_cast<double>(work.blocks);
  return work.critical_path_cycles + static_cast<double>(rounds - 1) * sum / static_cast<double>(work.blocks);
}

double launch_overhead_us(const rules::DeviceModel& device, const LaunchWork& work, bool is_first) {
  if (is_first) return device.launch_floor_us;
  return device.launch_gap_us * (work.programmatic_dependent ? 1 - kHiddenByDependentLaunch : 1);
}

LaunchEstimate estimate_launch(const rules::DeviceModel& device, const LaunchWork& work, bool is_first) {
  LaunchEstimate result;
  result.label = work.label;
  result.occupancy = occupancy(device, work.block);
  result.launch_us = launch_overhead_us(device, work, is_first);
  result.latency_us = result.launch_us;
  result.bound_by = "launch";
  if (work.blocks <= 0) return result;

  const int64_t blocks_on_fullest = ceil_div(work.blocks, device.sm_count);
  const int64_t resident = std::max(1, result.occupancy.blocks_per_sm);
  const double share = static_cast<double>(blocks_on_fullest) / static_cast<double>(work.blocks);
  const double cycles_per_us = device.sm_clock_mhz;
  result.waves = static_cast<double>(work.blocks) / static_cast<double>(resident * device.sm_count);

  const Named pipe = compute_cycles(rates_of(device), work, share);
  const double bytes = (work.sectors_read + work.sectors_written) * kSectorBytes;
  const double port_us = bytes * share / kSmPortBytesPerCycle / cycles_per_us;
  result.compute_us = pipe.value / cycles_per_us;
  result.compute_pipe = pipe.name;
  result.l2_us = std::max(bytes / device.l2_bandwidth_gb_s * 1e-3, port_us);
  result.dram_us = dram_bytes(device, work) / device.dram_bandwidth_gb_s * 1e-3;
  result.atomics_us = work.atomic_lanes * share / kAtomicLanesPerCyclePerSm / cycles_per_us;
  result.critical_path_us = latency_cycles(work, ceil_div(blocks_on_fullest, resident)) / cycles_per_us;

  double square = 0;
  for (const double t :
       {result.compute_us, result.l2_us, result.dram_us, result.atomics_us, result.critical_path_us}) {
    square += t * t;
  }
  result.latency_us += std::sqrt(square);
  result.bound_by = largest({{result.launch_us, "launch"},
                             {result.compute_us, pipe.name},
                             {result.l2_us, "l2"},
                             {result.dram_us, "dram"},
                             {result.atomics_us, "atomics"},
                             {result.critical_path_us, "latency"}})
                        .name;
  return result;
}

}  // namespace

LaunchWork copy_work(std::string label, int64_t bytes_read, int64_t bytes_written) {
  LaunchWork work;
  work.label = std::move(label);
  work.block.threads = kCopyThreads;
  const int64_t sectors_read = ceil_div(bytes_read, 32);
  const int64_t sectors_written = ceil_div(bytes_written, 32);
  work.blocks = std::max<int64_t>(1, ceil_div(std::max(sectors_read, sectors_written), 2 * kCopyThreads));
  work.sectors_read = work.unique_sectors_read = static_cast<double>(sectors_read);
  work.sectors_written = work.unique_sectors_written = static_cast<double>(sectors_written);
  work.critical_path_cycles = kCopyCycles;
  return work;
}

CallEstimate estimate_call(const rules::DeviceModel& device, const std::vector<LaunchWork>& launches) {
  CallEstimate call;
  for (const LaunchWork& work : launches) {
    call.launches.push_back(estimate_launch(device, work, call.launches.empty()));
    call.latency_us += call.launches.back().latency_us;
  }
  return call;
}

std::string describe(const LaunchEstimate& e) {
  return fmt::format(
      "{}: {:.2f} us, bound by {}; launch {:.2f}, latency {:.2f}, {} {:.2f}, l2 {:.2f}, dram {:.2f}, atomics "
      "{:.2f} us; "
      "{} blocks/SM (limited by {}), {:.2f} waves",
      e.label, e.latency_us, e.bound_by, e.launch_us, e.critical_path_us,
      e.compute_pipe.empty() ? "compute" : e.compute_pipe, e.compute_us, e.l2_us, e.dram_us, e.atomics_us,
      e.occupancy.blocks_per_sm, e.occupancy.limiter, e.waves);
}

}  // namespace warpwright::timing
