#include "evaluator/timing/floor.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/plan/plan.h"

namespace warpwright::timing {
namespace {

constexpr double kBytesPerMicrosecond = 1e3;  // of 1 GB/s
constexpr double kFlopsPerMicrosecond = 1e6;  // of 1 TFLOP/s

double quotient(double work, double rate) {
  return rate > 0 ? work / rate : 0;  // an unknown rate bounds nothing
}

Result<int64_t> output_bytes(const trace::Definition& definition, const trace::Axes& axes) {
  int64_t bytes = 0;
  for (const trace::Tensor& output : definition.outputs) {
    TRY_ASSIGN(const int64_t one, definition.bytes_of(output, axes));
    bytes += one;
  }
  return bytes;
}

}  // namespace

double PhysicalFloor::floor_us() const {
  return std::max({dram_us, l2_us, compute_us});
}

Result<PhysicalFloor> physical_floor(const rules::Rules& rules, const trace::Definition& definition,
                                     const trace::Axes& axes, const rules::DeviceModel& device) {
  auto count = [&](const std::string& expression, std::string_view name) -> Result<int64_t> {
    if (expression.empty()) return 0;
    const std::string where = fmt::format("{}: floor: {}", rules.source_path, name);
    TRY_ASSIGN(const int64_t value, plan::evaluate_integer(expression, definition, axes, where));
    if (value < 0) return usage_error(fmt::format("{}: {} is negative", where, value));
    return value;
  };
  PhysicalFloor floor;
  TRY_ASSIGN(floor.bytes_read, count(rules.floor.bytes_read, "bytes_read"));
  TRY_ASSIGN(floor.flops, count(rules.floor.flops, "flops"));
  if (rules.floor.bytes_written.empty()) {
    TRY_ASSIGN(floor.bytes_written, output_bytes(definition, axes));
  } else {
    TRY_ASSIGN(floor.bytes_written, count(rules.floor.bytes_written, "bytes_written"));
  }
  const auto read = static_cast<double>(floor.bytes_read), written = static_cast<double>(floor.bytes_written);
  const double written_to_dram = std::max(0.0, written - static_cast<double>(device.l2_bytes));
  floor.dram_us = quotient(read + written_to_dram, device.dram_bandwidth_gb_s * kBytesPerMicrosecond);
  floor.l2_us = quotient(read + written, device.l2_bandwidth_gb_s * kBytesPerMicrosecond);
  floor.compute_us = quotient(static_cast<double>(floor.flops), device.peak_tflops * kFlopsPerMicrosecond);
  return floor;
}

std::optional<std::string> refuse_below_floor(double latency_us, const PhysicalFloor& floor) {
  const double floor_us = floor.floor_us();
  if (latency_us >= kFloorShare * floor_us) return std::nullopt;
  return fmt::format(
      "{:.2f} us is less than the device needs for this work at its peak rates: {:.2f} us for {} bytes read, "
      "{} "
      "written and {} flops; every call must do all of it, from inputs that are not in the cache",
      latency_us, floor_us, floor.bytes_read, floor.bytes_written, floor.flops);
}

}  // namespace warpwright::timing
