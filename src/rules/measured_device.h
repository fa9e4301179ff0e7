// What `warpwright doctor --calibrate` measured on this machine's GPU: $cache/devices/<model>.toml. The
// device model of that name reads it (load_device, load_device_like): these figures stand in for those of
// configs/devices and for the launch costs of a calibration that was not fitted.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "src/base/result.h"
#include "src/rules/device.h"

namespace warpwright::rules {

struct MeasuredDevice {
  std::string model;  // "h100": whose figures these replace
  std::string gpu, driver, clocks, date, method;
  double sm_clock_mhz = 0;  // while it worked; 0: unknown, the model's stays
  double dram_bandwidth_gb_s = 0, l2_bandwidth_gb_s = 0;
  double fma_tflops = 0;
  double tensor_bf16_tflops = 0;  // by mma.sync, which wgmma and tcgen05 surpass
  double first_launch_us = 0, next_launch_us = 0, dependent_launch_us = 0;
  double noise_floor = 0;  // relative, of equal programs against each other
};

std::filesystem::path measured_device_file(const std::string& model);
// Nothing if this machine has none. Error: unknown or missing key, a figure that is not positive: file and
// line.
Result<std::optional<MeasuredDevice>> load_measured_device(const std::string& model);
Result<MeasuredDevice> read_measured_device(const std::filesystem::path& path);
std::string to_toml(const MeasuredDevice& measured);

// One line per figure that no such device can have, "; " between them; empty if all may be. `device` is the
// model with the GPU's own SM count and clock. Bandwidths are held against the model's, from a quarter to one
// and a half times; arithmetic against what SMs times clock can do.
std::string implausible_figures(const MeasuredDevice& measured, const DeviceModel& device);

void take_over(DeviceModel& device, const MeasuredDevice& measured);

}  // namespace warpwright::rules
