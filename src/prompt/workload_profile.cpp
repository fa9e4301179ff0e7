#include "src/prompt/workload_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "src/base/quotable.h"
#include "src/plan/plan.h"
#include "src/prompt/text.h"

namespace warpwright::prompt {
namespace {

constexpr size_t kListedValues = 8;           // of an axis; more are summed up
constexpr double kBytesPerMicrosecond = 1e3;  // of 1 GB/s
constexpr double kFlopsPerMicrosecond = 1e6;  // of 1 TFLOP/s

std::string axes_text(const trace::Axes& axes, const trace::Definition& definition) {
  std::vector<std::string> parts;
  for (const trace::Axis& axis : definition.axes) {
    const auto value = axes.find(axis.name);
    if (value != axes.end())
      parts.push_back(fmt::format("{}={}", quotable_line(axis.name, 80), value->second));
  }
  return join(parts, " ");
}

// Zero where the rules say nothing or do not hold for these axes: a prompt does without.
double evaluate(const std::string& expression, const trace::Definition& definition, const trace::Axes& axes) {
  if (expression.empty()) return 0;
  const auto value = plan::evaluate_integer(expression, definition, axes, "floor");
  return value && *value > 0 ? static_cast<double>(*value) : 0.0;
}

double bytes_of(const std::vector<trace::Tensor>& tensors, const trace::Definition& definition,
                const trace::Axes& axes) {
  double bytes = 0;
  for (const trace::Tensor& tensor : tensors)
    if (const auto one = definition.bytes_of(tensor, axes)) bytes += static_cast<double>(*one);
  return bytes;
}

// Like the evaluator's physical floor, on top of what an empty launch takes. Inputs are cold; what is written
// may stay in the L2 of a device, but the simulator's clock charges it as traffic.
void set_floor(WorkloadRow& row, const PromptContext& context, const trace::Definition& definition) {
  const rules::FloorRule& rule = context.rules->floor;
  const rules::DeviceModel& device = *context.device;
  const double outputs = bytes_of(definition.outputs, definition, row.axes);
  const double read = evaluate(rule.bytes_read, definition, row.axes);
  const double written =
      rule.bytes_written.empty() ? outputs : evaluate(rule.bytes_written, definition, row.axes);
  const double flops = evaluate(rule.flops, definition, row.axes);
  row.tensor_bytes = bytes_of(definition.inputs, definition, row.axes) + outputs;
  row.least_bytes = read + written;
  const double kept = context.executor == "sim" ? 0 : static_cast<double>(device.l2_bytes);
  const double to_dram = read + std::max(0.0, written - kept);
  const auto quotient = [](double work, double rate) { return rate > 0 ? work / rate : 0; };
  row.floor_us = device.calibration.first_launch_us +
                 std::max({quotient(to_dram, device.dram_bandwidth_gb_s * kBytesPerMicrosecond),
                           quotient(read + written, device.l2_bandwidth_gb_s * kBytesPerMicrosecond),
                           quotient(flops, device.peak_tflops * kFlopsPerMicrosecond)});
}

size_t band_rank(const rules::Rules& rules, const std::string& band) {
  const auto it = std::find_if(rules.bands.begin(), rules.bands.end(),
                               [&](const rules::Band& b) { return b.name == band; });
  return static_cast<size_t>(it - rules.bands.begin());
}

std::string distribution_of(const std::map<int64_t, double>& weights) {
  std::vector<std::string> parts;
  if (weights.size() <= kListedValues) {
    for (const auto& [value, weight] : weights) {
      const std::string unit = parts.empty() ? (weight == 1 ? " workload" : " workloads") : "";
      parts.push_back(fmt::format("{} ({:g}{})", value, weight, unit));
    }
    return join(parts, ", ");
  }
  double total = 0, sum = 0;
  for (const auto& [value, weight] : weights) total += weight;
  size_t next = 1;
  for (const auto& [value, weight] : weights) {
    for (sum += weight; next <= 3 && sum >= total * static_cast<double>(next) / 4; ++next)
      parts.push_back(std::to_string(value));
  }
  return fmt::format("{} different values from {} to {}, quartiles {}", weights.size(),
                     weights.begin()->first, weights.rbegin()->first, join(parts, " / "));
}

}  // namespace

std::vector<WorkloadRow> workload_rows(const PromptContext& context, const trace::Definition& definition) {
  std::vector<WorkloadRow> rows;
  for (const rules::SelectedWorkload& selected : context.workloads) {
    const trace::Workload& workload = selected.group.workload;
    auto row = std::find_if(rows.begin(), rows.end(), [&](const WorkloadRow& r) {
      return r.axes == workload.axes && r.band == selected.band;
    });
    if (row == rows.end()) {
      row = rows.insert(rows.end(), WorkloadRow());
      row->axes = workload.axes;
      row->axes_text = axes_text(workload.axes, definition);
      row->band = selected.band;
      set_floor(*row, context, definition);
    }
    row->weight += selected.group.weight();
    row->uuids.push_back(selected.group.uuids.empty() ? workload.uuid : selected.group.uuids.front());
  }
  const auto key = [&](const WorkloadRow& row) {
    return std::tuple(band_rank(*context.rules, row.band), row.floor_us, row.tensor_bytes, row.axes);
  };
  std::sort(rows.begin(), rows.end(),
            [&](const WorkloadRow& a, const WorkloadRow& b) { return key(a) < key(b); });
  return rows;
}

std::vector<size_t> sample_rows(const std::vector<WorkloadRow>& rows, size_t limit) {
  std::set<size_t> taken;
  const auto take = [&](size_t index) {
    if (taken.size() < std::min(limit, rows.size())) taken.insert(index);
  };
  if (rows.empty()) return {};
  take(0);
  take(rows.size() - 1);
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].band == rows[i - 1].band) continue;
    take(i - 1);
    take(i);
  }
  for (size_t k = 0; k < limit; ++k) take(k * (rows.size() - 1) / std::max<size_t>(1, limit - 1));
  for (size_t i = 0; i < rows.size(); ++i) take(i);
  return {taken.begin(), taken.end()};
}

std::vector<std::string> axis_distributions(const std::vector<WorkloadRow>& rows,
                                            const trace::Definition& definition) {
  std::vector<std::string> lines;
  for (const trace::Axis& axis : definition.axes) {
    if (axis.is_constant) continue;
    std::map<int64_t, double> weights;
    for (const WorkloadRow& row : rows) {
      const auto value = row.axes.find(axis.name);
      if (value != row.axes.end()) weights[value->second] += row.weight;
    }
    if (!weights.empty())
      lines.push_back(fmt::format("{}: {}", quotable_line(axis.name, 80), distribution_of(weights)));
  }
  return lines;
}

std::optional<double> latency_of(const WorkloadRow& row,
                                 const std::vector<events::WorkloadSummary>& results) {
  double sum = 0, weight = 0;
  for (const std::string& uuid : row.uuids) {
    const auto result = std::find_if(results.begin(), results.end(),
                                     [&](const events::WorkloadSummary& w) { return w.uuid == uuid; });
    if (result == results.end() || !(result->latency_us > 0)) return std::nullopt;
    sum += result->weight * result->latency_us;
    weight += result->weight;
  }
  if (!(weight > 0)) return std::nullopt;
  return sum / weight;
}

}  // namespace warpwright::prompt
