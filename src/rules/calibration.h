// How the time estimate weighs its terms for one device: configs/calibration/<device>.toml. The shipped files
// hold literature values; `warpwright calibrate` fits others to measured kernels.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace warpwright::rules {

// What can bound a launch's throughput.
enum class Resource { kIssue, kFma, kAlu, kXu, kLsu, kShared, kFp64, kTensor, kL2, kDram, kAtomics };
inline constexpr int kResourceCount = 11;
std::string_view name_of(Resource resource);  // "issue", "fma", ..., "atomics"

struct Calibration {
  // Multiplies the time that the resource would take alone; 1: as the device's figures say.
  std::array<double, kResourceCount> weights = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  double latency_weight = 0.5;  // of the longest chain of waiting blocks
  int exponent = 4;  // of the soft maximum over the resources, a power of two: 1 their sum, 16 nearly their
                     // maximum
  double first_launch_us = 2;        // a call's first launch, empty, as CUPTI's activity span sees it
  double next_launch_us = 1.2;       // each further launch
  double dependent_launch_us = 0.5;  // a further launch that starts while the one before ends ([[pdl]])

  // Where the numbers come from.
  struct Provenance {
    bool fitted = false;  // false: literature values, not calibrated on hardware
    std::string source;   // files or publications
    std::string date, method;
    int64_t samples = 0, kernels = 0, definitions = 0;
    std::string quality;  // one line
  };
  Provenance provenance;

  // A hash of the numbers: part of every result key, so that estimates of two calibrations never meet.
  std::string identity() const;
  // "not calibrated on hardware (literature values), 3f2a91c0" or "fitted to 57 kernels ..., 3f2a91c0"
  std::string describe() const;
};

// Error: unknown or missing key, a negative weight: with file and line.
Result<Calibration> load_calibration_file(const std::filesystem::path& path);
// The file's text, as load_calibration_file reads it.
std::string to_toml(const Calibration& calibration, const std::string& device);

}  // namespace warpwright::rules
