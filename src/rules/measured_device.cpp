#include "src/rules/measured_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "src/base/files.h"
#include "src/rules/toml_reader.h"

namespace warpwright::rules {
namespace {

struct Figure {
  const char* key;
  double MeasuredDevice::*value;
  bool may_be_zero;
};
constexpr std::array<Figure, 9> kFigures = {
    {{"sm_clock_mhz", &MeasuredDevice::sm_clock_mhz, true},
     {"dram_bandwidth_gb_s", &MeasuredDevice::dram_bandwidth_gb_s, false},
     {"l2_bandwidth_gb_s", &MeasuredDevice::l2_bandwidth_gb_s, false},
     {"fma_tflops", &MeasuredDevice::fma_tflops, false},
     {"tensor_bf16_tflops", &MeasuredDevice::tensor_bf16_tflops, false},
     {"first_launch_us", &MeasuredDevice::first_launch_us, false},
     {"next_launch_us", &MeasuredDevice::next_launch_us, false},
     {"dependent_launch_us", &MeasuredDevice::dependent_launch_us, true},
     {"noise_floor", &MeasuredDevice::noise_floor, false}}};

struct Text {
  const char* key;
  std::string MeasuredDevice::*value;
};
constexpr std::array<Text, 6> kTexts = {{{"model", &MeasuredDevice::model},
                                         {"gpu", &MeasuredDevice::gpu},
                                         {"driver", &MeasuredDevice::driver},
                                         {"clocks", &MeasuredDevice::clocks},
                                         {"date", &MeasuredDevice::date},
                                         {"method", &MeasuredDevice::method}}};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

// Dense bf16 products of one SM and cycle: data sheets' peaks over SMs and boost clock.
double tensor_flops_per_cycle(int arch) {
  return arch >= 100 ? 8192 : 4096;
}

}  // namespace

std::filesystem::path measured_device_file(const std::string& model) {
  return cache_directory() / "devices" / (model + ".toml");
}

Result<MeasuredDevice> read_measured_device(const std::filesystem::path& path) {
  TRY_ASSIGN(const std::string text, read_file(path, 1 << 20));
  TRY_ASSIGN(const toml::table table, parse_toml(text, path.string()));
  TomlReader reader(table, path.string());
  MeasuredDevice measured;
  for (const Text& field : kTexts) {
    TRY_ASSIGN(measured.*field.value, reader.string(field.key));
  }
  for (const Figure& figure : kFigures) {
    TRY_ASSIGN(const double value, reader.number(figure.key));
    if (!(value > 0 || (figure.may_be_zero && value == 0)) || value > 1e9)
      return reader.error_at_key(figure.key, fmt::format("'{}' must be a positive number", figure.key));
    measured.*figure.value = value;
  }
  TRY(reader.reject_unknown_keys());
  return measured;
}

Result<std::optional<MeasuredDevice>> load_measured_device(const std::string& model) {
  const std::filesystem::path path = measured_device_file(model);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  TRY_ASSIGN(MeasuredDevice measured, read_measured_device(path));
  if (measured.model == model) return measured;
  return usage_error(fmt::format("{}: it is of model {}; remove it, or name it {}.toml", path.string(),
                                 measured.model, measured.model));
}

std::string to_toml(const MeasuredDevice& measured) {
  std::string text =
      "# Measured on this machine by `warpwright doctor --calibrate`; remove the file to go back to the "
      "model's "
      "figures.\n";
  for (const Text& field : kTexts) text += fmt::format("{} = {}\n", field.key, quoted(measured.*field.value));
  for (const Figure& figure : kFigures) text += fmt::format("{} = {}\n", figure.key, measured.*figure.value);
  return text;
}

std::string implausible_figures(const MeasuredDevice& measured, const DeviceModel& device) {
  constexpr double kLeast = 0.25, kMost = 1.5;
  std::string faults;
  const auto check = [&](const char* what, double value, double expected, double least, const char* unit) {
    if (value >= least * expected && value <= kMost * expected) return;
    faults +=
        fmt::format("{}{} of {:.4g} {} where {} should have {:.4g} to {:.4g}", faults.empty() ? "" : "; ",
                    what, value, unit, device.display_name, least * expected, kMost * expected);
  };
  const double cycles = device.sm_count * device.sm_clock_mhz * 1e6;
  check("copy bandwidth", measured.dram_bandwidth_gb_s, device.dram_bandwidth_gb_s, kLeast, "GB/s");
  check("L2 bandwidth", measured.l2_bandwidth_gb_s, device.l2_bandwidth_gb_s, kLeast, "GB/s");
  check("FP32 peak", measured.fma_tflops, cycles * 256 / 1e12, kLeast, "TFLOP/s");
  // Newer tensor cores do not give mma.sync their whole rate, so that little says nothing.
  check("bf16 rate of mma.sync", measured.tensor_bf16_tflops,
        cycles * tensor_flops_per_cycle(device.arch) / 1e12, 0.02, "TFLOP/s");
  if (measured.first_launch_us > 100 || measured.next_launch_us > 100 || measured.dependent_launch_us > 100)
    faults += fmt::format("{}an empty launch of more than 100 us", faults.empty() ? "" : "; ");
  if (measured.noise_floor > 0.2)
    faults += fmt::format("{}a noise floor of {:.0f} %: something else uses this GPU",
                          faults.empty() ? "" : "; ", measured.noise_floor * 100);
  return faults;
}

void take_over(DeviceModel& device, const MeasuredDevice& measured) {
  if (measured.sm_clock_mhz > 0) device.sm_clock_mhz = measured.sm_clock_mhz;
  device.dram_bandwidth_gb_s = measured.dram_bandwidth_gb_s;
  device.l2_bandwidth_gb_s = measured.l2_bandwidth_gb_s;
  // Floors need the fastest arithmetic that there is: a measured rate can only raise it.
  device.peak_tflops = std::max({device.peak_tflops, measured.fma_tflops, measured.tensor_bf16_tflops});
  if (!device.calibration.provenance.fitted) {
    device.calibration.first_launch_us = measured.first_launch_us;
    device.calibration.next_launch_us = measured.next_launch_us;
    device.calibration.dependent_launch_us = measured.dependent_launch_us;
  }
  device.measured_on = measured.date;
}

}  // namespace warpwright::rules
