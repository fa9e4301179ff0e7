#include "src/search/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/check.h"

namespace warpwright::search {
namespace {

using events::Baseline;
using events::Measure;
using events::ResultSummary;
using events::WorkloadSummary;

std::string describe(const Measure& m) {
  return fmt::format("{} on {} ({}, {} profile{}{})", m.executor, m.device, m.method, m.profile,
                     m.calibration.empty() ? "" : ", calibration ", m.calibration);
}

Result<void> check_timed(const std::vector<WorkloadSummary>& workloads, const Measure& measure) {
  if (measure.method.empty() || workloads.empty()) return infrastructure_error("nothing was timed");
  for (const WorkloadSummary& w : workloads) {
    if (!(w.latency_us > 0) || !(w.weight > 0) || !std::isfinite(w.latency_us) || !std::isfinite(w.weight))
      return infrastructure_error(fmt::format("workload {} has no time", w.uuid));
  }
  return {};
}

bool all_passed(const ResultSummary& result) {
  return result.status == Status::kPassed &&
         std::all_of(result.workloads.begin(), result.workloads.end(),
                     [](const WorkloadSummary& w) { return w.status == Status::kPassed; });
}

struct Ratio {
  const WorkloadSummary* workload;  // the baseline's
  double value;
};

// baseline / candidate of every workload, matched by uuid.
Result<std::vector<Ratio>> ratios(const Baseline& baseline, const ResultSummary& result) {
  if (result.measure != baseline.measure)
    return infrastructure_error(fmt::format("results of unlike measures cannot be compared: {}, baseline {}",
                                            describe(result.measure), describe(baseline.measure)));
  TRY(check_timed(result.workloads, result.measure));
  std::map<std::string_view, double> latency_us;
  for (const WorkloadSummary& w : result.workloads) latency_us[w.uuid] = w.latency_us;
  if (result.workloads.size() != latency_us.size())
    return infrastructure_error("the result has a workload twice");
  if (latency_us.size() != baseline.workloads.size())
    return infrastructure_error(fmt::format("the result has {} workloads, the baseline {}", latency_us.size(),
                                            baseline.workloads.size()));
  std::vector<Ratio> list;
  for (const WorkloadSummary& w : baseline.workloads) {
    auto it = latency_us.find(w.uuid);
    if (it == latency_us.end())
      return infrastructure_error(
          fmt::format("workload {} of the baseline is missing in the result", w.uuid));
    list.push_back({&w, w.latency_us / it->second});
  }
  return list;
}

struct Mean {
  double sum = 0, weight = 0;
  void add(const Ratio& r) {
    sum += r.workload->weight * r.value;
    weight += r.workload->weight;
  }
  double value() const { return sum / weight; }
};

}  // namespace

Result<double> score(const Baseline& baseline, const ResultSummary& result) {
  if (!all_passed(result)) return 0.0;
  TRY_ASSIGN(const std::vector<Ratio> list, ratios(baseline, result));
  Mean mean;
  for (const Ratio& ratio : list) mean.add(ratio);
  if (!std::isfinite(mean.value()))
    return infrastructure_error(fmt::format("a score of {} is none", mean.value()));
  return mean.value();
}

Result<std::map<std::string, double>> band_scores(const Baseline& baseline, const ResultSummary& result) {
  if (!all_passed(result)) return infrastructure_error("a result that did not pass has no band scores");
  TRY_ASSIGN(const std::vector<Ratio> list, ratios(baseline, result));
  std::map<std::string, Mean> means;
  for (const Ratio& ratio : list) means[ratio.workload->band].add(ratio);
  std::map<std::string, double> scores;
  for (const auto& [band, mean] : means) scores[band] = mean.value();
  return scores;
}

Result<Baseline> make_baseline(std::string name, events::CandidateId candidate, const ResultSummary& result) {
  if (!all_passed(result))
    return infrastructure_error(
        fmt::format("the baseline {} did not pass: {} {}", name, to_string(result.status), result.message));
  auto timed = check_timed(result.workloads, result.measure);
  if (!timed) return add_context(timed.error(), fmt::format("the baseline {}", name));
  return Baseline{std::move(name), candidate, result.measure, result.workloads};
}

bool is_baseline(const events::RunView& view, events::CandidateId candidate) {
  if (view.baseline) return view.baseline->candidate == candidate;
  return candidate == 0 || view.started->baseline_rule == "first-passed";
}

std::string baseline_name(const events::RunView& view, events::CandidateId candidate) {
  if (!view.started->seeds.empty() && candidate == 0) return view.started->seeds[0].name;
  return events::format_candidate_id(candidate) + ", the first that passed";
}

EstimatedVerdict compare_estimates(double score, double other_score, double tie_margin) {
  const double better = std::max(score, other_score);
  if (std::abs(score - other_score) <= tie_margin * better) return EstimatedVerdict::kTie;
  return score > other_score ? EstimatedVerdict::kEstimatedFaster : EstimatedVerdict::kEstimatedSlower;
}

std::string_view to_string(EstimatedVerdict verdict) {
  switch (verdict) {
    case EstimatedVerdict::kEstimatedFaster:
      return "ESTIMATED_FASTER";
    case EstimatedVerdict::kTie:
      return "TIE";
    case EstimatedVerdict::kEstimatedSlower:
      return "ESTIMATED_SLOWER";
  }
  CHECK(false);
}

}  // namespace warpwright::search
