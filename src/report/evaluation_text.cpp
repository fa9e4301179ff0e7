#include "src/report/evaluation_text.h"

#include <fmt/format.h>

#include "src/report/profile_text.h"

namespace warpwright::report {
namespace {

std::string axes_text(const std::map<std::string, int64_t>& axes) {
  std::string text;
  for (const auto& [name, value] : axes) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text;
}

std::string clock_text(const EvaluationReport& report) {
  const auto calibration = report.versions.find("calibration");
  return calibration == report.versions.end() ? "" : fmt::format("\n  clock: {}", calibration->second);
}

std::string workloads_text(const EvaluationReport& report) {
  const bool timed = !report.timing.method.empty();
  std::string text = fmt::format("\n  {:<24} {:<8} {:>6}  {:<20} {:>10} {:>11}{}\n", "workload", "band",
                                 "counts", "status", "max_abs", "scaled_rms", timed ? "          time" : "");
  for (const WorkloadReport& workload : report.workloads) {
    text += fmt::format("  {:<24} {:<8} {:>6}  {:<20} {:>10.2e} {:>11.2e}", axes_text(workload.axes),
                        workload.band, workload.weight, to_string(workload.status), workload.max_abs,
                        workload.scaled_rms);
    if (workload.latency_us > 0) text += fmt::format(" {:>10.2f} us", workload.latency_us);
    text += "\n";
  }
  if (timed)
    text +=
        fmt::format("  times: {}{}, device {}{}\n", report.timing.method,
                    report.timing.method == "sim-estimate" ? " (a model's estimate, not a measurement)" : "",
                    report.timing.device, clock_text(report));
  return text;
}

std::string kernels_text(const EvaluationReport& report) {
  std::string text = "\n";
  for (const KernelReport& kernel : report.kernels) {
    text += fmt::format("  kernel {}: {} registers, {} B spilled, {} + {} B shared, blocks of {} threads\n",
                        kernel.name, kernel.registers, kernel.spill_bytes, kernel.static_shared_bytes,
                        kernel.dynamic_shared_bytes, kernel.max_threads_per_block);
  }
  return text;
}

}  // namespace

std::string render_evaluation(const EvaluationReport& report, const std::string& candidate) {
  std::string text = fmt::format("{}  {}", to_string(report.status), candidate);
  if (!report.rule.empty()) text += fmt::format("  [{}]", report.rule);
  if (report.lost_race)
    text += fmt::format("  lost its race: its score is at most {:.3f}; other workloads were not run",
                        report.race_bound);
  text += "\n";
  if (!report.message.empty())
    text += fmt::format("  stage {}: {}\n", to_string(report.stage), report.message);
  for (const std::string& evidence : report.evidence) {
    if (evidence == report.message) continue;
    std::string indented = "    ";
    for (char c : evidence) {
      indented += c;
      if (c == '\n') indented += "    ";
    }
    text += indented + "\n";
  }
  if (!report.workloads.empty()) text += workloads_text(report);
  if (!report.kernels.empty()) text += kernels_text(report);
  text += render_launches(report) + render_profile(report);
  for (const std::string& warning : report.warnings) text += fmt::format("  warning: {}\n", warning);
  if (!report.constants.empty())
    text += fmt::format("  scaled: {} instead of the definition's own\n", axes_text(report.constants));
  text += fmt::format("  inputs: {} ({})\n", report.inputs, report.dataset);
  std::string cost;
  for (const auto& [stage, seconds] : report.cost_s) cost += fmt::format("  {} {:.2f} s", stage, seconds);
  if (!cost.empty()) text += "  cost:" + cost + "\n";
  return text;
}

}  // namespace warpwright::report
