#include "src/events/objectives.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace warpwright::events {
namespace {

using Iterator = std::vector<Objectives>::iterator;

bool is_simpler(const Objectives& a, const Objectives& b) {
  return std::tie(a.launches, a.code_size, a.id) < std::tie(b.launches, b.code_size, b.id);
}

bool is_better_score(const Objectives& a, const Objectives& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

// Sorts by a value, the largest first, and calls `order_equal` on every run of values within the margin of
// the run's first.
template <class Value, class OrderEqual>
void order_by(Iterator first, Iterator last, Value value, double margin, OrderEqual order_equal) {
  std::sort(first, last, [&](const Objectives& a, const Objectives& b) {
    return value(a) != value(b) ? value(a) > value(b) : a.id < b.id;
  });
  while (first != last) {
    const double least = value(*first) * (1 - margin);
    const Iterator end = std::find_if(first + 1, last, [&](const Objectives& o) { return value(o) < least; });
    order_equal(first, end);
    first = end;
  }
}

}  // namespace

std::vector<double> ratios_of(const Baseline& baseline, const ResultSummary& result) {
  const size_t count = baseline.workloads.size();
  if (!(result.measure == baseline.measure) || result.workloads.size() != count) return {};
  std::unordered_map<std::string_view, double> latency_us;  // only where the order differs
  std::vector<double> ratios;
  ratios.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const WorkloadSummary& base = baseline.workloads[i];
    double mine_us = 0;
    if (result.workloads[i].uuid == base.uuid) {
      mine_us = result.workloads[i].latency_us;
    } else {
      if (latency_us.empty())
        for (const WorkloadSummary& w : result.workloads) latency_us[w.uuid] = w.latency_us;
      const auto found = latency_us.find(base.uuid);
      if (found != latency_us.end()) mine_us = found->second;
    }
    if (!(mine_us > 0) || !(base.latency_us > 0) || !(base.weight > 0)) return {};
    ratios.push_back(base.latency_us / mine_us);
  }
  return ratios;
}

std::map<std::string, double> band_means(const Baseline& baseline, const ResultSummary& result) {
  const std::vector<double> ratios = ratios_of(baseline, result);
  std::map<std::string, std::pair<double, double>> sums;  // of weighted ratios, of weights
  for (size_t i = 0; i < ratios.size(); ++i) {
    auto& [sum, weight] = sums[baseline.workloads[i].band];
    sum += baseline.workloads[i].weight * ratios[i];
    weight += baseline.workloads[i].weight;
  }
  std::map<std::string, double> means;
  for (const auto& [band, sum] : sums) means[band] = sum.first / sum.second;
  return means;
}

Objectives objectives_of(const RunView& view, const Candidate& candidate) {
  Objectives objectives{candidate.id, candidate.score, 0, 0, 0};
  const ResultSummary* result = view.result_of(candidate);
  if (result == nullptr) return objectives;
  objectives.launches = result->launches;
  objectives.code_size = feature_value(*result, "code_size");
  if (!view.baseline) return objectives;
  const auto means = band_means(*view.baseline, *result);
  const auto worst = std::min_element(means.begin(), means.end(),
                                      [](const auto& a, const auto& b) { return a.second < b.second; });
  if (worst != means.end()) objectives.worst_band = worst->second;
  return objectives;
}

bool dominates(const Objectives& a, const Objectives& b) {
  const auto a_size = std::tie(a.launches, a.code_size), b_size = std::tie(b.launches, b.code_size);
  if (a.score < b.score || a.worst_band < b.worst_band || a_size > b_size) return false;
  return a.score > b.score || a.worst_band > b.worst_band || a_size < b_size;
}

std::vector<Objectives> pareto_front(std::vector<Objectives> all) {
  // Of equal scores the more robust and then the simpler first: nobody is dominated by one that comes later.
  std::sort(all.begin(), all.end(), [](const Objectives& a, const Objectives& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.worst_band != b.worst_band) return a.worst_band > b.worst_band;
    return is_simpler(a, b);
  });
  std::vector<Objectives> front;
  for (const Objectives& o : all) {
    const bool is_beaten = std::any_of(front.begin(), front.end(), [&](const Objectives& f) {
      const bool is_equal = f.score == o.score && f.worst_band == o.worst_band && f.launches == o.launches &&
                            f.code_size == o.code_size;
      return is_equal || dominates(f, o);
    });
    if (!is_beaten) front.push_back(o);
  }
  std::sort(front.begin(), front.end(), is_better_score);
  return front;
}

std::vector<Objectives> lexicographic_order(std::vector<Objectives> all, double margin) {
  const auto by_simplicity = [](Iterator first, Iterator last) { std::sort(first, last, is_simpler); };
  const auto by_robustness = [&](Iterator first, Iterator last) {
    order_by(
        first, last, [](const Objectives& o) { return o.worst_band; }, margin, by_simplicity);
  };
  order_by(
      all.begin(), all.end(), [](const Objectives& o) { return o.score; }, margin, by_robustness);
  return all;
}

}  // namespace warpwright::events
