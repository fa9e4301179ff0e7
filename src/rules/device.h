// The devices whose time is estimated and whose limits are kept: configs/devices/*.toml. Peak figures with
// their source; what a machine really has is asked at run time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/rules/calibration.h"

namespace warpwright::rules {

struct DeviceModel {
  std::string name;          // "b200": the file's name
  std::string display_name;  // "NVIDIA B200"
  int arch = 100;            // compute capability, 90 or 100
  int sm_count = 0;
  double sm_clock_mhz = 0;
  double dram_bandwidth_gb_s = 0;  // achievable, not the data sheet's peak
  double l2_bandwidth_gb_s = 0;
  int64_t l2_bytes = 0;
  int64_t shared_bytes_per_sm = 0;
  int64_t shared_bytes_per_block = 0;  // with opt-in
  int64_t registers_per_sm = 65536;
  int max_threads_per_sm = 2048;
  int max_blocks_per_sm = 32;
  double peak_tflops = 0;   // of the fastest arithmetic with 8 bits or more; floors only
  Calibration calibration;  // configs/calibration/<name>.toml
  std::string measured_on;  // date of this machine's own figures (measured_device.h); empty: there are none

  // A hash of every number that decides an estimate: calibration and figures. Part of every result key.
  std::string identity() const;
};

// With its calibration, and what was measured on this machine (measured_device.h); a device without a file of
// it gets the literature values of Calibration's defaults. Error: unknown name (lists what there is), unknown
// or missing key with file and line.
Result<DeviceModel> load_device(const std::string& name);
// The model of a GPU that is here, by its name as the driver has it ("NVIDIA H100 80GB HBM3"), else by its
// compute capability. Error: there is none of this capability.
Result<DeviceModel> load_device_like(const std::string& gpu_name, int arch);
// The device alone.
Result<DeviceModel> load_device_file(const std::filesystem::path& path);

}  // namespace warpwright::rules
