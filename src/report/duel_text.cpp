#include "src/report/duel_text.h"

#include <fmt/format.h>

#include "src/base/check.h"

namespace warpwright::report {
namespace {

std::string axes_text(const std::map<std::string, int64_t>& axes) {
  std::string text;
  for (const auto& [name, value] : axes) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text;
}

bool is_estimate(const DuelReport& duel) {
  return duel.method == "sim-estimate";
}

std::string interval_text(double low, double high) {
  return low == high ? "" : fmt::format("{:.4f} to {:.4f}", low, high);
}

std::string ratio_text(const DuelReport& duel) {
  std::string text = fmt::format("  A/B = {:.4f}", duel.ratio);
  if (is_estimate(duel))
    return text + fmt::format(", estimates within {:.0f} % tie\n", duel.noise_floor * 100);
  return text + fmt::format(", 99 % interval {}, {} pairs, noise floor {:.2f} %\n",
                            interval_text(duel.low, duel.high), duel.pairs, duel.noise_floor * 100);
}

std::string workloads_text(const DuelReport& duel) {
  std::string text = fmt::format("\n  {:<24} {:>6}  {:<16} {:>8}  {:<18} {:>6} {:>11} {:>11}\n", "workload",
                                 "counts", "verdict", "A/B", "interval", "pairs", "A us", "B us");
  for (const DuelWorkload& workload : duel.workloads)
    text += fmt::format("  {:<24} {:>6}  {:<16} {:>8.4f}  {:<18} {:>6} {:>11.2f} {:>11.2f}\n",
                        axes_text(workload.axes), workload.weight, workload.verdict, workload.ratio,
                        interval_text(workload.low, workload.high), workload.pairs, workload.challenger_us,
                        workload.incumbent_us);
  return text;
}

}  // namespace

std::string render_duel(const EvaluationReport& report, const std::string& challenger,
                        const std::string& incumbent) {
  CHECK(report.duel);
  const DuelReport& duel = *report.duel;
  std::string text = fmt::format("{}  A = {}, B = {}\n", duel.verdict.empty() ? "NO VERDICT" : duel.verdict,
                                 challenger, incumbent);
  if (!duel.verdict.empty()) text += ratio_text(duel);
  if (!duel.message.empty()) text += fmt::format("  {}\n", duel.message);
  for (const std::string& evidence : duel.incumbent_evidence)
    if (evidence != duel.message) text += fmt::format("    {}\n", evidence);
  if (!duel.workloads.empty()) text += workloads_text(duel);
  if (!duel.method.empty())
    text += fmt::format("  times: {}{}\n", duel.method,
                        is_estimate(duel) ? " (a model's estimates, not measurements)" : "");
  for (const std::string& warning : report.warnings) text += fmt::format("  warning: {}\n", warning);
  return text;
}

}  // namespace warpwright::report
