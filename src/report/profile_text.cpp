#include "src/report/profile_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace warpwright::report {
namespace {

double number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json& list(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_array() ? *found : kEmpty;
}

const WorkloadReport* longest(const EvaluationReport& report) {
  const auto found = std::max_element(
      report.workloads.begin(), report.workloads.end(),
      [](const WorkloadReport& a, const WorkloadReport& b) { return a.latency_us < b.latency_us; });
  return found == report.workloads.end() ? nullptr : &*found;
}

std::string axes_text(const WorkloadReport& workload) {
  std::string axes;
  for (const auto& [name, value] : workload.axes) axes += fmt::format(" {}={}", name, value);
  return axes;
}

// 1234567 -> "1.23M"
std::string short_count(double count) {
  if (count < 10000) return fmt::format("{:.0f}", count);
  if (count < 1e6) return fmt::format("{:.1f}k", count / 1e3);
  return count < 1e9 ? fmt::format("{:.2f}M", count / 1e6) : fmt::format("{:.2f}G", count / 1e9);
}

std::string percent(double share) {
  return share < 0.0005 ? "" : fmt::format("{:.1f}", 100 * share);
}

// "512/128": what it took and the least that would do; empty without such accesses.
std::string against_ideal(const Json& line, const char* actual, const char* ideal) {
  if (number(line, actual) <= 0) return "";
  return fmt::format("{}/{}", short_count(number(line, actual)), short_count(number(line, ideal)));
}

std::string line_text(const Json& line) {
  return fmt::format("    {:<16} {:>6} {:>6} {:>15} {:>15} {:>5.1f}  {}\n", text(line, "location"),
                     percent(number(line, "issue_share")), percent(number(line, "wait_share")),
                     against_ideal(line, "sectors", "ideal_sectors"),
                     against_ideal(line, "wavefronts", "ideal_wavefronts"),
                     number(line, "lanes_per_execution"), text(line, "text"));
}

std::string kernel_text(const Json& kernel, size_t lines) {
  std::string out = fmt::format("\n  {}  {:.2f} us in {:.0f} launch{}, bound by {}\n", text(kernel, "label"),
                                number(kernel, "latency_us"), number(kernel, "launches"),
                                number(kernel, "launches") == 1 ? "" : "es", text(kernel, "bound_by"));
  for (const Json& finding : list(kernel, "findings"))
    out += fmt::format("    - {} (weighs {:.0f} %)\n", text(finding, "message"),
                       100 * number(finding, "weight"));
  out += fmt::format("    {:<16} {:>6} {:>6} {:>15} {:>15} {:>5}\n", "where", "issue%", "wait%",
                     "sectors/ideal", "wavefr./ideal", "lanes");
  const Json& all = list(kernel, "lines");
  for (size_t k = 0; k < std::min(lines, all.size()); ++k) out += line_text(all[k]);
  const double rest = number(kernel, "line_count") - static_cast<double>(std::min(lines, all.size()));
  if (rest > 0) out += fmt::format("    ... and {:.0f} more lines\n", rest);
  return out;
}

std::string tensor_text(const Json& counters) {
  const auto types = counters.find("tensor_flops_by_type");
  if (types == counters.end() || !types->is_object()) return "";
  std::string out;
  for (const auto& [type, flops] : types->items())
    if (flops.is_number()) out += fmt::format(", {} tensor flop {}", short_count(flops.get<double>()), type);
  return out;
}

// Of kernels with matrix products, bulk copies or mbarriers; empty for others.
std::string pipes_text(const Json& c) {
  std::string out;
  if (const double cycles = number(c, "tensor_pipe_cycles"); cycles > 0)
    out += fmt::format("; tensor pipes {} cycles over all SMs", short_count(cycles));
  if (const double bytes = number(c, "copy_engine_bytes"); bytes > 0)
    out += fmt::format("; copy engine {} bytes", short_count(bytes));
  if (const double cycles = number(c, "mbarrier_wait_cycles"); cycles > 0)
    out += fmt::format(
        "; waits at mbarriers: {} cycles of all warps, {} of one at most, {} on the longest "
        "block's path",
        short_count(cycles), short_count(number(c, "longest_mbarrier_wait_cycles")),
        short_count(number(c, "critical_mbarrier_cycles")));
  return out.empty() ? "" : fmt::format("      {}\n", out.substr(2));
}

std::string launch_text(const Json& launch) {
  const auto counters = launch.find("counters");
  std::string out = fmt::format("    {}\n", text(launch, "text"));
  if (counters == launch.end() || !counters->contains("warp_instructions")) return out;
  const Json& c = *counters;
  const double sectors = number(c, "sectors_read") + number(c, "sectors_written");
  const double unique = number(c, "unique_sectors_read") + number(c, "unique_sectors_written");
  out += fmt::format(
      "      {} warp instructions ({:.1f} lanes): {} issue slots, fma {}, alu {}, xu {}, lsu {}{}\n",
      short_count(number(c, "warp_instructions")),
      number(c, "lane_instructions") / std::max(1.0, number(c, "warp_instructions")),
      short_count(number(c, "issue_slots")), short_count(number(c, "fma_slots")),
      short_count(number(c, "alu_slots")), short_count(number(c, "xu_slots")),
      short_count(number(c, "lsu_slots")), tensor_text(c));
  out += fmt::format(
      "      {} sectors, {} of them distinct; shared memory: {} accesses in {} wavefronts; {} barriers, {} "
      "of {} "
      "branches diverged, longest block {} cycles\n",
      short_count(sectors), short_count(unique), short_count(number(c, "shared_accesses")),
      short_count(number(c, "shared_wavefronts")), short_count(number(c, "barriers")),
      short_count(number(c, "divergent_branches")), short_count(number(c, "branches")),
      short_count(number(c, "critical_path_cycles")));
  return out + pipes_text(c);
}

}  // namespace

std::string render_profile(const EvaluationReport& report, size_t lines) {
  const WorkloadReport* workload = longest(report);
  if (workload == nullptr || !workload->profile.is_array()) return "";
  std::string out = fmt::format(
      "\n  profile of the workload with the longest estimate,{}; shares of the kernel's issue slots and of a "
      "lone warp's waiting\n",
      axes_text(*workload));
  for (const Json& kernel : workload->profile) out += kernel_text(kernel, lines);
  return out;
}

std::string render_launches(const EvaluationReport& report) {
  const WorkloadReport* workload = longest(report);
  if (workload == nullptr || list(workload->counters, "launches").empty()) return "";
  std::string out =
      fmt::format("\n  launches of the workload with the longest estimate,{}\n", axes_text(*workload));
  for (const Json& launch : list(workload->counters, "launches")) out += launch_text(launch);
  return out;
}

}  // namespace warpwright::report
