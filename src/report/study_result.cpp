#include "src/report/study_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace warpwright::report {
namespace {

using events::Candidate;
using events::Phase;
using events::RunView;

constexpr size_t kFewestPairs = 3;  // for a verdict
constexpr int kAreaPoints = 200;    // of the budget
constexpr double kEqual = 1e-9;     // relative, of two scores
const std::vector<double> kShares = {0.25, 0.5, 0.75, 1};

double worth_of(double best) {
  return std::log(std::max(best, 1.0));
}

double area_of(const StudyRun& run, const Study& study) {
  double sum = 0;
  for (int i = 1; i <= kAreaPoints; ++i)
    sum += worth_of(best_at(run, study, static_cast<double>(i) / kAreaPoints));
  return sum / kAreaPoints;
}

std::vector<std::string> definitions_of(const Study& study) {
  std::vector<std::string> names;
  for (const StudyRun& run : study.runs)
    if (std::find(names.begin(), names.end(), run.definition) == names.end()) names.push_back(run.definition);
  return names;
}

std::vector<const StudyRun*> runs_of(const Study& study, const std::string& definition,
                                     const std::string& strategy) {
  std::vector<const StudyRun*> runs;
  for (const StudyRun& run : study.runs)
    if (run.definition == definition && run.strategy == strategy) runs.push_back(&run);
  return runs;
}

StudyCell cell_of(const Study& study, const std::string& definition, const std::string& strategy) {
  const auto runs = runs_of(study, definition, strategy);
  StudyCell cell;
  cell.definition = definition;
  cell.strategy = strategy;
  cell.runs = runs.size();
  std::vector<double> worths, areas, per_evaluation, per_dollar, evaluations, seeds;
  for (const StudyRun* run : runs) {
    const double worth = worth_of(run->best);
    worths.push_back(worth);
    areas.push_back(area_of(*run, study));
    evaluations.push_back(static_cast<double>(run->evaluations));
    seeds.push_back(run->best_seed);
    if (run->evaluations > 0) per_evaluation.push_back(worth / static_cast<double>(run->evaluations));
    if (run->dollars > 0) per_dollar.push_back(worth / run->dollars);
  }
  for (const double share : kShares) {
    std::vector<double> bests;
    for (const StudyRun* run : runs) bests.push_back(best_at(*run, study, share));
    cell.budgets.push_back(share);
    cell.medians.push_back(median_of(bests));
  }
  cell.best_seed = median_of(seeds);
  cell.evaluations = mean_of(evaluations);
  cell.worth = bootstrap_mean(worths);
  cell.area = bootstrap_mean(areas);
  cell.per_evaluation = bootstrap_mean(per_evaluation);
  if (!per_dollar.empty()) cell.per_dollar = bootstrap_mean(per_dollar);
  return cell;
}

struct Pairs {
  std::vector<double> worths, areas;
};

// The duel of one definition; what its pairs were is added to `pairs`.
StudyDuel duel_of(const Study& study, const std::string& definition, const std::string& second,
                  Pairs& pairs) {
  StudyDuel duel;
  duel.definition = definition;
  duel.first = study.strategies.front();
  duel.second = second;
  for (const StudyRun* a : runs_of(study, definition, duel.first)) {
    for (const StudyRun* b : runs_of(study, definition, second)) {
      if (a->seed != b->seed) continue;
      pairs.worths.push_back(worth_of(a->best) - worth_of(b->best));
      pairs.areas.push_back(area_of(*a, study) - area_of(*b, study));
      const bool is_equal = std::abs(a->best - b->best) <= kEqual * std::max(a->best, b->best);
      ++(is_equal ? duel.equal : a->best > b->best ? duel.ahead : duel.behind);
      duel.is_estimate = a->is_estimate || b->is_estimate;
      duel.tie_margin = a->tie_margin;
    }
  }
  duel.difference = bootstrap_mean(pairs.worths);
  duel.area_difference = bootstrap_mean(pairs.areas);
  return duel;
}

StudyDuel duel_of_all(const std::vector<StudyDuel>& duels, const std::vector<Pairs>& pairs) {
  StudyDuel all = duels.front();
  all.definition.clear();
  all.ahead = all.equal = all.behind = 0;
  std::vector<std::vector<double>> worths, areas;
  for (size_t i = 0; i < duels.size(); ++i) {
    all.ahead += duels[i].ahead;
    all.equal += duels[i].equal;
    all.behind += duels[i].behind;
    all.is_estimate = all.is_estimate || duels[i].is_estimate;
    worths.push_back(pairs[i].worths);
    areas.push_back(pairs[i].areas);
  }
  all.difference = bootstrap_mean_of_groups(worths);
  all.area_difference = bootstrap_mean_of_groups(areas);
  return all;
}

}  // namespace

StudyRun study_run_of(const RunView& view) {
  StudyRun run;
  if (!view.started) return run;
  run.definition = view.started->definition;
  run.strategy = view.started->search.strategy;
  run.seed = view.started->seed;
  run.tie_margin = view.started->search.tie_margin;
  run.finished = view.finished_reason;
  run.evaluations = view.counters.evaluations;
  for (const auto& [name, usage] : view.models) run.dollars += static_cast<double>(usage.microdollars) / 1e6;
  if (view.baseline) run.is_estimate = view.baseline->measure.is_estimate();
  const auto seeds = static_cast<events::CandidateId>(view.started->seeds.size());
  StudyStep step;
  for (const auto& [id, c] : view.candidates) {
    if (id >= view.applied) break;
    step.dollars += static_cast<double>(c.microdollars) / 1e6;
    if (c.phase == Phase::kApplied && !c.duplicate_of) ++step.evaluations;
    if (c.passed()) step.best = std::max(step.best, c.score);
    if (id < seeds) run.best_seed = step.best;
    run.steps.push_back(step);
  }
  // Who leads a measured run won duels: that is not always the highest score.
  run.best = view.best ? view.find(*view.best)->score : 0;
  return run;
}

double best_at(const StudyRun& run, const Study& study, double share) {
  double best = 1;
  for (const StudyStep& step : run.steps) {
    const bool is_within = study.max_dollars > 0 ? step.dollars <= share * study.max_dollars
                                                 : static_cast<double>(step.evaluations) <=
                                                       share * static_cast<double>(study.max_evaluations);
    if (!is_within) break;
    best = std::max(best, step.best);
  }
  return best;
}

StudySummary summarize(const Study& study) {
  StudySummary summary;
  const std::vector<std::string> definitions = definitions_of(study);
  for (const std::string& definition : definitions)
    for (const std::string& strategy : study.strategies)
      if (StudyCell cell = cell_of(study, definition, strategy); cell.runs > 0)
        summary.cells.push_back(std::move(cell));
  for (size_t s = 1; s < study.strategies.size(); ++s) {
    std::vector<StudyDuel> duels;
    std::vector<Pairs> pairs(definitions.size());
    for (size_t d = 0; d < definitions.size(); ++d)
      duels.push_back(duel_of(study, definitions[d], study.strategies[s], pairs[d]));
    summary.duels.insert(summary.duels.end(), duels.begin(), duels.end());
    if (duels.size() > 1) summary.duels.push_back(duel_of_all(duels, pairs));
  }
  return summary;
}

std::string verdict_of(const StudyDuel& duel) {
  const Interval& d = duel.difference;
  if (d.count < kFewestPairs)
    return fmt::format("no verdict: {} pair{} of runs, {} are needed", d.count, d.count == 1 ? "" : "s",
                       kFewestPairs);
  const std::string figures = fmt::format("{:+.3f} [{:+.3f}, {:+.3f}] in ln(best), a factor of {:.3f}",
                                          d.value, d.low, d.high, std::exp(d.value));
  if (!d.is_above(0) && !d.is_below(0)) return "no difference shown: " + figures;
  const std::string leader = d.is_above(0) ? duel.first : duel.second;
  const bool is_small = duel.is_estimate && std::abs(d.value) < std::log1p(duel.tie_margin);
  return fmt::format(
      "{} is ahead: {}{}", leader, figures,
      is_small ? fmt::format("; less than the {:.0f} % within which estimates tie", 100 * duel.tie_margin)
               : "");
}

}  // namespace warpwright::report
