#include "src/estimate/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace warpwright::estimate {
namespace {

using rules::Resource;

constexpr double kSectorBytes = 32;
constexpr double kSmPortBytesPerCycle = 64;  // L1 fill rate of one SM
constexpr double kAtomicLanesPerCyclePerSm = 1;

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

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Cycles of each pipe on the SM with the most blocks; `share` is its part of the launch's work.
void add_pipe_terms(LaunchTerms& terms, const PipeRates& rates, const LaunchWork& work, double us_per_cycle) {
  const auto set = [&](Resource resource, double amount, double rate) {
    terms.resource_us[static_cast<size_t>(resource)] = amount / rate * us_per_cycle;
  };
  set(Resource::kIssue, work.issue_slots, rates.issue);
  set(Resource::kFma, work.fma_slots, rates.fma);
  set(Resource::kAlu, work.alu_slots, rates.alu);
  set(Resource::kXu, work.xu_slots, rates.xu);
  set(Resource::kLsu, work.lsu_slots, rates.lsu);
  set(Resource::kShared, work.shared_wavefronts, rates.shared);
  set(Resource::kFp64, work.fp64_slots, rates.fp64);
  set(Resource::kTensor, work.tensor_flops, rates.tensor_flops);
  set(Resource::kAtomics, work.atomic_lanes, kAtomicLanesPerCyclePerSm);
}

double dram_bytes(const rules::DeviceModel& device, const LaunchWork& work) {
  const double footprint = (work.unique_sectors_read + work.unique_sectors_written) * kSectorBytes;
  const double touched = (work.sectors_read + work.sectors_written) * kSectorBytes;
  const double l2 = static_cast<double>(device.l2_bytes);
  const double miss_share = footprint > l2 ? 1 - l2 / footprint : 0;
  return footprint + std::max(0.0, touched - footprint) * miss_share;
}

double latency_cycles(const LaunchWork& work, int64_t rounds) {
  const double sum = work.total_block_cycles > 0
                         ? work.total_block_cycles
                         : work.critical_path_cycles * static_cast<double>(work.blocks);
  return work.critical_path_cycles + static_cast<double>(rounds - 1) * sum / static_cast<double>(work.blocks);
}

void name_bottleneck(LaunchEstimate& result) {
  Named bound{result.launch_us, "launch"}, pipe{-1, ""};
  for (int k = 0; k < rules::kResourceCount; ++k) {
    const auto resource = static_cast<Resource>(k);
    const Named term{result.us_of(resource), name_of(resource)};
    if (term.value > bound.value) bound = term;
    if (resource <= Resource::kTensor && term.value > pipe.value) pipe = term;
  }
  if (result.waiting_us > bound.value) bound = {result.waiting_us, "latency"};
  result.bound_by = bound.name;
  result.compute_pipe = pipe.name;
}

LaunchEstimate estimate_launch(const rules::DeviceModel& device, const LaunchWork& work, bool is_first) {
  const rules::Calibration& calibration = device.calibration;
  const LaunchTerms terms = terms_of(device, work, is_first);
  LaunchEstimate result;
  result.label = work.label;
  result.occupancy = occupancy(device, work.block);
  result.launch_us = launch_cost_us(calibration, terms.kind);
  for (size_t k = 0; k < terms.resource_us.size(); ++k)
    result.resource_us[k] = calibration.weights[k] * terms.resource_us[k];
  result.waiting_us = calibration.latency_weight * terms.latency_us;
  result.latency_us = launch_us(calibration, terms);
  if (work.blocks > 0) {
    const int64_t resident = std::max(1, result.occupancy.blocks_per_sm) * int64_t{device.sm_count};
    const int64_t fullest = ceil_div(work.blocks, device.sm_count) * device.sm_count;
    result.waves = static_cast<double>(work.blocks) / static_cast<double>(resident);
    result.balance = static_cast<double>(work.blocks) / static_cast<double>(fullest);
  }
  name_bottleneck(result);
  return result;
}

}  // namespace

LaunchTerms terms_of(const rules::DeviceModel& device, const LaunchWork& work, bool is_first) {
  LaunchTerms terms;
  if (!is_first)
    terms.kind = work.programmatic_dependent ? LaunchTerms::Kind::kDependent : LaunchTerms::Kind::kNext;
  if (work.blocks <= 0) return terms;
  const int64_t blocks_on_fullest = ceil_div(work.blocks, device.sm_count);
  const int64_t resident = std::max(1, occupancy(device, work.block).blocks_per_sm);
  const double share = static_cast<double>(blocks_on_fullest) / static_cast<double>(work.blocks);
  const double cycles_per_us = device.sm_clock_mhz;
  add_pipe_terms(terms, rates_of(device), work, share / cycles_per_us);
  const double bytes = (work.sectors_read + work.sectors_written) * kSectorBytes;
  const double port_us = bytes * share / kSmPortBytesPerCycle / cycles_per_us;
  terms.resource_us[static_cast<size_t>(Resource::kL2)] =
      std::max(bytes / device.l2_bandwidth_gb_s * 1e-3, port_us);
  terms.resource_us[static_cast<size_t>(Resource::kDram)] =
      dram_bytes(device, work) / device.dram_bandwidth_gb_s * 1e-3;
  terms.latency_us = latency_cycles(work, ceil_div(blocks_on_fullest, resident)) / cycles_per_us;
  return terms;
}

double launch_cost_us(const rules::Calibration& calibration, LaunchTerms::Kind kind) {
  if (kind == LaunchTerms::Kind::kFirst) return calibration.first_launch_us;
  return kind == LaunchTerms::Kind::kNext ? calibration.next_launch_us : calibration.dependent_launch_us;
}

// Scaled by the largest term, so that no power overflows. Squares and square roots only: their results are
// the same on every machine, those of std::pow need not be.
double soft_maximum(const rules::Calibration& calibration, const LaunchTerms& terms) {
  double largest = 0;
  for (size_t k = 0; k < terms.resource_us.size(); ++k)
    largest = std::max(largest, calibration.weights[k] * terms.resource_us[k]);
  if (largest <= 0) return 0;
  double sum = 0;
  for (size_t k = 0; k < terms.resource_us.size(); ++k) {
    double power = calibration.weights[k] * terms.resource_us[k] / largest;
    for (int e = 1; e < calibration.exponent; e *= 2) power *= power;
    sum += power;
  }
  for (int e = 1; e < calibration.exponent; e *= 2) sum = std::sqrt(sum);
  return largest * sum;
}

double launch_us(const rules::Calibration& calibration, const LaunchTerms& terms) {
  return launch_cost_us(calibration, terms.kind) + soft_maximum(calibration, terms) +
         calibration.latency_weight * terms.latency_us;
}

double call_us(const rules::Calibration& calibration, const std::vector<LaunchTerms>& launches) {
  double sum = 0;
  for (const LaunchTerms& terms : launches) sum += launch_us(calibration, terms);
  return sum;
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
  std::string terms = fmt::format("launch {:.2f}, latency {:.2f}", e.launch_us, e.waiting_us);
  for (int k = 0; k < rules::kResourceCount; ++k) {
    const auto resource = static_cast<Resource>(k);
    if (e.us_of(resource) >= 0.005) terms += fmt::format(", {} {:.2f}", name_of(resource), e.us_of(resource));
  }
  return fmt::format(
      "{}: {:.2f} us, bound by {}; {} us; {} blocks/SM (limited by {}), {:.2f} waves, balance {:.2f}",
      e.label, e.latency_us, e.bound_by, terms, e.occupancy.blocks_per_sm, e.occupancy.limiter, e.waves,
      e.balance);
}

Json to_json(const LaunchEstimate& e) {
  Json terms = {{"launch", e.launch_us}, {"latency", e.waiting_us}};
  for (int k = 0; k < rules::kResourceCount; ++k)
    terms[std::string(name_of(static_cast<Resource>(k)))] = e.resource_us[static_cast<size_t>(k)];
  return {{"label", e.label},
          {"latency_us", e.latency_us},
          {"bound_by", e.bound_by},
          {"terms_us", std::move(terms)},
          {"blocks_per_sm", e.occupancy.blocks_per_sm},
          {"warps_per_sm", e.occupancy.warps_per_sm},
          {"occupancy_limiter", e.occupancy.limiter},
          {"waves", e.waves},
          {"balance", e.balance}};
}

}  // namespace warpwright::estimate
