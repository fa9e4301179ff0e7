// What a study (engine/study.h) found: its runs as curves, and what follows from them. Pure.
//
// A run's worth is ln(best score): equal factors count alike whatever the seed was worth. Strategies are
// compared on the same definition with the same random seed, pair by pair.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/events/run_view.h"
#include "src/report/statistics.h"

namespace warpwright::report {

// After one more outcome, in the order of tickets (not of arrival).
struct StudyStep {
  int64_t evaluations = 0;
  double dollars = 0;
  double best = 0;  // score, times the plain seed; 0: nothing has passed yet
};

struct StudyRun {
  std::string definition, strategy;
  uint64_t seed = 0;
  std::string folder;
  std::vector<StudyStep> steps;
  int64_t evaluations = 0;
  double dollars = 0;
  double best = 0;
  double best_seed = 0;  // the best of its seeds alone: what no search was needed for
  bool is_estimate = true;
  double tie_margin = 0;
  std::string finished;  // why it ended; empty: it has not
};
StudyRun study_run_of(const events::RunView& view);  // folder is left empty

struct Study {
  std::vector<std::string> strategies;  // the first is the one that the others are held against
  int64_t max_evaluations = 0;          // of each run
  double max_dollars = 0;               // of each run; 0: evaluations are the budget
  std::vector<StudyRun> runs;           // finished ones
};

// One strategy on one definition.
struct StudyCell {
  std::string definition, strategy;
  size_t runs = 0;
  std::vector<double> budgets, medians;  // of the best score at a quarter, a half, ... of the budget
  double best_seed = 0;
  double evaluations = 0;   // mean
  Interval worth;           // ln best
  Interval area;            // mean of ln best over the whole budget: what was found early counts longer
  Interval per_evaluation;  // ln best / evaluations
  std::optional<Interval> per_dollar;  // none: nothing was paid
};

struct StudyDuel {
  std::string definition;  // empty: all of them, each weighing alike
  std::string first, second;
  Interval difference;                   // ln best of the first - ln best of the second, by seed
  Interval area_difference;              // the same of the areas
  int ahead = 0, equal = 0, behind = 0;  // seeds, of the first
  bool is_estimate = true;
  double tie_margin = 0;
};

struct StudySummary {
  std::vector<StudyCell> cells;
  std::vector<StudyDuel> duels;
};
StudySummary summarize(const Study& study);

double best_at(const StudyRun& run, const Study& study, double share);  // of the budget; at least 1
// "evolve is ahead: +0.21 [0.08, 0.35] in ln(best), a factor of 1.23", "no difference shown: ...".
std::string verdict_of(const StudyDuel& duel);

}  // namespace warpwright::report
