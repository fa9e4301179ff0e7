// What a candidate is good at beside its score, and orders over it. Read by the search's archive and by
// reports.
//
//   score       weighted mean of baseline / candidate over all workloads
//   robustness  the same over the worst band of workloads: nowhere slow
//   simplicity  fewer launches, then less code (PTX instructions)
#pragma once

#include <span>
#include <vector>

#include "src/events/run_view.h"

namespace warpwright::events {

struct Objectives {
  CandidateId id = 0;
  double score = 0;
  double worst_band = 0;
  int launches = 0;
  double code_size = 0;
};

// baseline / candidate latency of every workload, in the baseline's order. Empty: the records are unlike, or
// not everything was timed.
std::vector<double> ratios_of(const Baseline& baseline, const ResultSummary& result);

// The weighted mean of each band's ratios, in the order of the bands' names. Empty as `ratios_of`.
std::map<std::string, double> band_means(const Baseline& baseline, const ResultSummary& result);

// REQUIRES: a passed candidate. Without comparable times its worst band counts 0.
Objectives objectives_of(const RunView& view, const Candidate& candidate);

// At least as good in all three, better in one.
bool dominates(const Objectives& a, const Objectives& b);

// Nobody dominates its members; best score first (equal ones: the older first). Of equal objectives the
// oldest stands for all.
std::vector<Objectives> pareto_front(std::vector<Objectives> all);

// By score, then robustness, then simplicity, where what lies within `margin` of the best (relative) of what
// is left counts as equal and the next objective decides.
std::vector<Objectives> lexicographic_order(std::vector<Objectives> all, double margin);

}  // namespace warpwright::events
