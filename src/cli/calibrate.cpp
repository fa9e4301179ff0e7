// warpwright calibrate: fits the time estimate's weights to measured kernels.
#include <fmt/format.h>

#include <ctime>
#include <iostream>
#include <set>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/cli/candidate.h"
#include "src/cli/commands.h"
#include "src/engine/evaluate_once.h"
#include "src/estimate/fit.h"
#include "src/estimate/measurements.h"
#include "src/rules/device.h"

namespace warpwright::cli {
namespace {

namespace fs = std::filesystem;
using estimate::LaunchWork;
using estimate::Measurement;

// Records that one run of the simulator answers: equal program, other workloads.
struct Program {
  std::string definition;
  fs::path source;
  KnobValues knobs;
  auto operator<=>(const Program&) const = default;
};
using Work = std::map<std::map<std::string, int64_t>, std::vector<LaunchWork>>;  // by axes

Result<std::string> indices_of(const LoadedCandidate& candidate,
                               const std::vector<const Measurement*>& records) {
  std::set<size_t> indices;
  for (const Measurement* record : records) {
    const auto& workloads = candidate.loaded.workloads;
    const auto found = std::find_if(workloads.begin(), workloads.end(),
                                    [&](const trace::Workload& w) { return w.axes == record->axes; });
    if (found == workloads.end())
      return usage_error(
          fmt::format("{}: {} has no workload with these axes", record->at, record->definition));
    indices.insert(static_cast<size_t>(found - workloads.begin()));
  }
  return fmt::format("{}", fmt::join(indices, ","));
}

Result<Work> work_in(const EvaluationReport& report) {
  Work work;
  for (const WorkloadReport& workload : report.workloads) {
    const auto launches = workload.counters.find("launches");
    if (launches == workload.counters.end()) continue;
    for (const Json& launch : *launches) {
      TRY_ASSIGN(LaunchWork one, estimate::launch_work_from_json(launch.at("counters"), "report"));
      work[workload.axes].push_back(std::move(one));
    }
  }
  return work;
}

Result<Work> simulate(const CalibrateOptions& options, const Program& program,
                      const rules::DeviceModel& device, const std::vector<const Measurement*>& records) {
  CandidateOptions candidate_options;
  candidate_options.candidate = program.source;
  candidate_options.definition = program.definition;
  candidate_options.datasets = options.datasets;
  auto candidate = load_candidate(candidate_options);
  if (!candidate) return add_context(candidate.error(), records.front()->at);
  EvaluationRequest request;
  request.id = "calibrate";
  request.source = candidate->source;
  request.source_name = candidate->source_name;
  request.definition = program.definition;
  request.target = fmt::format("sm_{}a", device.arch);
  request.executor = "sim";
  request.device = device.name;
  request.knobs = program.knobs;
  TRY_ASSIGN(request.selection, indices_of(*candidate, records));
  workers::WorkerSettings settings = engine::local_worker(options.datasets);
  TRY_ASSIGN(const auto done, engine::evaluate_once(settings, request, nullptr));
  if (done.report.status == Status::kPassed) return work_in(done.report);
  std::cerr << fmt::format("{}: left out, {} does not pass on the simulator: {} {}\n", records.front()->at,
                           program.source.string(), to_string(done.report.status), done.report.message);
  return Work();
}

std::string kernel_name(const Measurement& record) {
  std::string name = record.source.string();
  for (const auto& [knob, value] : record.knobs) name += fmt::format(" {}={}", knob, value);
  return name;
}

estimate::Sample sample_of(const Measurement& record, const std::vector<LaunchWork>& launches,
                           const rules::DeviceModel& device) {
  estimate::Sample sample;
  sample.definition = record.definition;
  for (const auto& [axis, value] : record.axes) sample.workload += fmt::format("{}={} ", axis, value);
  sample.kernel = record.source.empty() ? record.at : kernel_name(record);
  sample.measured_us = record.latency_us;
  for (const LaunchWork& launch : launches)
    sample.launches.push_back(estimate::terms_of(device, launch, sample.launches.empty()));
  return sample;
}

Result<std::vector<Measurement>> read_all(const CalibrateOptions& options) {
  std::vector<Measurement> records;
  size_t others = 0;
  for (const fs::path& file : options.measurements) {
    TRY_ASSIGN(auto some, estimate::read_measurements(file));
    for (Measurement& record : some) {
      if (record.device == options.device)
        records.push_back(std::move(record));
      else
        ++others;
    }
  }
  if (others > 0)
    std::cerr << fmt::format("{} records of other devices than {} left out\n", others, options.device);
  if (records.empty()) return usage_error(fmt::format("no measurement is of device {}", options.device));
  return records;
}

Result<std::vector<estimate::Sample>> samples_of(const CalibrateOptions& options,
                                                 const std::vector<Measurement>& records,
                                                 const rules::DeviceModel& device) {
  std::map<Program, std::vector<const Measurement*>> to_simulate;
  for (const Measurement& record : records)
    if (record.launches.empty())
      to_simulate[{record.definition, record.source, record.knobs}].push_back(&record);
  std::map<Program, Work> simulated;
  for (const auto& [program, some] : to_simulate) {
    TRY_ASSIGN(simulated[program], simulate(options, program, device, some));
  }
  std::vector<estimate::Sample> samples;
  for (const Measurement& record : records) {
    if (!record.launches.empty()) {
      samples.push_back(sample_of(record, record.launches, device));
      continue;
    }
    const Work& work = simulated.at({record.definition, record.source, record.knobs});
    if (const auto found = work.find(record.axes); found != work.end())
      samples.push_back(sample_of(record, found->second, device));
  }
  if (samples.empty()) return usage_error("no measured kernel passes on the simulator: nothing to fit");
  return samples;
}

std::string today() {
  const std::time_t now = static_cast<std::time_t>(SystemClock().wall_unix_ms() / 1000);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  return fmt::format("{:04}-{:02}-{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
}

rules::Calibration::Provenance provenance_of(const CalibrateOptions& options,
                                             const std::vector<Measurement>& records,
                                             const std::vector<estimate::Sample>& samples) {
  rules::Calibration::Provenance provenance;
  provenance.fitted = true;
  std::set<std::string> methods, kernels, definitions;
  for (const Measurement& record : records)
    methods.insert(record.method.empty() ? "not stated" : record.method);
  for (const estimate::Sample& sample : samples) {
    kernels.insert(sample.kernel);
    definitions.insert(sample.definition);
  }
  for (const fs::path& file : options.measurements)
    provenance.source += (provenance.source.empty() ? "" : ", ") + file.filename().string();
  provenance.method = fmt::format("{}", fmt::join(methods, ", "));
  provenance.date = today();
  provenance.samples = static_cast<int64_t>(samples.size());
  provenance.kernels = static_cast<int64_t>(kernels.size());
  provenance.definitions = static_cast<int64_t>(definitions.size());
  return provenance;
}

Result<void> calibrate(const CalibrateOptions& options) {
  TRY_ASSIGN(const rules::DeviceModel device, rules::load_device(options.device));
  TRY_ASSIGN(const auto records, read_all(options));
  TRY_ASSIGN(const auto samples, samples_of(options, records, device));
  rules::Calibration fitted = estimate::fit(samples, device.calibration);
  fitted.provenance = provenance_of(options, records, samples);
  const auto quality = [&](const std::vector<double>& estimates) { return judge(samples, estimates); };
  const estimate::Quality before = quality(estimates_of(samples, device.calibration));
  const estimate::Quality after = quality(estimates_of(samples, fitted));
  std::cout << fmt::format("{} measured times of {} kernels, {} definitions, on {}\n", samples.size(),
                           fitted.provenance.kernels, fitted.provenance.definitions, device.display_name)
            << fmt::format("before        {}\n", describe(before))
            << fmt::format("fitted to all {}\n", describe(after));
  const estimate::LeftOut left_out = estimate_left_out(samples, device.calibration);
  if (left_out.what.empty()) {
    std::cout << "left out      not possible: there is only one kernel\n";
    fitted.provenance.quality = "fitted to all: " + describe(after);
  } else {
    const std::string text = describe(quality(left_out.estimates_us));
    std::cout << fmt::format("left out      {} (each {} estimated by a fit without it)\n", text,
                             left_out.what);
    fitted.provenance.quality = fmt::format("leave-one-{}-out: {}", left_out.what, text);
  }
  if (options.out.empty()) {
    std::cout << "\n" << to_toml(fitted, device.name);
    std::cerr << fmt::format("nothing is written; --out configs/calibration/{}.toml takes it into use\n",
                             device.name);
    return {};
  }
  TRY(write_file_atomic(options.out, to_toml(fitted, device.name)));
  std::cerr << fmt::format("wrote {} ({})\n", options.out.string(), fitted.describe());
  return {};
}

}  // namespace

int run_calibrate(const CalibrateOptions& options) {
  const auto done = calibrate(options);
  return done ? 0 : report_error(done.error());
}

}  // namespace warpwright::cli
