// Which solution of a definition the others are held against.
#include <fmt/format.h>

#include <set>

#include "src/score/score.h"

namespace warpwright::score {
namespace {

using trace::EvaluationTrace;

std::set<std::string> solutions_of(const std::string& definition, std::span<const EvaluationTrace> traces) {
  std::set<std::string> names;
  for (const EvaluationTrace& trace : traces) {
    if (trace.definition == definition) names.insert(trace.solution);
  }
  return names;
}

Baseline from_traces(const std::string& definition, const std::string& solution,
                     std::span<const EvaluationTrace> traces) {
  Baseline baseline;
  baseline.name = solution;
  for (const EvaluationTrace& trace : traces) {
    if (trace.definition == definition && trace.solution == solution) baseline.traces.push_back(trace);
  }
  baseline.hardware = baseline.traces.front().hardware;
  return baseline;
}

}  // namespace

Result<Baseline> find_baseline(const std::vector<std::string>& names, const std::string& definition,
                               std::span<const EvaluationTrace> traces,
                               std::span<const PublishedRecord> published) {
  const std::set<std::string> solutions = solutions_of(definition, traces);
  for (const std::string& name : names) {
    for (const PublishedRecord& record : published) {
      if (record.definition == definition && record.name == name)
        return Baseline{name, record.hardware, record.traces, record.mean_us};
    }
    if (solutions.contains(name)) return from_traces(definition, name, traces);
    std::vector<std::string> begun;
    for (const std::string& solution : solutions) {
      if (solution.starts_with(name + "_")) begun.push_back(solution);
    }
    if (begun.size() > 1)
      return usage_error(fmt::format("{}: '{}' begins several solutions: {}; give one name to --baseline",
                                     definition, name, fmt::join(begun, ", ")));
    if (begun.size() == 1) return from_traces(definition, begun.front(), traces);
  }
  std::vector<std::string> there(solutions.begin(), solutions.end());
  for (const PublishedRecord& record : published) {
    if (record.definition == definition) there.push_back(record.name);
  }
  return usage_error(fmt::format("{}: no baseline '{}'; give --baseline one of: {}", definition,
                                 fmt::join(names, "', '"), fmt::join(there, ", ")));
}

}  // namespace warpwright::score
