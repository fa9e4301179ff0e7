#include "src/search/race_plan.h"

#include <algorithm>
#include <string_view>

#include "src/base/check.h"

namespace warpwright::search {
namespace {

using events::Candidate;
using events::RunView;
using events::WorkloadSummary;

// One workload of the baseline and how the programs that passed did on it.
struct Standing {
  RaceWorkload workload;
  double ratios = 0, latencies_us = 0;  // sums over the programs
  double fall_per_us(double programs) const {
    return workload.weight * (workload.best_ratio - ratios / programs) / (latencies_us / programs);
  }
};

bool is_counted(const Candidate& candidate) {
  return candidate.passed() && !candidate.duplicate_of;
}

}  // namespace

bool race_is_due(const State& state) {
  const RunView& view = state.view();
  if (!state.started() || !(state.settings().race_margin > 0) || !view.baseline || !view.best) return false;
  const int64_t passed = state.passed_programs();
  if (passed < kRaceLeastPassed) return false;
  const RaceBasis& basis = state.race_basis();
  return view.races.empty() || passed >= 2 * basis.passed_programs ||
         view.find(*view.best)->score >= kRaceBetterBest * basis.best_score;
}

events::RacePlanned plan_race(const State& state) {
  CHECK(race_is_due(state));
  const RunView& view = state.view();
  std::map<std::string_view, Standing> standings;
  for (const WorkloadSummary& workload : view.baseline->workloads)
    standings[workload.uuid].workload = {workload.uuid, workload.weight, workload.latency_us, 0};
  double programs = 0;
  for (const auto& [id, candidate] : view.candidates) {
    if (!is_counted(candidate)) continue;
    ++programs;
    for (const WorkloadSummary& workload : view.result_of(candidate)->workloads) {
      Standing& standing = standings.at(workload.uuid);
      const double ratio = standing.workload.baseline_us / workload.latency_us;
      standing.ratios += ratio;
      standing.latencies_us += workload.latency_us;
      standing.workload.best_ratio = std::max(standing.workload.best_ratio, ratio * kRaceHeadroom);
    }
  }
  std::vector<const Standing*> order;
  for (const auto& [uuid, standing] : standings) order.push_back(&standing);
  std::stable_sort(order.begin(), order.end(), [&](const Standing* a, const Standing* b) {
    return a->fall_per_us(programs) > b->fall_per_us(programs);
  });
  events::RacePlanned planned;
  planned.after_applied = state.applied();
  planned.race.floor = view.find(*view.best)->score * (1 - state.settings().race_margin);
  for (const Standing* standing : order) planned.race.workloads.push_back(standing->workload);
  return planned;
}

const Race* race_of(const State& state, const Candidate& candidate) {
  if (!candidate.race || candidate.origin.op == "seed" || candidate.origin.op == "compose") return nullptr;
  return &state.view().races.at(*candidate.race);
}

}  // namespace warpwright::search
