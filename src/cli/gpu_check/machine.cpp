// The parts that are about the machine: what it is, programs that test its driver, the red team, its rates.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/cli/gpu_check/check.h"
#include "src/cli/measure.h"
#include "src/contract/red_team.h"

namespace warpwright::cli::gpu_check {
namespace fs = std::filesystem;
namespace {

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

PartResult skipped(std::string why) {
  PartResult result;
  result.outcome = PartResult::Outcome::kSkipped;
  result.message = std::move(why);
  return result;
}

SubprocessOptions program(std::vector<std::string> argv) {
  SubprocessOptions options;
  options.argv = std::move(argv);
  for (const std::string& name : workers::WorkerSettings().keep_environment)
    options.keep_environment.push_back(name);
  options.keep_environment.emplace_back("WARPWRIGHT_WORKER");
  return options;
}

}  // namespace

Result<PartResult> check_machine(Context& context) {
  PartResult result;
  Table facts{"Facts", {"what", "value"}, {}};
  facts.rows.push_back({"device", context.hello.device});
  facts.rows.push_back({"model", context.hello.device_model});
  facts.rows.push_back({"target", context.hello.target});
  facts.rows.push_back({"cores", std::to_string(std::thread::hardware_concurrency())});
  for (const auto& [name, version] : context.hello.versions) facts.rows.push_back({name, version});
  auto smi =
      run_to_completion(program({"nvidia-smi",
                                 "--query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit,"
                                 "persistence_mode,mig.mode.current",
                                 "--format=csv,noheader"}),
                        "", 20'000, 1 << 16);
  if (smi && smi->status.success() && context.options.executor == "cuda")
    facts.rows.push_back({"nvidia-smi", last_line(smi->stdout_text)});
  result.tables.push_back(std::move(facts));
  return result;
}

Result<PartResult> check_programs(Context& context) {
  if (context.precompiles()) return skipped("nothing to compile");
  if (context.options.executor == "sim") return skipped("there is no driver to test");
  PartResult result;
  Table table{"Programs", {"program", "result"}, {}};
  for (const char* name : {"cuda_engine_test", "cuda_test"}) {
    const fs::path path = program_directory() / name;
    if (::access(path.c_str(), X_OK) != 0) continue;
    context.progress(name);
    auto options = program({path.string()});
    options.set_environment["WARPWRIGHT_HOME"] = context.home.string();
    if (context.options.quick) options.argv.emplace_back("--gtest_filter=Engine*:Sampler*:Driver*:Cupti*");
    TRY_ASSIGN(const auto done, run_to_completion(options, "", 240'000, 16 << 20));
    table.rows.push_back({name, done.timed_out ? "did not end within 240 s" : last_line(done.stdout_text)});
    if (!done.status.success())
      result.fail(fmt::format("{} {}: {}", name, done.status.describe(), last_line(done.stdout_text)));
  }
  if (table.rows.empty()) return skipped("no test programs beside this one");
  result.tables.push_back(std::move(table));
  return result;
}

// As a process of its own, so that the same verdict is reached as by hand.
Result<PartResult> check_red_team(Context& context) {
  if (context.options.quick && !context.precompiles()) return skipped("left out with --quick");
  if (context.precompiles()) {
    TRY_ASSIGN(const auto kernels, read_red_team(context.home));
    std::vector<EvaluationRequest> requests;
    for (const RedTeamKernel& kernel : kernels) requests.push_back(red_team_request(kernel));
    TRY(context.session.run_all(std::move(requests)));
    return PartResult();
  }
  const fs::path self = program_directory() / "warpwright";
  TRY_ASSIGN(const auto done, run_to_completion(program({self.string(), "doctor", "--red-team", "--executor",
                                                         context.options.executor, "--json"}),
                                                "", 580'000, 16 << 20));
  PartResult result;
  if (done.timed_out) {
    result.fail("the red team did not end within 580 s");
    return result;
  }
  TRY_ASSIGN(const Json json,
             parse_json(done.stdout_text, "doctor --red-team: " + last_line(done.stderr_text)));
  Table table{
      "Kernels that were judged otherwise than expected", {"kernel", "expected", "got", "standing"}, {}};
  for (const Json& kernel : json.value("kernels", Json::array())) {
    const std::string standing = kernel.value("standing", "");
    if (standing != "ok")
      table.rows.push_back(
          {kernel.value("kernel", ""), kernel.value("expected", ""), kernel.value("got", ""), standing});
  }
  result.message = fmt::format("{} kernels, {} as expected", json.value("kernels", Json::array()).size(),
                               json.value("kernels", Json::array()).size() - table.rows.size());
  if (!table.rows.empty()) result.tables.push_back(std::move(table));
  if (!done.status.success()) result.fail("this evaluator is not to be believed here");
  return result;
}

Result<PartResult> check_calibration(Context& context) {
  if (context.precompiles()) {
    auto options =
        program({engine::default_worker_path(), "precompile-microbenchmarks", context.options.target});
    options.set_environment["WARPWRIGHT_WRITE_PRECOMPILED"] =
        fs::absolute(context.options.precompile).string();
    TRY_ASSIGN(const auto done, run_to_completion(options, "", 300'000, 1 << 20));
    if (!done.status.success()) return infrastructure_error(last_line(done.stderr_text));
    return PartResult();
  }
  if (context.options.executor == "sim") return skipped("the simulator has no clock");
  TRY_ASSIGN(const MeasuredHere measured, measure_here());
  PartResult result;
  Table table{fmt::format("Rates and launch costs ({})", context.times), {"what", "value"}, {}};
  for (const auto& [what, value] : figures_text(measured.figures)) table.rows.push_back({what, value});
  result.tables.push_back(std::move(table));
  if (measured.implausible.empty()) {
    TRY_ASSIGN(const fs::path path, store(measured));
    result.notes.push_back(
        fmt::format("Stored in {}; estimates and the physical floor read them.", path.string()));
  } else if (context.is_fake) {
    result.message = "not stored, as it should be of a fake GPU: " + measured.implausible;
  } else {
    result.fail("not stored: " + measured.implausible);
  }
  return result;
}

// Its own command line, in a folder made for it; what it prints is quoted, since its output changes with its
// versions.
Result<PartResult> check_flashinfer(Context& context) {
  if (context.precompiles()) return skipped("nothing to compile");
  auto probe = run_to_completion(
      program(
          {"python3", "-c", "import flashinfer_bench as f; print(getattr(f, '__version__', 'no version'))"}),
      "", 120'000, 1 << 16);
  if (!probe || !probe->status.success())
    return skipped("python3 cannot import flashinfer_bench here, so there is nothing to compare with");
  if (context.options.executor == "sim") return skipped("it needs a GPU");
  const Seed& seed = context.cheap_seed();
  const fs::path folder = context.options.out / "flashinfer-bench";
  const fs::path solution = folder / "solutions" / seed.definition;
  std::error_code error;
  for (const char* part : {"definitions", "workloads"})
    fs::copy(seed.candidate.loaded.dataset / part, folder / part,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
  if (error) return infrastructure_error(fmt::format("{}: {}", folder.string(), error.message()));
  TRY_ASSIGN(const auto exported,
             run_to_completion(
                 program({(program_directory() / "warpwright").string(), "export",
                          (context.home / seed.source_name).string(), "--out", solution.string(), "--force"}),
                 "", 120'000, 1 << 20));
  if (!exported.status.success()) return infrastructure_error(last_line(exported.stderr_text));
  SystemClock clock;
  const int64_t start_ms = clock.monotonic_ms();
  TRY_ASSIGN(const auto done,
             run_to_completion(program({"flashinfer-bench", "run", "--local", folder.string()}), "", 400'000,
                               4 << 20));
  PartResult result;
  result.message = fmt::format("flashinfer-bench {}: {} in {:.1f} s for {}", last_line(probe->stdout_text),
                               done.timed_out ? "killed" : done.status.describe(),
                               static_cast<double>(clock.monotonic_ms() - start_ms) / 1000, seed.source_name);
  result.notes.push_back("Its last line: " +
                         last_line(done.stdout_text.empty() ? done.stderr_text : done.stdout_text));
  if (done.timed_out || !done.status.success()) result.fail(result.message);
  return result;
}

}  // namespace warpwright::cli::gpu_check
