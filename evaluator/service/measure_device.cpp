#include "evaluator/service/measure_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iostream>
#include <set>

#include "evaluator/compile/compiler.h"
#include "evaluator/timing/duel.h"
#include "evaluator/timing/statistics.h"
#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/base/json.h"

namespace warpwright::service {
namespace {

constexpr const char* kDefinition = R"({
  "name": "microbenchmark", "op_type": "microbenchmark",
  "axes": {"elements": {"type": "var"}, "repeats": {"type": "var"}},
  "inputs": {"x": {"shape": ["elements"], "dtype": "float32"}},
  "outputs": {"y": {"shape": ["elements"], "dtype": "float32"}},
  "reference": ""})";

constexpr const char* kKernels[] = {"copy",        "read_cached",    "fma", "tensor", "empty",
                                    "empty_twice", "empty_dependent"};
constexpr int kShots = 16;  // of which the first four only warm up
constexpr int kWarmUp = 4;

// One of our kernels, compiled; its plan is bound for every size anew.
struct Microbenchmark {
  plan::CandidateSource split;
  plan::Plan plan;
  compile::CompiledProgram compiled;
};

class Bench {
 public:
  explicit Bench(const EvaluatorOptions& options) : options_(options) {}

  Result<void> open_compiler() {
    TRY_ASSIGN(definition_, trace::parse_definition(kDefinition, "microbenchmark"));
    compile::CompilerOptions compiler;
    compiler.cache_folder = compile::default_cache_folder();
    compiler.take_precompiled_from_environment();
    TRY_ASSIGN(compile::Compiler made, compile::Compiler::create(std::move(compiler)));
    compiler_ = std::make_unique<compile::Compiler>(std::move(made));
    return {};
  }

  Result<Microbenchmark> compile(const std::string& name, const std::string& target) {
    const std::string path = "configs/microbenchmarks/" + name + ".cu";
    TRY_ASSIGN(const std::string source, read_file(options_.home / path));
    const auto fault = [&](const std::string& what) { return infrastructure_error(path + ": " + what); };
    auto split = plan::split_source(source);
    if (!split) return fault(split.error().at(0).message);
    auto plan = plan::parse_plan(*split, definition_);
    if (!plan) return fault(plan.error().at(0).message);
    plan::BindInputs inputs;
    inputs.axes = {{"elements", 1024}, {"repeats", 1}};
    const auto bound = plan::bind(*plan, definition_, inputs);
    if (!bound) return fault(bound.error().at(0).message);
    std::set<std::string> names;
    for (const plan::BoundOperation& operation : bound->operations)
      if (const auto* launch = std::get_if<plan::BoundLaunch>(&operation))
        names.insert(launch->name_expression);
    compile::CompileRequest request;
    request.source_name = path;
    request.target = target;
    const std::string prelude = plan::make_prelude(definition_, plan->knobs(), {});
    for (const plan::Unit& unit : split->units)
      request.units.push_back({unit.name, prelude, unit.text, {names.begin(), names.end()}});
    TRY_ASSIGN(auto outcome, compiler_->compile(request));
    if (const auto* failure = outcome.failure()) return fault(failure->message);
    return Microbenchmark{std::move(*split), std::move(*plan),
                          std::move(std::get<compile::CompiledProgram>(outcome.value))};
  }

  Result<void> open_device() {
    TRY_ASSIGN(executor_, options_.open_executor("cuda"));
    if (facts() == nullptr) return infrastructure_error("there is no GPU to measure");
    TRY_ASSIGN(model_, rules::load_device_like(facts()->name, facts()->arch));
    return {};
  }

  const cuda::DeviceFacts* facts() const { return executor_->device(); }
  const rules::DeviceModel& model() const { return model_; }

  // Samples of one call with these axes; `contenders` of the same program.
  template <class Use>
  auto with_sampler(const std::string& name, int64_t elements, int64_t repeats, int contenders, Use use)
      -> decltype(use(std::declval<const timing::TakeBatch&>())) {
    TRY_ASSIGN(const Microbenchmark kernel, compile(name, fmt::format("sm_{}a", facts()->arch)));
    TRY_ASSIGN(auto loaded, executor_->load(units_of(kernel)));
    if (loaded.failure) return infrastructure_error(name + ": " + loaded.failure->message);
    plan::BindInputs inputs;
    inputs.axes = {{"elements", elements}, {"repeats", repeats}};
    inputs.device.arch = facts()->arch;
    inputs.device.sm_count = facts()->sm_count;
    const auto bound = plan::bind(kernel.plan, definition_, inputs);
    if (!bound) return infrastructure_error(name + ": " + bound.error().at(0).message);
    if (const auto failure = loaded.program->check(*bound))
      return infrastructure_error(name + ": " + failure->message);
    // Values that are not all alike: how fast a chip runs depends on how many bits flip.
    std::vector<float> content(static_cast<size_t>(elements));
    Rng rng = Rng::stream(1, "microbenchmark");
    for (float& value : content) value = static_cast<float>(rng.next() >> 40) / 16777216.0f + 0.5f;
    exec::SamplerSetup setup;
    for (int k = 0; k < contenders; ++k) setup.contenders.push_back({loaded.program.get(), &*bound});
    setup.tensors = {{"x", exec::BufferRole::kInput, elements * 4},
                     {"y", exec::BufferRole::kOutput, elements * 4}};
    setup.versions = {{{"x", std::as_bytes(std::span(content))}}};
    setup.profile = cuda::TimingProfile::kStrict;
    setup.secret_seed = 1;
    TRY_ASSIGN(const auto sampler, executor_->open_sampler(setup));
    const timing::TakeBatch take =
        [&](std::span<const cuda::Shot> shots) -> Result<std::vector<cuda::Sample>> {
      TRY_ASSIGN(auto batch, sampler->take(shots));
      if (batch.failure) return infrastructure_error(name + ": " + batch.failure->message);
      return std::move(batch.samples);
    };
    return use(take);
  }

  struct Time {
    double us = 0, clock_mhz = 0;
    timing::TimingMethod method = timing::TimingMethod::kCupti;
  };
  Result<Time> time(const std::string& name, int64_t elements, int64_t repeats) {
    return with_sampler(name, elements, repeats, 1, [&](const timing::TakeBatch& take) -> Result<Time> {
      const std::vector<cuda::Shot> shots(kShots);
      TRY_ASSIGN(const auto samples, timing::take_all(take, shots));
      Time time;
      time.method = timing::method_of(samples);
      const auto reasons = timing::drop_reasons(samples, time.method, nullptr);
      std::vector<double> times_us, clocks;
      for (size_t k = kWarmUp; k < samples.size(); ++k) {
        if (!reasons[k].empty()) continue;
        times_us.push_back(timing::time_us(samples[k], time.method));
        if (samples[k].sm_clock_mhz > 0) clocks.push_back(samples[k].sm_clock_mhz);
      }
      if (times_us.empty()) return infrastructure_error(name + ": no sample counts: " + reasons.back());
      time.us = timing::median(times_us);
      if (!clocks.empty()) time.clock_mhz = timing::median(clocks);
      return time;
    });
  }

  // Units of work a microsecond, between two numbers of repeats.
  Result<double> rate(const std::string& name, int64_t elements, double work_per_repeat, int64_t few,
                      int64_t many, double* clock_mhz = nullptr) {
    TRY_ASSIGN(const Time brief, time(name, elements, few));
    TRY_ASSIGN(const Time lengthy, time(name, elements, many));
    if (clock_mhz != nullptr) *clock_mhz = lengthy.clock_mhz;
    if (lengthy.us <= brief.us)
      return infrastructure_error(fmt::format("{}: {} repeats take {:.2f} us and {} take {:.2f} us", name,
                                              few, brief.us, many, lengthy.us));
    return work_per_repeat * static_cast<double>(many - few) / (lengthy.us - brief.us);
  }

 private:
  static std::vector<exec::CodeUnit> units_of(const Microbenchmark& kernel) {
    std::vector<exec::CodeUnit> units;
    for (const compile::CompiledUnit& unit : kernel.compiled.units)
      units.push_back({unit.name, unit.ptx, unit.cubin, unit.lowered_names});
    return units;
  }

  const EvaluatorOptions& options_;
  trace::Definition definition_;
  std::unique_ptr<compile::Compiler> compiler_;
  std::unique_ptr<exec::Executor> executor_;
  rules::DeviceModel model_;
};

std::string today() {
  const auto now = static_cast<std::time_t>(SystemClock().wall_unix_ms() / 1000);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  return fmt::format("{:04}-{:02}-{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
}

Result<void> measure_rates(Bench& bench, rules::MeasuredDevice& figures) {
  constexpr double kBytes = 1e-3, kFlops = 1e-6;  // a microsecond's bytes in GB/s, its operations in TFLOP/s
  const cuda::DeviceFacts& gpu = *bench.facts();
  const int64_t l2_elements = std::max<int64_t>(gpu.l2_bytes / 4, 1 << 14);
  const int64_t most = gpu.memory_bytes / 4 / 32;
  const int64_t large = std::min(2 * l2_elements, most) / 1024 * 1024;
  TRY_ASSIGN(const Bench::Time half, bench.time("copy", large / 2 / 1024 * 1024, 1));
  TRY_ASSIGN(const Bench::Time whole, bench.time("copy", large, 1));
  if (whole.us <= half.us) return infrastructure_error("copy: twice the bytes take no longer");
  const double more_bytes = static_cast<double>(large - large / 2 / 1024 * 1024) * 8;
  figures.dram_bandwidth_gb_s = more_bytes / (whole.us - half.us) * kBytes;
  figures.method = fmt::format("medians of {} samples by {}, strict profile", kShots - kWarmUp,
                               timing::to_string(whole.method));
  const int64_t cached = std::min(l2_elements, most) / 4 / 1024 * 1024;
  TRY_ASSIGN(const double l2, bench.rate("read_cached", cached, static_cast<double>(cached) * 4, 4, 20));
  figures.l2_bandwidth_gb_s = l2 * kBytes;
  const double warps = gpu.sm_count * 4 * 8;
  TRY_ASSIGN(const double fma, bench.rate("fma", 1024, warps * 32 * 128 * 2, 16, 128, &figures.sm_clock_mhz));
  figures.fma_tflops = fma * kFlops;
  TRY_ASSIGN(const double tensor, bench.rate("tensor", 1024, warps * 16 * (16 * 8 * 16 * 2), 8, 64));
  figures.tensor_bf16_tflops = tensor * kFlops;
  return {};
}

Result<void> measure_launches(Bench& bench, rules::MeasuredDevice& figures) {
  TRY_ASSIGN(const Bench::Time once, bench.time("empty", 1024, 1));
  TRY_ASSIGN(const Bench::Time twice, bench.time("empty_twice", 1024, 1));
  TRY_ASSIGN(const Bench::Time dependent, bench.time("empty_dependent", 1024, 1));
  figures.first_launch_us = once.us;
  figures.next_launch_us = twice.us - once.us;
  figures.dependent_launch_us = std::max(0.0, dependent.us - once.us);
  if (figures.next_launch_us > 0) return {};
  return infrastructure_error(
      fmt::format("two empty launches take {:.2f} us, one takes {:.2f} us", twice.us, once.us));
}

Result<void> measure_noise(Bench& bench, rules::MeasuredDevice& figures) {
  const int64_t elements = std::clamp<int64_t>(bench.facts()->l2_bytes / 16, 1 << 14, 1 << 20) / 1024 * 1024;
  const auto run = [](const timing::TakeBatch& take) {
    Rng rng = Rng::stream(1, "noise floor");
    return timing::measure_noise_floor(take, {0, 1}, timing::DuelOptions(), rng);
  };
  TRY_ASSIGN(const timing::NoiseFloor floor, bench.with_sampler("copy", elements, 1, 2, run));
  figures.noise_floor = floor.relative;
  return {};
}

Json to_json(const DeviceMeasurement& measurement) {
  const rules::MeasuredDevice& figures = measurement.figures;
  return {{"model", figures.model},
          {"toml", rules::to_toml(figures)},
          {"implausible", measurement.implausible},
          {"seconds", measurement.seconds}};
}

int complain(const Error& error) {
  std::cerr << error.message << "\n";
  return 3;
}

}  // namespace

Result<DeviceMeasurement> measure_device(const EvaluatorOptions& options) {
  SystemClock clock;
  const int64_t start_ms = clock.monotonic_ms();
  Bench bench(options);
  TRY(bench.open_compiler());
  TRY(bench.open_device());
  const cuda::DeviceFacts& gpu = *bench.facts();
  DeviceMeasurement measurement;
  rules::MeasuredDevice& figures = measurement.figures;
  figures.model = bench.model().name;
  figures.gpu = gpu.name;
  figures.driver = std::to_string(gpu.driver_version);
  figures.clocks = gpu.clocks;
  figures.date = today();
  TRY(measure_rates(bench, figures));
  TRY(measure_launches(bench, figures));
  TRY(measure_noise(bench, figures));
  // Against the shipped figures, not against an earlier measurement.
  const auto shipped = options.home / "configs" / "devices" / (figures.model + ".toml");
  TRY_ASSIGN(rules::DeviceModel expected, rules::load_device_file(shipped));
  expected.sm_count = gpu.sm_count;
  if (gpu.max_sm_clock_mhz > 0) expected.sm_clock_mhz = gpu.max_sm_clock_mhz;
  measurement.implausible = rules::implausible_figures(figures, expected);
  measurement.seconds = static_cast<double>(clock.monotonic_ms() - start_ms) / 1000;
  return measurement;
}

int measure_device_main(const EvaluatorOptions& options) {
  const auto measurement = measure_device(options);
  if (!measurement) return complain(measurement.error());
  std::cout << dump_json(to_json(*measurement)) << "\n";
  return 0;
}

Result<void> precompile_microbenchmarks(const EvaluatorOptions& options, const std::string& target) {
  Bench bench(options);
  TRY(bench.open_compiler());
  for (const char* name : kKernels) TRY(bench.compile(name, target));
  return {};
}

int precompile_microbenchmarks_main(const EvaluatorOptions& options, const std::string& target) {
  const auto done = precompile_microbenchmarks(options, target);
  return done ? 0 : complain(done.error());
}

}  // namespace warpwright::service
