// warpwright doctor --calibrate: the worker measures its GPU, and the figures are stored for this machine.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "src/base/result.h"
#include "src/rules/measured_device.h"

namespace warpwright::cli {

struct MeasuredHere {
  rules::MeasuredDevice figures;
  std::string implausible;  // not empty: figures that no such device can have; not to be stored
  double seconds = 0;
};

// Error: no GPU, or the worker's own.
Result<MeasuredHere> measure_here();
// Returns the file.
Result<std::filesystem::path> store(const MeasuredHere& measured);
// For people: what, and the value with its unit.
std::vector<std::pair<std::string, std::string>> figures_text(const rules::MeasuredDevice& figures);

}  // namespace warpwright::cli
