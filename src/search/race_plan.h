// When evaluations are raced (contract/race.h), by which figures and in which order of workloads. Pure: a
// function of the results of applied candidates.
#pragma once

#include <optional>

#include "src/search/state.h"

namespace warpwright::search {

inline constexpr int64_t kRaceLeastPassed = 8;  // distinct programs that passed before the first race
inline constexpr double kRaceHeadroom = 1.1;    // best_ratio over the best that was seen
inline constexpr double kRaceBetterBest = 1.1;  // a best better by this makes a new plan

// Is a plan due now? At fixed points of the run: once enough has passed; whenever that doubled since, or the
// best score rose by much. A run that does not race never has one due.
bool race_is_due(const State& state);

// The race that the state calls for. REQUIRES: race_is_due.
//
// The bound on a score is a sum over workloads, so what a workload tells is how far its result lets the bound
// fall: its weight times the mean, over the programs that passed, of best_ratio - ratio. Workloads come in
// the order of that fall for each microsecond that they take, the greedy order of a covering knapsack; ties
// by uuid.
events::RacePlanned plan_race(const State& state);

// The race that a candidate is evaluated in; null: it is evaluated whole. Seeds are what others are measured
// against, and of a composition every band must be known.
const Race* race_of(const State& state, const events::Candidate& candidate);

}  // namespace warpwright::search
