#include "src/rules/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <optional>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/rules/measured_device.h"
#include "src/rules/toml_reader.h"

namespace warpwright::rules {
namespace {

using Setter = std::function<bool(const toml::node&)>;

template <class T>
Setter number_into(T& target) {
  return [&target](const toml::node& node) {
    const auto value = node.value<double>();
    if (value) target = static_cast<T>(*value);
    return value.has_value() && *value > 0;
  };
}

std::map<std::string, Setter> setters_for(DeviceModel& device) {
  return {{"display_name",
           [&device](const toml::node& node) {
             const auto text = node.value<std::string>();
             if (text) device.display_name = *text;
             return text.has_value();
           }},
          {"arch", number_into(device.arch)},
          {"sm_count", number_into(device.sm_count)},
          {"sm_clock_mhz", number_into(device.sm_clock_mhz)},
          {"dram_bandwidth_gb_s", number_into(device.dram_bandwidth_gb_s)},
          {"l2_bandwidth_gb_s", number_into(device.l2_bandwidth_gb_s)},
          {"l2_bytes", number_into(device.l2_bytes)},
          {"shared_bytes_per_sm", number_into(device.shared_bytes_per_sm)},
          {"shared_bytes_per_block", number_into(device.shared_bytes_per_block)},
          {"registers_per_sm", number_into(device.registers_per_sm)},
          {"max_threads_per_sm", number_into(device.max_threads_per_sm)},
          {"max_blocks_per_sm", number_into(device.max_blocks_per_sm)},
          {"peak_tflops", number_into(device.peak_tflops)}};
}

Result<DeviceModel> with_calibration(const std::filesystem::path& path, const std::filesystem::path& folder) {
  TRY_ASSIGN(DeviceModel device, load_device_file(path));
  const std::filesystem::path file = folder / path.filename();
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    TRY_ASSIGN(device.calibration, load_calibration_file(file));
  }
  TRY_ASSIGN(const auto measured, load_measured_device(device.name));
  if (measured) take_over(device, *measured);
  return device;
}

}  // namespace

std::string DeviceModel::identity() const {
  FieldHasher hasher;
  hasher.add(calibration.identity());
  for (const double figure : {sm_clock_mhz, dram_bandwidth_gb_s, l2_bandwidth_gb_s, peak_tflops})
    hasher.add(fmt::format("{}", figure));
  for (const int64_t count : {int64_t{arch}, int64_t{sm_count}, l2_bytes, shared_bytes_per_sm,
                              registers_per_sm, int64_t{max_threads_per_sm}, int64_t{max_blocks_per_sm}})
    hasher.add(std::to_string(count));
  return hasher.hex().substr(0, 12);
}

Result<DeviceModel> load_device_file(const std::filesystem::path& path) {
  TRY_ASSIGN(const std::string text, read_file(path, 1 << 20));
  TRY_ASSIGN(const toml::table table, parse_toml(text, path.string()));
  DeviceModel device;
  device.name = path.stem().string();
  auto setters = setters_for(device);
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    auto setter = setters.find(name);
    if (setter == setters.end())
      return usage_error(
          fmt::format("{}:{}: unknown key '{}'", path.string(), key.source().begin.line, name));
    if (!setter->second(node))
      return usage_error(fmt::format("{}:{}: '{}' must be {}", path.string(), key.source().begin.line, name,
                                     name == "display_name" ? "a string" : "a positive number"));
    setters.erase(setter);
  }
  if (!setters.empty())
    return usage_error(fmt::format("{}: key '{}' is missing", path.string(), setters.begin()->first));
  return device;
}

Result<DeviceModel> load_device(const std::string& name) {
  TRY_ASSIGN(const std::filesystem::path home, find_home());
  std::string known;
  for (const auto& path : list_files(home / "configs" / "devices", ".toml")) {
    if (path.stem() == name) return with_calibration(path, home / "configs" / "calibration");
    known += (known.empty() ? "" : ", ") + path.stem().string();
  }
  return usage_error(fmt::format("unknown device '{}'; configs/devices has {}", name, known));
}

Result<DeviceModel> load_device_like(const std::string& gpu_name, int arch) {
  TRY_ASSIGN(const std::filesystem::path home, find_home());
  std::optional<DeviceModel> of_this_arch;
  for (const auto& path : list_files(home / "configs" / "devices", ".toml")) {
    TRY_ASSIGN(DeviceModel device, with_calibration(path, home / "configs" / "calibration"));
    if (device.arch != arch) continue;
    std::string name = device.name;  // "h100" is in "NVIDIA H100 80GB HBM3"
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
    if (gpu_name.find(name) != std::string::npos) return device;
    if (!of_this_arch) of_this_arch = std::move(device);
  }
  if (of_this_arch) return std::move(*of_this_arch);
  return usage_error(
      fmt::format("no device model fits {} (compute capability {}.{}): write one in configs/devices",
                  gpu_name, arch / 10, arch % 10));
}

}  // namespace warpwright::rules
