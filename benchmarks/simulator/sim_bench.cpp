// How fast the simulator is: ten workloads of tests/golden_kernels/task_workloads.h and two asynchronous ones
// on one core, with checks and counters on, with and without race detection; and the arithmetic of matrix
// tiles alone.
// `--help` lists the options; README.md says how to compare.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "evaluator/compile/child.h"
#include "evaluator/sim/matrix_tile.h"
#include "src/base/files.h"
#include "tests/golden_kernels/async_workloads.h"
#include "tests/golden_kernels/compile_kernel.h"
#include "tests/golden_kernels/task_workloads.h"

namespace warpwright::golden {
namespace {
namespace fs = std::filesystem;

struct Settings {
  std::string ptx_folder, save_folder, target = "compute_100a";
  std::vector<std::string> only;
  int repeats = 5;
  bool json = false, without_races_only = false;
};

struct Case {
  std::string name;
  std::function<Workload()> make;  // late: the largest has half a gigabyte of inputs
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"gdn_decode", [] { return gdn_decode(64, 131); }},
      {"gdn_prefill", [] { return gdn_prefill({2048}, 17); }},
      {"dsa_attn", [] { return dsa_attention(8, 16384, 0, 13); }},
      {"dsa_index", [] { return dsa_index(4, 128, 331); }},
      {"topk", [] { return radix_topk(4, 8192, 2048); }},
      {"moe1", [] { return moe_gemv("moe1", 8, 4096, 7168, 501); }},
      {"moe2", [] { return moe_gemv("moe2", 8, 7168, 2048, 501); }},
      {"sgemm", [] { return sgemm(512, 512, 512); }},
      {"mma_bf16", [] { return mma_bf16(512, 512, 512); }},
      {"mma_fp8", [] { return mma_fp8(8, 4096, 7168, 101); }},
      {"wgmma_bf16", [] { return wgmma_bf16(512, 512, 512, 31); }},
      {"tcgen05_bf16", [] { return tcgen05_bf16(1024, 1024, 1024, 127); }},
  };
  return all;
}

struct Measurement {
  std::string name;
  double plain_seconds = 0, races_seconds = 0;  // medians; races: 0 if not measured
  uint64_t lane_instructions = 0, warp_instructions = 0;
  double giga_lanes() const { return static_cast<double>(lane_instructions) / plain_seconds / 1e9; }
  double overhead() const { return races_seconds / plain_seconds; }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// The file of `folder` that defines the kernel: other people's files have other names.
Result<std::string> ptx_with(const fs::path& folder, const std::string& kernel) {
  for (const fs::path& file : list_files(folder, ".ptx")) {
    TRY_ASSIGN(std::string text, read_file(file));
    if (text.find(".entry " + kernel + "(") != std::string::npos) return text;
  }
  return usage_error(fmt::format("no .ptx file in {} has `.entry {}(`", folder.string(), kernel));
}

// For the target asked for, where the source can be compiled for it.
Result<std::string> compiled_ptx(const Settings& settings, const Workload& workload) {
  const std::string& source = workload.source;
  const std::vector<std::string>& targets = workload.targets;
  const bool fits = std::count(targets.begin(), targets.end(), settings.target) > 0;
  compile::CompilerOptions options;
  options.worker = fs::read_symlink("/proc/self/exe");
  options.cache_folder = compile::default_cache_folder();
  TRY_ASSIGN(auto compiler, compile::Compiler::create(std::move(options)));
  TRY_ASSIGN(const std::string text, read_file(kernel_folder() / (source + ".cu")));
  TRY_ASSIGN(std::string ptx,
             compile_to_ptx(compiler, source + ".cu", text, fits ? settings.target : targets.front()));
  if (!settings.save_folder.empty())
    TRY(write_file_atomic(fs::path(settings.save_folder) / (source + ".ptx"), ptx));
  return ptx;
}

Result<Measurement> measure(const Settings& settings, const Case& one) {
  const Workload workload = one.make();
  TRY_ASSIGN(const std::string ptx, settings.ptx_folder.empty()
                                        ? compiled_ptx(settings, workload)
                                        : ptx_with(settings.ptx_folder, workload.steps.at(0).kernel));
  TRY_ASSIGN(const auto program, load_ptx(ptx));
  Measurement m{one.name};
  std::vector<double> seconds[2];
  for (int repeat = 0; repeat < settings.repeats; ++repeat) {
    for (const bool races : {false, true}) {
      if (races && settings.without_races_only) continue;
      sim::Options options;
      options.warp_instruction_budget = UINT64_MAX;
      options.detect_races = races;
      const Outcome outcome = run(workload, *program, options);
      if (const std::string faults = outcome.text(); !faults.empty())
        return usage_error(faults.substr(0, faults.size() - 1));
      seconds[races].push_back(outcome.seconds);
      m.lane_instructions = outcome.reports.at(0).counters.lane_instructions;
      m.warp_instructions = outcome.reports.at(0).counters.warp_instructions;
    }
  }
  m.plain_seconds = median(seconds[0]);
  if (!settings.without_races_only) m.races_seconds = median(seconds[1]);
  return m;
}

void print(const Measurement& m) {
  fmt::print("{:<12} {:>9.4f} {:>9.4f} {:>9.2f} {:>11.2f} {:>10.1f} {:>10.2f}\n", m.name, m.plain_seconds,
             m.races_seconds, m.overhead(), m.giga_lanes(), static_cast<double>(m.lane_instructions) / 1e6,
             m.plain_seconds * 1e9 / static_cast<double>(m.warp_instructions));
  std::fflush(stdout);
}

nlohmann::json to_json(const Measurement& m) {
  return {{"name", m.name},
          {"seconds", m.plain_seconds},
          {"seconds_with_races", m.races_seconds},
          {"lane_instructions", m.lane_instructions},
          {"warp_instructions", m.warp_instructions},
          {"giga_lane_instructions_per_second", m.giga_lanes()}};
}

// bf16 tiles of tcgen05 as they lie in shared memory (128-byte swizzle, K-major): the product alone, and with
// reading the operands. GFLOP/s of this core.
void print_tiles() {
  constexpr int kM = 128, kN = 256, kK = 16, kTimes = 2000;
  const sim::TileLayout layout{0, 16, 1024, sim::TileSwizzle::k128, 0, true};
  std::vector<std::byte> shared(size_t{kN} * 128, std::byte{0x3c});
  const sim::TileShape shape_a{sim::ElementType::kBf16, false, kM, kK},
      shape_b{sim::ElementType::kBf16, false, kN, kK};
  const auto chunks_a = sim::tile_chunks(layout, shape_a), chunks_b = sim::tile_chunks(layout, shape_b);
  std::vector<float> a(size_t{kM} * kK), b(size_t{kN} * kK), d(size_t{kM} * kN);
  for (const bool loads : {false, true}) {
    const auto begin = std::chrono::steady_clock::now();
    for (int time = 0; time < kTimes; ++time) {
      if (loads || time == 0) {
        sim::load_tile(shared.data(), layout, shape_a, chunks_a, a.data());
        sim::load_tile(shared.data(), layout, shape_b, chunks_b, b.data());
      }
      sim::multiply_tile(kM, kN, kK, a.data(), b.data(), d.data(), kM);
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    fmt::print("tile m{}n{}k{} bf16{:<22} {:>6.1f} GFLOP/s\n", kM, kN, kK,
               loads ? ", operands read" : ", product alone",
               2.0 * kM * kN * kK * kTimes / seconds.count() / 1e9);
  }
}

int bench(const Settings& settings) {
  std::vector<Measurement> done;
  int failures = 0;
  if (!settings.json)
    fmt::print("{:<12} {:>9} {:>9} {:>9} {:>11} {:>10} {:>10}\n", "workload", "plain s", "races s", "ratio",
               "G lanes/s", "M lanes", "ns/warp");
  for (const Case& one : cases()) {
    if (!settings.only.empty() && std::count(settings.only.begin(), settings.only.end(), one.name) == 0)
      continue;
    const Result<Measurement> m = measure(settings, one);
    if (!m) {
      fmt::print(stderr, "{}: {}\n", one.name, m.error().message);
      ++failures;
      continue;
    }
    done.push_back(*m);
    if (!settings.json) print(*m);
  }
  double plain = 0, races = 0;
  for (const Measurement& m : done) {
    plain += m.plain_seconds;
    races += m.races_seconds;
  }
  if (settings.json) {
    nlohmann::json all = nlohmann::json::array();
    for (const Measurement& m : done) all.push_back(to_json(m));
    fmt::print("{}\n",
               nlohmann::json{{"seconds", plain}, {"seconds_with_races", races}, {"workloads", all}}.dump(2));
  } else {
    fmt::print("{:<12} {:>9.4f} {:>9.4f} {:>9.2f}\n", "all", plain, races, races / plain);
    if (settings.only.empty()) print_tiles();
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace warpwright::golden

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "compile-child") == 0)
    return warpwright::compile::compile_child_main();
  warpwright::golden::Settings settings;
  CLI::App app("Times the simulator on twelve workloads, one core.", "sim_bench");
  app.add_option("--ptx-dir", settings.ptx_folder,
                 "run the PTX files of this folder instead of compiling ours");
  app.add_option("--save-ptx", settings.save_folder, "write the PTX we compiled to this folder");
  app.add_option("--target", settings.target, "what to compile for")->capture_default_str();
  app.add_option("--only", settings.only, "names of workloads")->delimiter(',');
  app.add_option("--repeats", settings.repeats, "runs of which the median counts")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", settings.json, "one JSON object on standard output");
  app.add_flag("--no-races", settings.without_races_only, "leave out the runs with race detection");
  CLI11_PARSE(app, argc, argv);
  return warpwright::golden::bench(settings);
}
