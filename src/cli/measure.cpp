#include "src/cli/measure.h"

#include <fmt/format.h>

#include <iostream>

#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/cli/commands.h"
#include "src/engine/evaluate_once.h"
#include "src/workers/settings.h"

namespace warpwright::cli {
namespace fs = std::filesystem;

Result<MeasuredHere> measure_here() {
  SubprocessOptions options;
  options.argv = {engine::default_worker_path(), "measure-device"};
  for (const std::string& name : workers::WorkerSettings().keep_environment)
    options.keep_environment.push_back(name);
  TRY_ASSIGN(const auto done, run_to_completion(options, "", 300'000, 1 << 20));
  if (done.timed_out) return infrastructure_error("measuring the device took more than 300 s");
  if (!done.status.success()) {
    std::string line = done.stderr_text;
    while (!line.empty() && line.back() == '\n') line.pop_back();
    line = line.substr(line.rfind('\n') + 1);
    return infrastructure_error(line.empty() ? "measure-device " + done.status.describe() : line);
  }
  TRY_ASSIGN(const Json json, parse_json(done.stdout_text, "measure-device"));
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "measure-device"));
  TRY_ASSIGN(const std::string toml, reader.string("toml"));
  MeasuredHere measured;
  TRY_ASSIGN(measured.implausible, reader.string("implausible"));
  TRY_ASSIGN(measured.seconds, reader.number("seconds"));
  TRY_ASSIGN(const TempDirectory folder, TempDirectory::create());
  TRY(write_file_atomic(folder.path() / "measured.toml", toml));
  TRY_ASSIGN(measured.figures, rules::read_measured_device(folder.path() / "measured.toml"));
  return measured;
}

Result<fs::path> store(const MeasuredHere& measured) {
  const fs::path path = rules::measured_device_file(measured.figures.model);
  TRY(warpwright::create_directories(path.parent_path()));
  TRY(write_file_atomic(path, rules::to_toml(measured.figures)));
  return path;
}

std::vector<std::pair<std::string, std::string>> figures_text(const rules::MeasuredDevice& figures) {
  return {{"GPU", fmt::format("{} (model {}), driver {}, clocks {}", figures.gpu, figures.model,
                              figures.driver, figures.clocks)},
          {"date, method", fmt::format("{}, {}", figures.date, figures.method)},
          {"copy bandwidth", fmt::format("{:.0f} GB/s", figures.dram_bandwidth_gb_s)},
          {"L2 bandwidth", fmt::format("{:.0f} GB/s", figures.l2_bandwidth_gb_s)},
          {"FP32 peak", fmt::format("{:.1f} TFLOP/s", figures.fma_tflops)},
          {"bf16 by mma.sync",
           fmt::format("{:.0f} TFLOP/s (no peak: wgmma and tcgen05 are faster)", figures.tensor_bf16_tflops)},
          {"SM clock", fmt::format("{:.0f} MHz while it worked", figures.sm_clock_mhz)},
          {"empty launch", fmt::format("{:.2f} us", figures.first_launch_us)},
          {"second launch", fmt::format("{:.2f} us more", figures.next_launch_us)},
          {"dependent launch", fmt::format("{:.2f} us more", figures.dependent_launch_us)},
          {"noise floor (A/A)", fmt::format("{:.2f} %", figures.noise_floor * 100)}};
}

int run_doctor_calibrate(const DoctorOptions& options) {
  const auto measured = measure_here();
  if (!measured) return report_error(measured.error());
  if (options.form == OutputForm::kJson) {
    Json figures = Json::object();
    for (const auto& [what, value] : figures_text(measured->figures)) figures[what] = value;
    std::cout << dump_json({{"model", measured->figures.model},
                            {"figures", std::move(figures)},
                            {"implausible", measured->implausible},
                            {"seconds", measured->seconds}},
                           2)
              << "\n";
  } else {
    for (const auto& [what, value] : figures_text(measured->figures))
      std::cout << fmt::format("{:<20} {}\n", what, value);
  }
  if (!measured->implausible.empty())
    return report_error(
        {ErrorKind::kInfrastructure, "not stored, no such device has that: " + measured->implausible});
  const auto path = store(*measured);
  if (!path) return report_error(path.error());
  std::cerr << fmt::format("stored in {} ({:.1f} s)\n", path->string(), measured->seconds);
  return 0;
}

}  // namespace warpwright::cli
