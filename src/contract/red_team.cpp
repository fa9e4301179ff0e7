#include "src/contract/red_team.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/files.h"
#include "src/base/hash.h"

namespace warpwright {
namespace {

namespace fs = std::filesystem;

// A cheat that only the clock can judge scores if it is faster than its honest twin by more than noise.
constexpr double kFasterThanItsTwin = 0.9;

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Result<void> set_field(RedTeamKernel& kernel, std::string_view key, std::string value) {
  struct Field {
    std::string_view key;
    std::string RedTeamKernel::*member;
  };
  static constexpr Field kFields[] = {
      {"cheat", &RedTeamKernel::cheat},         {"applies", &RedTeamKernel::applies},
      {"expect", &RedTeamKernel::expected},     {"on cuda", &RedTeamKernel::expected_on_cuda},
      {"message", &RedTeamKernel::message},     {"warning", &RedTeamKernel::warning},
      {"workloads", &RedTeamKernel::selection}, {"twin", &RedTeamKernel::twin}};
  if (key == "beats" || key == "resembles") return {};
  for (const Field& field : kFields) {
    if (field.key != key) continue;
    kernel.*field.member = std::move(value);
    return {};
  }
  return usage_error(fmt::format("{}.cu: unknown first line '// {}:'", kernel.name, key));
}

std::string status_text(const EvaluationReport& report) {
  const std::string status(to_string(report.status));
  return report.rule.empty() ? status : status + " " + report.rule;
}

double weighted_latency_us(const EvaluationReport& report) {
  double sum = 0;
  for (const WorkloadReport& workload : report.workloads) sum += workload.weight * workload.latency_us;
  return sum;
}

bool says(const std::vector<std::string>& lines, const std::string& text) {
  return text.empty() || std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
           return line.find(text) != std::string::npos;
         });
}

RedTeamVerdict judge_passed_villain(const RedTeamKernel& kernel, const EvaluationReport& report,
                                    const EvaluationReport* twin, std::string_view executor,
                                    RedTeamVerdict verdict) {
  if (kernel.expected_on(executor) != "PASSED" || kernel.twin.empty()) {
    verdict.standing = Standing::kScores;
    verdict.why = "it passed";
    return verdict;
  }
  if (twin == nullptr || twin->status != Status::kPassed) {
    verdict.why = fmt::format("its twin {} was not timed", kernel.twin);
    return verdict;
  }
  const double mine = weighted_latency_us(report), its = weighted_latency_us(*twin);
  verdict.standing = mine < kFasterThanItsTwin * its ? Standing::kScores : Standing::kAsExpected;
  if (verdict.standing == Standing::kScores)
    verdict.why = fmt::format("it takes {:.2f} of the time of its honest twin {}", mine / its, kernel.twin);
  else if (!says(report.warnings, kernel.warning))
    verdict.why = fmt::format("no warning says '{}'", kernel.warning);
  return verdict;
}

}  // namespace

Result<RedTeamKernel> parse_red_team_kernel(const std::string& name, bool is_villain, std::string source) {
  RedTeamKernel kernel;
  kernel.name = name;
  kernel.is_villain = is_villain;
  std::string_view rest = source;
  for (std::string_view line = take_line(rest); line.starts_with("// "); line = take_line(rest)) {
    line.remove_prefix(3);
    const size_t colon = line.find(": ");
    if (kernel.title.empty()) {
      kernel.title = line;
    } else if (colon == std::string_view::npos) {
      return usage_error(fmt::format("{}.cu: its first lines must be '// key: value'", name));
    } else {
      TRY(set_field(kernel, line.substr(0, colon), std::string(line.substr(colon + 2))));
    }
  }
  if (kernel.applies != "both" && kernel.applies != "sim" && kernel.applies != "cuda")
    return usage_error(fmt::format("{}.cu: applies: sim, cuda or both", name));
  if (!status_from_string(kernel.expected.substr(0, kernel.expected.find(' '))))
    return usage_error(fmt::format("{}.cu: expect: {} is no verdict", name, kernel.expected));
  kernel.source = std::move(source);
  return kernel;
}

Result<std::vector<RedTeamKernel>> read_red_team(const fs::path& home) {
  std::vector<RedTeamKernel> kernels;
  for (const bool is_villain : {true, false}) {
    const fs::path folder = home / "evaluator" / "testdata" / (is_villain ? "villains" : "honest");
    const std::vector<fs::path> files = list_files(folder, ".cu");
    if (files.empty())
      return usage_error(fmt::format("{}: the red team's kernels are missing", folder.string()));
    for (const fs::path& file : files) {
      TRY_ASSIGN(std::string text, read_file(file, 4 << 20));
      TRY_ASSIGN(RedTeamKernel kernel, parse_red_team_kernel(file.stem(), is_villain, std::move(text)));
      kernels.push_back(std::move(kernel));
    }
  }
  return kernels;
}

std::string red_team_hash(const std::vector<RedTeamKernel>& kernels) {
  FieldHasher hasher;
  for (const RedTeamKernel& kernel : kernels) hasher.add(kernel.name).add(kernel.source);
  return hasher.hex();
}

EvaluationRequest red_team_request(const RedTeamKernel& kernel) {
  EvaluationRequest request;
  request.id = kernel.name;
  request.source = kernel.source;
  request.source_name = kernel.name + ".cu";
  request.definition = kRedTeamDefinition;
  request.selection = kernel.selection;
  request.limits.warp_instructions = 20'000'000;
  request.limits.evaluation_deadline_ms = 300'000;
  if (kernel.cheat == "k") request.limits.call_deadline_ms = 3000;  // a hang costs the whole of it on a GPU
  return request;
}

RedTeamVerdict judge_red_team(const RedTeamKernel& kernel, const EvaluationReport& report,
                              const EvaluationReport* twin, std::string_view executor) {
  RedTeamVerdict verdict;
  verdict.got = status_text(report);
  if (report.status == Status::kWorkerLost) {
    verdict.why = report.message;
    return verdict;
  }
  const bool passed = report.status == Status::kPassed;
  if (!kernel.is_villain) {
    verdict.standing = passed ? Standing::kAsExpected : Standing::kHonestRefused;
    if (!passed) verdict.why = report.message;
    return verdict;
  }
  if (passed) return judge_passed_villain(kernel, report, twin, executor, std::move(verdict));
  const std::string& expected = kernel.expected_on(executor);
  // On a device the words are the driver's.
  const bool as_said = executor != "sim" || report.message.find(kernel.message) != std::string::npos;
  const bool same = verdict.got == expected && as_said;
  verdict.standing = same ? Standing::kAsExpected : Standing::kOtherwiseRefused;
  if (!same) verdict.why = fmt::format("expected {} [{}]: {}", expected, kernel.message, report.message);
  return verdict;
}

}  // namespace warpwright
