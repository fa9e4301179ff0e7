// search_bench: decisions per second, memory, file size and resume time of the search engine at several sizes
// of the population (README.md beside this file). Every figure is of a process of its own.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "benchmarks/search/device_share.h"
#include "benchmarks/search/run.h"
#include "src/base/files.h"
#include "src/base/json.h"

namespace {
using namespace warpwright;
using namespace warpwright::bench;
namespace fs = std::filesystem;

const std::map<std::string, Variant> kVariants = {
    {"tune", Variant::kTune}, {"scripted", Variant::kScripted}, {"agent", Variant::kAgent}};

std::string name_of(Variant variant) {
  for (const auto& [name, value] : kVariants)
    if (value == variant) return name;
  return "";
}

struct Options {
  Settings settings;
  std::vector<std::string> variants = {"tune", "scripted", "agent"};
  std::vector<int64_t> sizes = {100, 1000, 5000};
  int runs = 5;
  int64_t decisions = 1000;
  int64_t step = 0;
  fs::path folder, json;
  bool share_only = false;
  ShareSettings share;
};

Json to_json(const Figures& f) {
  return {{"open_s", f.open_s},
          {"first_decision_s", f.first_decision_s},
          {"decisions_per_s", f.decisions_per_s},
          {"cpu_us", f.cpu_us},
          {"decisions", f.decisions},
          {"applied", f.applied},
          {"population", f.population},
          {"evaluations", f.evaluations},
          {"failed_proposals", f.failed_proposals},
          {"evaluator_share", f.evaluator_share},
          {"resident_mb_open", f.resident_mb_open},
          {"peak_mb", f.peak_mb},
          {"file_mb", f.file_mb}};
}

// This program again, for one stretch of one run.
Result<Json> in_a_process(const Settings& settings, const fs::path& folder, int64_t decisions) {
  const std::string command =
      fmt::format("'{}' --step {} --tail {} --variant {} --window {} --source-bytes {} {} --folder '{}'",
                  (program_directory() / "search_bench").string(), decisions, settings.tail,
                  name_of(settings.variant), settings.window, settings.source_bytes,
                  settings.simulated_reports ? "--simulated-reports" : "", folder.string());
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return infrastructure_error("cannot start " + command);
  std::string text;
  char buffer[4096];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, got);
  if (::pclose(pipe) != 0) return infrastructure_error(command + " failed");
  return parse_json(text, "a run's figures");
}

constexpr int64_t kTail = 1000;  // more than one group of events that share a commit

struct Spread {
  double low = 0, median = 0, high = 0;
};
Spread spread_of(const std::vector<Json>& runs, const char* key) {
  std::vector<double> values;
  for (const Json& run : runs) values.push_back(run.at(key));
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

constexpr const char* kHead = "{:<9}{:>8} |{:>8}{:>8}{:>8} |{:>8} |{:>10}{:>12} |{:>8}{:>8}{:>8} |{:>10}\n";

void print_head() {
  fmt::print(fmt::runtime(kHead), "", "applied", "decis-", "ions", "per s", "CPU", "to the", "to the first",
             "MB", "MB", "MB of", "evaluator");
  fmt::print(fmt::runtime(kHead), "variant", "before", "least", "median", "most", "us each", "state, s",
             "decision, s", "opened", "peak", "files", "% of CPU");
}

void print_row(const std::string& variant, int64_t size, const std::vector<Json>& runs) {
  const auto median = [&](const char* key) { return spread_of(runs, key).median; };
  const Spread rate = spread_of(runs, "decisions_per_s");
  fmt::print(
      "{:<9}{:>8} |{:>8.0f}{:>8.0f}{:>8.0f} |{:>8.0f} |{:>10.3f}{:>12.3f} |{:>8.1f}{:>8.1f}{:>8.1f} "
      "|{:>10.1f}\n",
      variant, size, rate.low, rate.median, rate.high, median("cpu_us"), median("open_s"),
      median("first_decision_s"), median("resident_mb_open"), median("peak_mb"), median("file_mb"),
      100 * median("evaluator_share"));
  std::fflush(stdout);
}

Result<void> measure(const Options& options, const Settings& settings, Json& all) {
  const std::string variant = name_of(settings.variant);
  const fs::path grown = options.folder / variant;
  int64_t applied = 0;
  for (const int64_t size : options.sizes) {
    if (size > applied) {
      TRY_ASSIGN(const Json figures, in_a_process(settings, grown, size - applied));
      applied = size;
    }
    std::vector<Json> runs;
    Settings timed = settings;
    timed.tail = kTail;
    for (int i = 0; i < (size > 20'000 ? std::min(options.runs, 3) : options.runs); ++i) {
      const fs::path copy = options.folder / "copy";
      fs::remove_all(copy);
      fs::copy(grown, copy);
      ::sync();  // or the disk would be busy with the copy while the run is timed
      TRY_ASSIGN(runs.emplace_back(), in_a_process(timed, copy, options.decisions));
      fs::remove_all(copy);
    }
    print_row(variant, size, runs);
    all[variant][std::to_string(size)] = runs;
  }
  return {};
}

Result<void> measure_all(const Options& options) {
  Json all = Json::object();
  fmt::print("window {}, sources of {} bytes, {} reports; {} decisions a run, median of {} runs\n\n",
             options.settings.window, options.settings.source_bytes,
             options.settings.simulated_reports ? "simulated" : "measured", options.decisions, options.runs);
  print_head();
  for (const std::string& name : options.variants) {
    Settings settings = options.settings;
    settings.variant = kVariants.at(name);
    TRY(measure(options, settings, all));
  }
  if (!options.json.empty()) TRY(write_file_atomic(options.json, dump_json(all, 2) + "\n"));
  return {};
}

Result<void> print_share(const ShareSettings& settings) {
  fmt::print(
      "one evaluator, evaluations of {:g} s, a model of {:g} s (+- {:.0f} %), {} calls and {} tickets at "
      "once\n",
      settings.evaluation_s, settings.model_s, 100 * settings.jitter, settings.calls, settings.window);
  TRY_ASSIGN(const Share share, device_share(settings));
  fmt::print(
      "  device busy {:.1f} % (by the stage ledger {:.1f} %), {:.2f} decisions/s, {:.1f} calls in flight,"
      " {:.1f} % of a core\n  {}\n",
      100 * share.busy, 100 * share.ledger_busy, share.decisions_per_s, share.calls_in_flight,
      100 * share.cpu_share, share.verdict);
  return {};
}

Result<void> dispatch(Options options) {
  if (options.share_only) return print_share(options.share);
  if (options.step > 0) {
    options.settings.variant = kVariants.at(options.variants.at(0));
    const int64_t warm_up = std::min<int64_t>(options.step / 2, 2 * options.settings.window);
    TRY_ASSIGN(const Figures figures, run(options.settings, options.folder, options.step, warm_up));
    fmt::print("{}\n", dump_json(to_json(figures)));
    return {};
  }
  if (!options.folder.empty()) return measure_all(options);
  TRY_ASSIGN(const TempDirectory temporary, TempDirectory::create());
  options.folder = temporary.path();
  return measure_all(options);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Decisions per second, memory and resume time of the search engine"};
  app.add_option("--variant", options.variants, "tune, scripted, agent")->check(CLI::IsMember(kVariants));
  app.add_option("--size", options.sizes, "applied candidates before the measurement");
  app.add_option("--runs", options.runs, "of which the median is taken");
  app.add_option("--decisions", options.decisions, "of one run");
  auto* window =
      app.add_option("--window", options.settings.window, "tickets in flight: 64; with --device-share 24");
  app.add_option("--source-bytes", options.settings.source_bytes, "of a candidate");
  app.add_flag("--simulated-reports", options.settings.simulated_reports, "with counters, twenty kilobytes");
  app.add_option("--folder", options.folder, "where runs are kept; default: a temporary one");
  app.add_option("--json", options.json, "write all figures there");
  app.add_flag("--device-share", options.share_only,
               "how busy one evaluator is kept by a slow model, instead");
  app.add_option("--calls", options.share.calls, "of it: model calls at once");
  app.add_option("--model-s", options.share.model_s, "of it: seconds of an answer");
  app.add_option("--evaluation-s", options.share.evaluation_s, "of it: seconds of an evaluation");
  app.add_option("--jitter", options.share.jitter, "of it: of the answers' times, 0 to 1");
  app.add_option("--seconds", options.share.seconds, "of it: how long it is measured");
  app.add_option("--step", options.step, "one stretch of so many decisions in --folder, figures as JSON");
  app.add_option("--tail", options.settings.tail, "of it: decisions behind it that are not timed");
  CLI11_PARSE(app, argc, argv);
  if (window->count() > 0) options.share.window = options.settings.window;
  if (const auto done = dispatch(options); !done) {
    fmt::print(stderr, "search_bench: {}\n", done.error().message);
    return 1;
  }
  return 0;
}
