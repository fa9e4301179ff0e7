#include "src/cli/gpu_check/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/contract/red_team.h"
#include "src/engine/pool_wait.h"

namespace warpwright::cli {
namespace gpu_check {
namespace fs = std::filesystem;

WorkerSession::WorkerSession(const GpuCheckOptions& options, int count) : options_(options) {
  workers::WorkerSettings settings = engine::local_worker(options.datasets);
  settings.count = count;
  if (!options.precompile.empty())
    settings.set_environment["WARPWRIGHT_WRITE_PRECOMPILED"] = fs::absolute(options.precompile).string();
  pool_ = std::make_unique<workers::WorkerPool>(std::move(settings));
}

Result<HelloMessage> WorkerSession::hello() {
  SystemClock clock;
  if (!hello_) {
    TRY_ASSIGN(hello_, engine::first_hello(*pool_, clock, "auto"));
  }
  return *hello_;
}

Result<std::vector<EvaluationReport>> WorkerSession::run_all(std::vector<EvaluationRequest> requests) {
  SystemClock clock;
  TRY(hello());
  for (EvaluationRequest& request : requests) {
    request.id = std::to_string(next_id_++);
    if (options_.precompile.empty()) continue;
    request.executor = "sim";  // only what the compiler says is wanted
    request.target = options_.target;
    request.device = options_.target.starts_with("sm_9") ? "h100" : "b200";
    request.last_stage = Stage::kCompile;
    request.rival.reset();
  }
  TRY_ASSIGN(auto results, engine::evaluate_all(*pool_, std::move(requests), clock));
  std::vector<EvaluationReport> reports;
  for (workers::RequestFinished& finished : results) {
    workers_lost_ += finished.attempts - 1 + (finished.quarantined ? 1 : 0);
    reports.push_back(std::move(finished.report));
  }
  return reports;
}

Result<EvaluationReport> WorkerSession::run(EvaluationRequest request) {
  TRY_ASSIGN(auto reports, run_all({std::move(request)}));
  return std::move(reports.front());
}

std::string Seed::short_name() const {
  return fs::path(source_name).stem().string();
}

Result<std::vector<Seed>> load_seeds(const GpuCheckOptions& options, const fs::path& home) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator entry(home / "seeds", error), end; !error && entry != end;
       entry.increment(error))
    if (entry->is_directory(error)) folders.push_back(entry->path());
  std::sort(folders.begin(), folders.end());
  std::vector<Seed> seeds;
  for (const fs::path& folder : folders) {
    for (const fs::path& file : list_files(folder, ".cu")) {
      TRY_ASSIGN(LoadedCandidate candidate, load_candidate({file, "", {}, options.datasets}));
      auto parsed = parse_candidate(candidate);
      if (!parsed) return usage_error(parsed.error());
      seeds.push_back({candidate.definition_name, fs::relative(file, home).string(), std::move(candidate),
                       std::move(parsed->plan)});
    }
  }
  if (seeds.empty()) return usage_error(fmt::format("there are no seeds in {}", (home / "seeds").string()));
  return seeds;
}

// What both the device and the simulator can run in seconds: `sim` where that stands for large workloads, else
// the cheapest of the contest's own.
std::string Seed::small_selection() const {
  const auto found = candidate.rules.selections.find("sim");
  const bool has_cases =
      found != candidate.rules.selections.end() && found->second.take == rules::Selection::Take::kCases;
  return has_cases ? "sim" : "smoke";
}

EvaluationRequest Context::request_of(const Seed& seed) const {
  EvaluationRequest request;
  request.source = seed.candidate.source;
  request.source_name = seed.source_name;
  request.definition = seed.definition;
  request.target = request.device = "auto";
  request.executor = options.executor;
  request.selection = seed.small_selection();
  return request;
}

// The same code for the same device: only then can bits be compared.
EvaluationRequest Context::on_simulator(EvaluationRequest request) const {
  request.executor = "sim";
  request.target = hello.target;
  request.device = hello.device_model;
  return request;
}

const Seed& Context::cheap_seed() const {
  const auto found = std::find_if(seeds.begin(), seeds.end(),
                                  [](const Seed& seed) { return seed.definition == kRedTeamDefinition; });
  return found == seeds.end() ? seeds.front() : *found;
}

void Context::progress(const std::string& text) const {
  std::cerr << "  " << text << "\n";
}

std::string axes_text(const std::map<std::string, int64_t>& axes) {
  std::string text;
  for (const auto& [name, value] : axes) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text;
}

std::string knobs_text(const KnobValues& knobs) {
  std::string text;
  for (const auto& [name, value] : knobs)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text.empty() ? "default" : text;
}

const std::vector<Part>& parts() {
  static const std::vector<Part> list = {
      {"machine", "Machine", check_machine},
      {"tests", "Test programs on this driver", check_programs},
      {"red-team", "Red team", check_red_team},
      {"calibration", "Rates of this device", check_calibration},
      {"seeds", "Seeds", check_seeds},
      {"duels", "Noise floor and duels", check_duels},
      {"survival", "Hanging and faulting kernels", check_survival},
      {"sanitizer", "Seeds under compute-sanitizer", check_with_sanitizer},
      {"ranking", "Simulator against hardware: times", check_ranking},
      {"bits", "Simulator against hardware: outputs", check_bits},
      {"flashinfer", "The same kernel under FlashInfer-Bench", check_flashinfer}};
  return list;
}

namespace {

std::string now_text() {
  const auto now = static_cast<std::time_t>(SystemClock().wall_unix_ms() / 1000);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min);
}

Result<std::vector<const Part*>> chosen_parts(const GpuCheckOptions& options) {
  std::vector<const Part*> chosen;
  for (const Part& part : parts())
    if (options.only.empty() || std::count(options.only.begin(), options.only.end(), part.name) > 0)
      chosen.push_back(&part);
  for (const std::string& name : options.only) {
    const auto& all = parts();
    if (std::any_of(all.begin(), all.end(), [&](const Part& part) { return part.name == name; })) continue;
    std::string known;
    for (const Part& part : all) known += fmt::format("{}{}", known.empty() ? "" : ", ", part.name);
    return usage_error(fmt::format("--only {}: there are {}", name, known));
  }
  return chosen;
}

// Nobody may take the fake GPU's clock for a measurement.
bool is_fake() {
  const char* library = std::getenv("WARPWRIGHT_LIBCUDA");
  return library != nullptr && std::string_view(library).find("fake") != std::string_view::npos;
}

// What an earlier command left in the folder for other parts of the same check, if it was of the same device.
Json start_document(const Context& context, const fs::path& path) {
  const bool simulated = context.options.executor == "sim";
  Json document = {
      {"title", simulated   ? "GPU check, run through on the simulator: no time here is measured"
                : is_fake() ? "GPU check, run through on a fake GPU: no time here is measured"
                            : "GPU check"},
      {"date", now_text()},
      {"executor", context.options.executor},
      {"device", simulated ? "simulator, estimates for " + context.hello.device_model : context.hello.device},
      {"times", context.times},
      {"versions", context.hello.versions},
      {"parts", Json::object()}};
  const auto text = read_file(path);
  if (!text) return document;
  const auto earlier = parse_json(*text, path.string());
  if (!earlier || !earlier->is_object() || !earlier->contains("parts")) return document;
  if ((*earlier)["device"] == document["device"] && (*earlier)["title"] == document["title"])
    document["parts"] = (*earlier)["parts"];
  return document;
}

Result<void> write_documents(const Json& document, const fs::path& folder) {
  TRY(write_file_atomic(folder / "gpu-check.json", dump_json(document, 2) + "\n"));
  return write_file_atomic(folder / "gpu-check.md", report::to_markdown(document));
}

// A part's own error is its failure, and the rest goes on; only Ctrl-C ends the check.
Result<PartResult> run_part(const Part& part, Context& context) {
  SystemClock clock;
  const int64_t start_ms = clock.monotonic_ms();
  auto done = part.run(context);
  if (!done && done.error().kind == ErrorKind::kInterrupted) return done;
  PartResult result;
  if (done)
    result = std::move(*done);
  else
    result.fail(done.error().message);
  result.seconds = static_cast<double>(clock.monotonic_ms() - start_ms) / 1000;
  return result;
}

Result<bool> check(const GpuCheckOptions& options) {
  TRY_ASSIGN(const auto chosen, chosen_parts(options));
  TRY_ASSIGN(const fs::path home, find_home());
  TRY_ASSIGN(auto seeds, load_seeds(options, home));
  if (options.quick) {  // the cheapest definition's first and last
    std::erase_if(seeds, [](const Seed& seed) { return seed.definition != kRedTeamDefinition; });
    if (seeds.size() > 2) seeds.erase(seeds.begin() + 1, seeds.end() - 1);
  }
  WorkerSession session(options);
  Context context{options, home, {}, session, std::move(seeds), ""};
  TRY_ASSIGN(context.hello, session.hello());
  if (options.executor == "cuda" && context.hello.executor != "cuda" && !context.precompiles())
    return infrastructure_error(
        fmt::format("there is no usable GPU here ({}); --executor sim runs the same "
                    "check through without one",
                    context.hello.device));
  context.is_fake = options.executor == "cuda" && is_fake();
  context.times = options.executor == "sim" ? "estimates of the simulator"
                  : is_fake()               ? "made up by a fake GPU"
                                            : "measured";
  TRY(warpwright::create_directories(options.out));
  Json document = start_document(context, options.out / "gpu-check.json");
  for (size_t k = 0; k < chosen.size(); ++k) {
    const Part& part = *chosen[k];
    std::cerr << fmt::format("[{}/{}] {}\n", k + 1, chosen.size(), part.title);
    TRY_ASSIGN(const PartResult result, run_part(part, context));
    Json json = report::to_json(result);
    json["title"] = part.title;
    json["order"] = &part - parts().data();
    std::cerr << fmt::format("  {}{}{} ({:.1f} s)\n", json["outcome"].get<std::string>(),
                             result.message.empty() ? "" : ": ", result.message, result.seconds);
    document["parts"][part.name] = std::move(json);
    if (!context.precompiles()) TRY(write_documents(document, options.out));
  }
  if (!context.precompiles())
    std::cout << fmt::format("{}\n{}\n", (options.out / "gpu-check.md").string(),
                             report::verdict_of(document));
  return !report::has_failure(document);
}

}  // namespace
}  // namespace gpu_check

int run_gpu_check(const GpuCheckOptions& options) {
  if (options.executor != "cuda" && options.executor != "sim")
    return report_error({ErrorKind::kUsage, "--executor: cuda or sim"});
  if (!options.precompile.empty() && options.target.empty())
    return report_error({ErrorKind::kUsage, "--precompile: for which --target? sm_90a, sm_100a, ..."});
  const auto done = gpu_check::check(options);
  if (!done) return report_error(done.error());
  return *done ? 0 : 1;
}

}  // namespace warpwright::cli
