#include "src/score/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace warpwright::score {
namespace {

using trace::Axes;
using trace::EvaluationTrace;

// What all traces of one solution on one workload come to.
struct Outcome {
  Axes axes;
  double latency_us = 0;  // the fastest that passed
  std::string problem;    // of the first that did not
  int traces = 0;
};

struct Measured {
  std::string hardware;
  std::map<std::string, Outcome> outcomes;  // by uuid
  std::vector<std::string> order;           // uuids as they came
  int repeated() const {
    return static_cast<int>(std::count_if(outcomes.begin(), outcomes.end(),
                                          [](const auto& item) { return item.second.traces > 1; }));
  }
};

Result<Measured> gather(std::span<const EvaluationTrace> traces) {
  Measured measured;
  for (const EvaluationTrace& trace : traces) {
    if (measured.hardware.empty()) measured.hardware = trace.hardware;
    if (measured.hardware != trace.hardware)
      return usage_error(
          fmt::format("{}: '{}' was measured on {} here and on {} before; times of unlike hardware do "
                      "not mix: choose one with --hardware",
                      trace.where, trace.solution, trace.hardware, measured.hardware));
    Outcome& outcome = measured.outcomes[trace.uuid];
    if (outcome.traces++ == 0) {
      measured.order.push_back(trace.uuid);
      outcome.axes = trace.axes;
    }
    if (trace.status != Status::kPassed) {
      if (outcome.problem.empty())
        outcome.problem = fmt::format("{} ({})", to_string(trace.status), trace.where);
    } else if (outcome.latency_us == 0 || trace.latency_us < outcome.latency_us) {
      outcome.latency_us = trace.latency_us;
    }
  }
  return measured;
}

std::vector<std::pair<std::string, Axes>> workloads_of(const DefinitionFacts& facts, const Measured& baseline,
                                                       const Measured& candidate) {
  if (!facts.workloads.empty()) return facts.workloads;
  const Measured& source = baseline.order.empty() ? candidate : baseline;
  std::vector<std::pair<std::string, Axes>> workloads;
  for (const std::string& uuid : source.order) workloads.emplace_back(uuid, source.outcomes.at(uuid).axes);
  return workloads;
}

WorkloadScore score_workload(const std::string& uuid, const Measured& candidate, double baseline_us) {
  WorkloadScore score;
  score.uuid = uuid;
  score.baseline_us = baseline_us;
  const auto found = candidate.outcomes.find(uuid);
  if (found == candidate.outcomes.end()) {
    score.problem = "missing";
  } else if (!found->second.problem.empty()) {
    score.problem = found->second.problem;
  } else {
    score.candidate_us = found->second.latency_us;
    score.ratio = baseline_us / score.candidate_us;
  }
  return score;
}

void add_to_band(const WorkloadScore& workload, std::vector<BandScore>& bands) {
  auto band =
      std::find_if(bands.begin(), bands.end(), [&](const auto& b) { return b.name == workload.band; });
  if (band == bands.end()) {
    bands.emplace_back().name = workload.band;
    band = bands.end() - 1;
  }
  ++band->workloads;
  if (!workload.problem.empty()) return;
  ++band->passed;
  band->baseline_us += workload.baseline_us;
  band->candidate_us += workload.candidate_us;
  band->ratio += workload.ratio;
}

// Sums become means and shares.
void finish_bands(SolutionScore& score) {
  double sum = 0;
  for (const BandScore& band : score.bands) sum += band.ratio;
  const double scored = static_cast<double>(score.workloads.size()) - score.failed;
  for (BandScore& band : score.bands) {
    if (band.passed == 0) continue;
    band.share = band.ratio / sum;
    // A tenth less time makes each of its ratios 1/0.9 as large.
    band.gain_of_a_tenth = band.ratio / scored * (1 / 0.9 - 1);
    band.baseline_us /= band.passed;
    band.candidate_us /= band.passed;
    band.ratio /= band.passed;
  }
}

void finish_means(SolutionScore& score) {
  double ratios = 0;
  int wins = 0, passed = 0;
  for (const WorkloadScore& workload : score.workloads) {
    if (!workload.problem.empty()) continue;
    ++passed;
    ratios += workload.ratio;
    wins += workload.ratio > 1 ? 1 : 0;
    score.baseline_us += workload.baseline_us;
    score.candidate_us += workload.candidate_us;
  }
  score.failed = static_cast<int>(score.workloads.size()) - passed;
  score.win_rate = wins / static_cast<double>(score.workloads.size());
  score.score = 0;
  if (passed == 0) return;
  score.mean_of_passed = ratios / passed;
  score.ratio_of_means = score.baseline_us / score.candidate_us;
  score.baseline_us /= passed;
  score.candidate_us /= passed;
  if (score.failed == 0) score.score = score.mean_of_passed;
}

// Against a mean there is no ratio per workload, so no score but that of a failure; the bands still say where
// the time goes.
void forget_ratios(SolutionScore& score, double mean_us) {
  if (score.failed == 0) score.score.reset();
  score.win_rate = score.mean_of_passed = 0;
  score.baseline_us = mean_us;
  score.ratio_of_means = score.failed == 0 ? mean_us / score.candidate_us : 0;
  for (WorkloadScore& workload : score.workloads) workload.ratio = workload.baseline_us = 0;
  for (BandScore& band : score.bands) band.ratio = band.share = band.gain_of_a_tenth = band.baseline_us = 0;
  score.notes.push_back(fmt::format(
      "of {} only the mean over all workloads is known: a ratio of means, which is not the contest's score",
      score.baseline));
}

Result<void> score_workloads(const DefinitionFacts& facts, const Measured& candidate,
                             const Measured& baseline, bool only_mean, SolutionScore& score) {
  int left_out = 0;
  for (const auto& [uuid, axes] : workloads_of(facts, baseline, candidate)) {
    const auto found = baseline.outcomes.find(uuid);
    const double baseline_us = found == baseline.outcomes.end() ? 0 : found->second.latency_us;
    if (baseline_us == 0 && !only_mean) {
      ++left_out;
      continue;
    }
    WorkloadScore workload = score_workload(uuid, candidate, only_mean ? 1 : baseline_us);
    workload.axes = axes;
    workload.band = "all";
    if (facts.band_of) {
      TRY_ASSIGN(workload.band, facts.band_of(axes));
    }
    add_to_band(workload, score.bands);
    score.workloads.push_back(std::move(workload));
  }
  if (left_out > 0)
    score.notes.push_back(fmt::format("{} left out: {} has no passing trace there",
                                      left_out == 1 ? "1 workload" : fmt::format("{} workloads", left_out),
                                      score.baseline));
  if (score.workloads.empty())
    return usage_error(fmt::format("{}: '{}' and the baseline '{}' have no workload in common",
                                   score.definition, score.solution, score.baseline));
  return {};
}

void note_unknown_and_repeated(const DefinitionFacts& facts, const Measured& candidate,
                               SolutionScore& score) {
  if (candidate.repeated() > 0)
    score.notes.push_back(fmt::format(
        "{} workloads have several traces: the fastest counts, and any failure, as in FlashInfer-Bench",
        candidate.repeated()));
  std::set<std::string> known;
  for (const auto& [uuid, axes] : facts.workloads) known.insert(uuid);
  const auto unknown = std::count_if(candidate.order.begin(), candidate.order.end(),
                                     [&](const std::string& uuid) { return !known.contains(uuid); });
  if (!known.empty() && unknown > 0)
    score.notes.push_back(
        fmt::format("{} workloads of the traces are not the dataset's: passed over", unknown));
}

bool better(const SolutionScore& a, const SolutionScore& b) {
  return a.score.value_or(-1) > b.score.value_or(-1);
}

}  // namespace

Result<SolutionScore> score_solution(const DefinitionFacts& facts, std::span<const EvaluationTrace> candidate,
                                     const Baseline& baseline) {
  TRY_ASSIGN(const Measured measured, gather(candidate));
  TRY_ASSIGN(const Measured held_against, gather(baseline.traces));
  SolutionScore score;
  score.definition = facts.name;
  score.solution = candidate.front().solution;
  score.baseline = baseline.name;
  score.hardware = measured.hardware;
  if (measured.hardware != baseline.hardware)
    return usage_error(fmt::format(
        "{}: '{}' was measured on {}, the baseline '{}' on {}: their ratio would say nothing; give a "
        "baseline of the same hardware, or choose with --hardware",
        facts.name, score.solution, measured.hardware, baseline.name, baseline.hardware));
  const bool only_mean = baseline.traces.empty();
  TRY(score_workloads(facts, measured, held_against, only_mean, score));
  finish_means(score);
  finish_bands(score);
  if (only_mean) forget_ratios(score, baseline.mean_us);
  note_unknown_and_repeated(facts, measured, score);
  return score;
}

std::vector<TrackScore> score_tracks(const std::vector<rules::Track>& tracks,
                                     const std::vector<SolutionScore>& scores) {
  std::vector<TrackScore> result;
  for (const rules::Track& track : tracks) {
    TrackScore total;
    total.track = track;
    total.score = 0;
    bool any = false;
    for (const std::string& definition : track.definitions) {
      std::optional<SolutionScore>& best = total.best.emplace_back();
      for (const SolutionScore& score : scores) {
        if (score.definition == definition && (!best || better(score, *best))) best = score;
      }
      if (!best) continue;
      any = true;
      if (!best->score) total.score.reset();
      if (total.score) *total.score += *best->score / static_cast<double>(track.definitions.size());
    }
    if (any) result.push_back(std::move(total));
  }
  return result;
}

}  // namespace warpwright::score
