#include "evaluator/service/race_run.h"

#include <algorithm>
#include <map>
#include <set>

namespace warpwright::service {
namespace {

const std::string& uuid_of(const BoundWorkload& workload) {
  return workload.report.uuids.front();
}

bool is_timed(const BoundWorkload& workload) {
  return workload.passed && workload.report.latency_us > 0;
}

}  // namespace

void enter_race(Evaluation& evaluation) {
  const EvaluationRequest& request = evaluation.request;
  if (!request.race || request.rival || request.last_stage != Stage::kTime) return;
  std::set<std::string> selected, raced;
  for (const BoundWorkload& workload : evaluation.workloads) selected.insert(uuid_of(workload));
  for (const RaceWorkload& workload : request.race->workloads) raced.insert(workload.uuid);
  if (selected == raced && raced.size() == request.race->workloads.size())
    evaluation.race = *request.race;
  else
    evaluation.report.warnings.push_back("no race: it was planned for other workloads than the selection's");
}

std::vector<BoundWorkload*> in_race_order(Evaluation& evaluation) {
  std::vector<BoundWorkload*> order;
  for (BoundWorkload& workload : evaluation.workloads) order.push_back(&workload);
  if (!evaluation.race) return order;
  std::map<std::string, size_t> place;
  for (const RaceWorkload& workload : evaluation.race->workloads) place.emplace(workload.uuid, place.size());
  std::stable_sort(order.begin(), order.end(), [&](const BoundWorkload* a, const BoundWorkload* b) {
    return place.at(uuid_of(*a)) < place.at(uuid_of(*b));
  });
  return order;
}

bool is_race_lost(Evaluation& evaluation) {
  if (!evaluation.race || evaluation.report.lost_race) return evaluation.report.lost_race;
  const std::vector<BoundWorkload*> order = in_race_order(evaluation);
  Race finished_first{evaluation.race->floor, {}};
  std::vector<double> latencies_us;
  for (const bool is_finished : {true, false}) {
    for (size_t k = 0; k < order.size(); ++k) {
      if (is_timed(*order[k]) != is_finished) continue;
      finished_first.workloads.push_back(evaluation.race->workloads[k]);
      if (is_finished) latencies_us.push_back(order[k]->report.latency_us);
    }
  }
  const RaceStanding standing = race_standing(finished_first, latencies_us);
  // Who is timed on every workload has a score.
  if (!standing.is_lost || latencies_us.size() == order.size()) return false;
  evaluation.report.lost_race = true;
  evaluation.report.race_bound = standing.bound;
  return true;
}

}  // namespace warpwright::service
