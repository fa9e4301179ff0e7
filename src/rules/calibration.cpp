#include "src/rules/calibration.h"

#include <fmt/format.h>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/rules/toml_reader.h"

namespace warpwright::rules {
namespace {

constexpr std::array<std::string_view, kResourceCount> kNames = {
    "issue", "fma", "alu", "xu", "lsu", "shared", "fp64", "tensor", "l2", "dram", "atomics"};

Result<double> number_in(TomlReader& reader, std::string_view key, double lowest, double highest) {
  TRY_ASSIGN(const double value, reader.number(key));
  if (value >= lowest && value <= highest) return value;
  return reader.error_at_key(key, fmt::format("'{}' must be from {} to {}", key, lowest, highest));
}

Result<TomlReader> table_of(TomlReader& reader, std::string_view key) {
  TRY_ASSIGN(auto table, reader.table_if_any(key));
  if (!table) return reader.error(fmt::format("table [{}] is missing", key));
  return std::move(*table);
}

Result<void> read_weights(TomlReader& root, Calibration& calibration) {
  TRY_ASSIGN(TomlReader weights, table_of(root, "weights"));
  for (size_t k = 0; k < kNames.size(); ++k) {
    TRY_ASSIGN(calibration.weights[k], number_in(weights, kNames[k], 0, 1000));
  }
  TRY_ASSIGN(calibration.latency_weight, number_in(weights, "latency", 0, 1000));
  TRY_ASSIGN(const double exponent, number_in(weights, "exponent", 1, 16));
  calibration.exponent = static_cast<int>(exponent);
  const bool is_power =
      calibration.exponent == exponent && (calibration.exponent & (calibration.exponent - 1)) == 0;
  if (!is_power) return weights.error_at_key("exponent", "'exponent' must be 1, 2, 4, 8 or 16");
  return weights.reject_unknown_keys();
}

Result<void> read_launch(TomlReader& root, Calibration& calibration) {
  TRY_ASSIGN(TomlReader launch, table_of(root, "launch"));
  TRY_ASSIGN(calibration.first_launch_us, number_in(launch, "first_us", 0, 1000));
  TRY_ASSIGN(calibration.next_launch_us, number_in(launch, "next_us", 0, 1000));
  TRY_ASSIGN(calibration.dependent_launch_us, number_in(launch, "dependent_us", 0, 1000));
  return launch.reject_unknown_keys();
}

Result<void> read_provenance(TomlReader& root, Calibration::Provenance& provenance) {
  TRY_ASSIGN(TomlReader table, table_of(root, "provenance"));
  TRY_ASSIGN(const std::string kind, table.string("kind"));
  if (kind != "literature" && kind != "fitted")
    return table.error_at_key("kind", "'kind' must be \"literature\" or \"fitted\"");
  provenance.fitted = kind == "fitted";
  TRY_ASSIGN(provenance.source, table.string("source"));
  TRY_ASSIGN(provenance.date, table.string_or("date", ""));
  TRY_ASSIGN(provenance.method, table.string_or("method", ""));
  TRY_ASSIGN(provenance.quality, table.string_or("quality", ""));
  for (const auto& [key, target] : {std::pair<std::string_view, int64_t*>{"samples", &provenance.samples},
                                    {"kernels", &provenance.kernels},
                                    {"definitions", &provenance.definitions}}) {
    TRY_ASSIGN(const double value, table.number_or(key, 0));
    *target = static_cast<int64_t>(value);
  }
  return table.reject_unknown_keys();
}

// A TOML basic string.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

}  // namespace

std::string_view name_of(Resource resource) {
  return kNames[static_cast<size_t>(resource)];
}

std::string Calibration::identity() const {
  FieldHasher hasher;
  for (const double weight : weights) hasher.add(fmt::format("{}", weight));
  for (const double value :
       {latency_weight, static_cast<double>(exponent), first_launch_us, next_launch_us, dependent_launch_us})
    hasher.add(fmt::format("{}", value));
  return hasher.hex().substr(0, 12);
}

std::string Calibration::describe() const {
  if (!provenance.fitted) return fmt::format("not calibrated on hardware, literature values, {}", identity());
  return fmt::format("fitted to {} measured times of {} kernels{}, {}", provenance.samples,
                     provenance.kernels, provenance.date.empty() ? "" : ", " + provenance.date, identity());
}

Result<Calibration> load_calibration_file(const std::filesystem::path& path) {
  TRY_ASSIGN(const std::string text, read_file(path, 1 << 20));
  TRY_ASSIGN(const toml::table table, parse_toml(text, path.string()));
  TomlReader root(table, path.string());
  Calibration calibration;
  TRY_ASSIGN(const std::string device, root.string_or("device", path.stem().string()));
  TRY(read_provenance(root, calibration.provenance));
  TRY(read_launch(root, calibration));
  TRY(read_weights(root, calibration));
  TRY(root.reject_unknown_keys());
  return calibration;
}

std::string to_toml(const Calibration& calibration, const std::string& device) {
  const Calibration::Provenance& p = calibration.provenance;
  std::string text = fmt::format(
      "# How the time estimate weighs its terms for {}: `warpwright calibrate` writes this file.\n"
      "device = {}\n\n[provenance]\nkind = {}\nsource = {}\ndate = {}\nmethod = {}\nsamples = {}\n"
      "kernels = {}\ndefinitions = {}\nquality = {}\n\n",
      device, quoted(device), quoted(p.fitted ? "fitted" : "literature"), quoted(p.source), quoted(p.date),
      quoted(p.method), p.samples, p.kernels, p.definitions, quoted(p.quality));
  text +=
      fmt::format("[launch]  # microseconds\nfirst_us = {}\nnext_us = {}\ndependent_us = {}\n\n",
                  calibration.first_launch_us, calibration.next_launch_us, calibration.dependent_launch_us);
  text += "[weights]  # of the time each resource would take alone\n";
  for (size_t k = 0; k < kNames.size(); ++k)
    text += fmt::format("{} = {}\n", kNames[k], calibration.weights[k]);
  return text +
         fmt::format("latency = {}\nexponent = {}\n", calibration.latency_weight, calibration.exponent);
}

}  // namespace warpwright::rules
