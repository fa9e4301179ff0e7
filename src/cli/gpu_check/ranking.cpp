// How well the simulator's estimate orders what the device measures: every seed with many settings of its
// knobs, before and after calibration, and each definition (or kernel) estimated without itself.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <thread>

#include "src/base/files.h"
#include "src/base/rng.h"
#include "src/cli/gpu_check/check.h"
#include "src/estimate/fit.h"
#include "src/estimate/measurements.h"

namespace warpwright::cli::gpu_check {
namespace {

constexpr size_t kSettingsPerDefinition = 20;  // of five definitions; at least 60 in all are wanted
constexpr size_t kQuickSettings = 4;
constexpr size_t kMostCombinations = 4096;

struct Setting {
  const Seed* seed = nullptr;
  KnobValues knobs;
};

// All that the seed declares and its `require`s allow, in an order of chance that is the same everywhere; the
// defaults come first.
std::vector<KnobValues> settings_of(const Seed& seed, const rules::DeviceModel& device) {
  std::vector<KnobValues> all = {{}};
  for (const plan::Knob& knob : seed.plan.knobs()) {
    std::vector<KnobValues> longer;
    for (const KnobValues& knobs : all)
      for (const std::string& value : knob.values)
        if (longer.size() < kMostCombinations) {
          longer.push_back(knobs);
          longer.back()[knob.name] = value;
        }
    all = std::move(longer);
  }
  Rng rng = Rng::stream(1, seed.source_name);
  for (size_t k = all.size(); k > 1; --k) std::swap(all[k - 1], all[rng.below(k)]);
  std::stable_partition(all.begin(), all.end(), [&](const KnobValues& knobs) {
    return std::all_of(seed.plan.knobs().begin(), seed.plan.knobs().end(),
                       [&](const plan::Knob& knob) { return knobs.at(knob.name) == knob.default_value; });
  });
  const auto workloads = seed.candidate.rules.select(seed.small_selection(), seed.candidate.loaded);
  if (!workloads) return {{}};
  std::erase_if(all, [&](const KnobValues& knobs) {
    return std::any_of(workloads->begin(), workloads->end(), [&](const rules::SelectedWorkload& workload) {
      plan::BindInputs inputs;
      inputs.axes = workload.group.workload.axes;
      inputs.knobs = knobs;
      inputs.device.arch = device.arch;
      inputs.device.sm_count = device.sm_count;
      return plan::violates_requirement(seed.plan, seed.candidate.loaded.definition, inputs);
    });
  });
  return all;
}

// In turn from each of a definition's seeds, until there are enough.
std::vector<Setting> choose(const Context& context, const rules::DeviceModel& device) {
  const size_t wanted = context.options.quick ? kQuickSettings : kSettingsPerDefinition;
  std::vector<std::vector<KnobValues>> of_seed;
  for (const Seed& seed : context.seeds) of_seed.push_back(settings_of(seed, device));
  std::map<std::string, size_t> counts;
  std::vector<Setting> chosen;
  bool more = true;
  for (size_t turn = 0; more; ++turn) {
    more = false;
    for (size_t k = 0; k < context.seeds.size(); ++k) {
      size_t& count = counts[context.seeds[k].definition];
      if (turn >= of_seed[k].size() || count >= wanted) continue;
      chosen.push_back({&context.seeds[k], of_seed[k][turn]});
      ++count;
      more = true;
    }
  }
  return chosen;
}

struct Compared {
  std::vector<estimate::Sample> samples;
  std::vector<std::string> records;  // lines that `warpwright calibrate` reads
  int settings = 0;                  // that passed on both
};

Result<void> add(const Setting& setting, const EvaluationReport& measured, const EvaluationReport& simulated,
                 const rules::DeviceModel& device, Compared& compared) {
  ++compared.settings;
  for (const WorkloadReport& workload : measured.workloads) {
    const auto same = std::find_if(simulated.workloads.begin(), simulated.workloads.end(),
                                   [&](const WorkloadReport& other) { return other.axes == workload.axes; });
    if (same == simulated.workloads.end() || workload.latency_us <= 0 || !same->counters.is_object())
      continue;
    const Json& launches = same->counters.at("launches");
    estimate::Sample sample;
    sample.definition = setting.seed->definition;
    sample.workload = axes_text(workload.axes);
    sample.kernel = setting.seed->source_name + " " + knobs_text(setting.knobs);
    sample.measured_us = workload.latency_us;
    Json counters = Json::array();
    for (const Json& launch : launches) {
      TRY_ASSIGN(const auto work, estimate::launch_work_from_json(launch.at("counters"), "report"));
      sample.launches.push_back(estimate::terms_of(device, work, sample.launches.empty()));
      counters.push_back(launch.at("counters"));
    }
    if (sample.launches.empty()) continue;
    compared.samples.push_back(std::move(sample));
    compared.records.push_back(dump_json({{"definition", setting.seed->definition},
                                          {"source", setting.seed->source_name},
                                          {"axes", workload.axes},
                                          {"knobs", setting.knobs},
                                          {"device", device.name},
                                          {"latency_us", workload.latency_us},
                                          {"method", measured.timing.method},
                                          {"launches", std::move(counters)}}) +
                               "\n");
  }
  return {};
}

std::vector<std::string> quality_row(const std::string& what, const std::vector<estimate::Sample>& samples,
                                     const std::vector<double>& estimates) {
  const estimate::Quality quality = estimate::judge(samples, estimates);
  return {what,
          std::to_string(quality.samples),
          fmt::format("{:.3f}", quality.spearman),
          std::to_string(quality.clear_pairs),
          fmt::format("{:.1f} %", quality.clear_pairs_right * 100),
          fmt::format("{:.3f}", quality.kendall_tau),
          fmt::format("{:.2f}", quality.median_abs_log_ratio)};
}

void add_quality(const std::string& of, const std::vector<estimate::Sample>& samples,
                 const rules::DeviceModel& device, Table& table) {
  const auto fitted = estimate::fit(samples, device.calibration);
  table.rows.push_back(
      quality_row(of + ", before calibration", samples, estimates_of(samples, device.calibration)));
  table.rows.push_back(quality_row(of + ", fitted to all of them", samples, estimates_of(samples, fitted)));
  const auto left_out = estimate::estimate_left_out(samples, device.calibration);
  if (!left_out.what.empty())
    table.rows.push_back(
        quality_row(fmt::format("{}, leave-one-{}-out", of, left_out.what), samples, left_out.estimates_us));
}

Result<Compared> compare(Context& context, const rules::DeviceModel& device, PartResult& result) {
  const auto settings = choose(context, device);
  std::vector<EvaluationRequest> requests, simulations;
  for (const Setting& setting : settings) {
    EvaluationRequest request = context.request_of(*setting.seed);
    request.knobs = setting.knobs;
    requests.push_back(request);
    simulations.push_back(context.on_simulator(request));
  }
  context.progress(fmt::format("{} settings, {}", settings.size(), context.times));
  TRY_ASSIGN(const auto measured, context.session.run_all(std::move(requests)));
  if (context.precompiles()) return Compared();
  context.progress("the same on the simulator");
  const int workers = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  WorkerSession simulators(context.options, context.options.quick ? 1 : workers);
  TRY_ASSIGN(const auto simulated, simulators.run_all(std::move(simulations)));
  Compared compared;
  for (size_t k = 0; k < settings.size(); ++k) {
    const std::string name = settings[k].seed->source_name + " " + knobs_text(settings[k].knobs);
    bool passed = true;
    for (const EvaluationReport* report : {&measured[k], &simulated[k]}) {
      if (report->status == Status::kPassed) continue;
      passed = false;
      result.notes.push_back(
          fmt::format("Left out: {}: {} {}", name, to_string(report->status), report->message));
      if (report->status != Status::kCompileError) result.fail(result.notes.back());
    }
    if (passed) TRY(add(settings[k], measured[k], simulated[k], device, compared));
  }
  return compared;
}

}  // namespace

Result<PartResult> check_ranking(Context& context) {
  PartResult result;
  const std::string model = context.precompiles() ? "h100" : context.hello.device_model;
  TRY_ASSIGN(const rules::DeviceModel device, rules::load_device(model));
  TRY_ASSIGN(const Compared compared, compare(context, device, result));
  if (context.precompiles()) return result;
  if (compared.samples.empty()) {
    result.fail("no setting passed on both executors");
    return result;
  }
  std::string text;
  for (const std::string& record : compared.records) text += record;
  TRY(write_file_atomic(context.options.out / "measurements.jsonl", text));
  Table table{fmt::format("Estimates for {} against times {}", device.display_name, context.times),
              {"kernels", "samples", "Spearman", "pairs > 10 % apart", "ordered right", "Kendall tau",
               "median |ln ratio|"},
              {}};
  std::set<std::string> definitions;
  for (const estimate::Sample& sample : compared.samples) definitions.insert(sample.definition);
  for (const std::string& definition : definitions) {
    std::vector<estimate::Sample> some;
    for (const estimate::Sample& sample : compared.samples)
      if (sample.definition == definition) some.push_back(sample);
    add_quality(definition, some, device, table);
  }
  if (definitions.size() > 1) add_quality("all definitions", compared.samples, device, table);
  result.tables.push_back(std::move(table));
  result.message = fmt::format("{} settings of {} seeds", compared.settings, context.seeds.size());
  result.notes.push_back(
      "Pairs are of one definition and workload. measurements.jsonl beside this document has every "
      "record; `warpwright calibrate --measurements` reads it.");
  return result;
}

}  // namespace warpwright::cli::gpu_check
