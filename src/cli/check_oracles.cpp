// warpwright doctor --check-oracles: the worker holds its oracles against the definitions' own references.
#include <fmt/format.h>

#include <iostream>
#include <sstream>

#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/cli/commands.h"
#include "src/engine/evaluate_once.h"

namespace warpwright::cli {
namespace {

constexpr int64_t kDeadlineMs = 1'800'000;

Result<CompletedProcess> ask_worker(const DoctorOptions& options) {
  SubprocessOptions process;
  process.argv = {engine::default_worker_path(), "check-oracles"};
  const auto settings = engine::local_worker(options.datasets);
  process.argv.insert(process.argv.end(), settings.arguments.begin(), settings.arguments.end());
  if (!options.definition.empty())
    process.argv.insert(process.argv.end(), {"--definition", options.definition});
  if (options.seed) process.argv.insert(process.argv.end(), {"--seed", std::to_string(*options.seed)});
  process.keep_environment.insert(process.keep_environment.end(), settings.keep_environment.begin(),
                                  settings.keep_environment.end());
  TRY_ASSIGN(CompletedProcess done, run_to_completion(process, "", kDeadlineMs, 16 << 20));
  if (done.timed_out) return infrastructure_error("checking the oracles took more than 30 minutes");
  const bool judged = done.status.signal == 0 && (done.status.code == 0 || done.status.code == 1);
  if (judged) return done;
  std::string line = done.stderr_text;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  line = line.substr(line.rfind('\n') + 1);
  if (line.empty()) line = "check-oracles " + done.status.describe();
  return tl::unexpected(
      Error{done.status.code == 2 ? ErrorKind::kUsage : ErrorKind::kInfrastructure, std::move(line)});
}

std::string axes_text(const Json& axes) {
  std::string text;
  for (const auto& [name, value] : axes.items())
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value.dump());
  return text;
}

void print_line(const Json& line) {
  const std::string size = line.at("reduced").get<bool>() ? ", reduced size" : "";
  std::cout << fmt::format("{:<11} {}  {}{}, inputs '{}': scaled rms {:.1e}, max {:.1e} ({:.1f} s)\n",
                           line.at("status").get<std::string>(), line.at("family").get<std::string>(),
                           axes_text(line.at("axes")), size, line.at("profile").get<std::string>(),
                           line.at("scaled_rms").get<double>(), line.at("max_abs").get<double>(),
                           line.at("seconds").get<double>());
  if (const auto message = line.at("message").get<std::string>(); !message.empty())
    std::cout << "            " << message << "\n";
}

Result<int> check_oracles(const DoctorOptions& options) {
  TRY_ASSIGN(const CompletedProcess done, ask_worker(options));
  Json all = Json::array();
  std::map<std::string, int> counts;
  std::istringstream lines(done.stdout_text);
  for (std::string text; std::getline(lines, text);) {
    TRY_ASSIGN(Json line, parse_json(text, "check-oracles"));
    if (line.contains("status")) ++counts[line.at("status").get<std::string>()];
    if (options.form == OutputForm::kText && line.contains("status")) print_line(line);
    if (options.form == OutputForm::kText && line.contains("python"))
      std::cout << fmt::format("{}, seed {}\n", line.at("python").get<std::string>(), line.at("seed").dump());
    all.push_back(std::move(line));
  }
  if (options.form == OutputForm::kJson)
    std::cout << dump_json(all, 2) << "\n";
  else
    std::cout << fmt::format("\n{} workloads agree, {} differ, {} could not be run\n", counts["agrees"],
                             counts["differs"], counts["cannot run"]);
  return counts["differs"] > 0 ? 1 : 0;
}

}  // namespace

int run_check_oracles(const DoctorOptions& options) {
  auto done = check_oracles(options);
  return done ? *done : report_error(done.error());
}

}  // namespace warpwright::cli
