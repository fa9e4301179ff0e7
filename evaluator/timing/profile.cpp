#include "evaluator/timing/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace warpwright::timing {
namespace {

constexpr size_t kMaxLines = 24;
constexpr size_t kMaxOpcodes = 3;
constexpr size_t kMaxTextBytes = 110;

struct Totals {
  double executions = 0, lanes = 0, slots = 0, waits = 0;
  double sectors = 0, ideal_sectors = 0, wavefronts = 0, ideal_wavefronts = 0;
};

Totals sum_of(const std::vector<LineProfile>& lines) {
  Totals totals;
  for (const LineProfile& line : lines) {
    totals.executions += line.warp_executions;
    totals.lanes += line.lane_executions;
    totals.slots += line.issue_slots;
    totals.waits += line.wait_cycles;
    totals.sectors += line.sectors;
    totals.ideal_sectors += line.ideal_sectors;
    totals.wavefronts += line.wavefronts;
    totals.ideal_wavefronts += line.ideal_wavefronts;
  }
  return totals;
}

double share(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

double largest_share(const LineProfile& line, const Totals& totals) {
  return std::max({share(line.issue_slots, totals.slots), share(line.sectors, totals.sectors),
                   share(line.wavefronts, totals.wavefronts), share(line.wait_cycles, totals.waits)});
}

std::vector<std::string_view> split_lines(std::string_view source) {
  std::vector<std::string_view> lines;
  while (!source.empty()) {
    const size_t end = std::min(source.find('\n'), source.size());
    lines.push_back(source.substr(0, end));
    source.remove_prefix(std::min(end + 1, source.size()));
  }
  return lines;
}

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  text = text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
  return text.size() <= kMaxTextBytes ? std::string(text)
                                      : std::string(text.substr(0, kMaxTextBytes)) + "...";
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// "file.cu:12" -> 12 if the file is the candidate's, else 0.
int candidate_line(std::string_view location, std::string_view source_name) {
  const size_t colon = location.rfind(':');
  if (colon == std::string_view::npos || base_name(location.substr(0, colon)) != base_name(source_name))
    return 0;
  int line = 0;
  std::from_chars(location.data() + colon + 1, location.data() + location.size(), line);
  return line;
}

LineProfile start_line(const sim::InstructionProfile& instruction, std::string_view source_name,
                       const std::vector<std::string_view>& source) {
  LineProfile line;
  line.line = candidate_line(instruction.source, source_name);
  if (line.line > 0) {
    line.location = fmt::format("line {}", line.line);
    if (static_cast<size_t>(line.line) <= source.size())
      line.text = trimmed(source[static_cast<size_t>(line.line) - 1]);
  } else {
    line.location = instruction.source.empty() ? fmt::format("PTX line {}", instruction.ptx_line)
                                               : std::string(base_name(instruction.source));
    line.text = instruction.opcode;
  }
  return line;
}

void add(LineProfile& line, const sim::InstructionProfile& instruction) {
  const auto number = [](uint64_t count) { return static_cast<double>(count); };
  line.warp_executions += number(instruction.warp_executions);
  line.lane_executions += number(instruction.lane_executions);
  line.issue_slots += instruction.issue_slots;
  line.wait_cycles += instruction.wait_cycles;
  line.sectors += number(instruction.sectors);
  line.ideal_sectors += number(std::min(instruction.ideal_sectors, instruction.sectors));
  line.wavefronts += number(instruction.wavefronts);
  line.ideal_wavefronts += number(std::min(instruction.ideal_wavefronts, instruction.wavefronts));
  if (instruction.sectors > 0) {
    line.global_executions += number(instruction.warp_executions);
    (instruction.opcode.starts_with("ld") || instruction.opcode.starts_with("cp") ? line.reads_global
                                                                                  : line.writes_global) =
        true;
  }
  if (instruction.wavefronts > 0) line.shared_executions += number(instruction.warp_executions);
}

using OpcodeSlots = std::map<std::string, double>;

std::vector<std::string> heaviest(const OpcodeSlots& slots) {
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [opcode, count] : slots) order.emplace_back(-count, opcode);
  std::sort(order.begin(), order.end());
  std::vector<std::string> opcodes;
  for (const auto& [count, opcode] : order)
    if (opcodes.size() < kMaxOpcodes) opcodes.push_back(opcode);
  return opcodes;
}

Json to_json(const LineProfile& line, const Totals& totals) {
  Json json = {{"location", line.location},
               {"text", line.text},
               {"opcodes", line.opcodes},
               {"warp_executions", line.warp_executions},
               {"lanes_per_execution", line.lanes_per_execution()},
               {"issue_slots", line.issue_slots},
               {"issue_share", share(line.issue_slots, totals.slots)},
               {"wait_cycles", line.wait_cycles},
               {"wait_share", share(line.wait_cycles, totals.waits)}};
  if (line.line > 0) json["line"] = line.line;
  if (line.sectors > 0) {
    json["sectors"] = line.sectors;
    json["ideal_sectors"] = line.ideal_sectors;
    json["sector_share"] = share(line.sectors, totals.sectors);
  }
  if (line.wavefronts > 0) {
    json["wavefronts"] = line.wavefronts;
    json["ideal_wavefronts"] = line.ideal_wavefronts;
    json["wavefront_share"] = share(line.wavefronts, totals.wavefronts);
  }
  return json;
}

}  // namespace

std::vector<LineProfile> profile_by_line(const std::vector<sim::InstructionProfile>& instructions,
                                         std::string_view source_name, std::string_view source) {
  const std::vector<std::string_view> text = split_lines(source);
  std::map<std::string, std::pair<LineProfile, OpcodeSlots>> by_location;
  for (const sim::InstructionProfile& instruction : instructions) {
    LineProfile fresh = start_line(instruction, source_name, text);
    auto& [line, opcodes] = by_location.try_emplace(fresh.location, fresh, OpcodeSlots()).first->second;
    add(line, instruction);
    opcodes[instruction.opcode] += instruction.issue_slots;
  }
  std::vector<LineProfile> lines;
  for (auto& [location, entry] : by_location) {
    entry.first.opcodes = heaviest(entry.second);
    lines.push_back(std::move(entry.first));
  }
  const Totals totals = sum_of(lines);
  std::stable_sort(lines.begin(), lines.end(), [&](const LineProfile& a, const LineProfile& b) {
    return largest_share(a, totals) > largest_share(b, totals);
  });
  return lines;
}

Json profile_json(const KernelProfile& kernel, std::string_view source_name, std::string_view source) {
  const std::vector<LineProfile> lines = profile_by_line(kernel.instructions, source_name, source);
  const Totals totals = sum_of(lines);
  double latency_us = 0;
  for (const estimate::LaunchEstimate& one : kernel.estimates) latency_us += one.latency_us;
  Json json = {{"label", kernel.label},
               {"launches", kernel.launches},
               {"latency_us", latency_us},
               {"bound_by", kernel.estimates.empty() ? "" : kernel.estimates.front().bound_by},
               {"issue_slots", totals.slots},
               {"lanes_per_execution", share(totals.lanes, totals.executions)},
               {"wait_cycles", totals.waits},
               {"sectors", totals.sectors},
               {"ideal_sectors", totals.ideal_sectors},
               {"wavefronts", totals.wavefronts},
               {"ideal_wavefronts", totals.ideal_wavefronts},
               {"line_count", lines.size()},
               {"lines", Json::array()},
               {"findings", Json::array()}};
  for (size_t k = 0; k < std::min(lines.size(), kMaxLines); ++k)
    json["lines"].push_back(to_json(lines[k], totals));
  for (const ProfileFinding& finding : find_hot_spots(kernel, lines))
    json["findings"].push_back({{"weight", finding.weight}, {"message", finding.message}});
  return json;
}

}  // namespace warpwright::timing
