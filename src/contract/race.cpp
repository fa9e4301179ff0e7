#include "src/contract/race.h"

#include "src/base/check.h"

namespace warpwright {

RaceStanding race_standing(const Race& race, const std::vector<double>& latencies_us) {
  CHECK(latencies_us.size() <= race.workloads.size());
  double sum = 0, weight = 0;
  bool is_champion = false;
  for (size_t i = 0; i < race.workloads.size(); ++i) {
    const RaceWorkload& workload = race.workloads[i];
    const bool is_done = i < latencies_us.size();
    const double ratio = is_done ? workload.baseline_us / latencies_us[i] : workload.best_ratio;
    is_champion |= is_done && ratio > workload.best_ratio;
    sum += workload.weight * ratio;
    weight += workload.weight;
  }
  RaceStanding standing;
  standing.bound = weight > 0 ? sum / weight : 0;
  standing.is_lost = weight > 0 && !is_champion && standing.bound < race.floor;
  return standing;
}

Json to_json(const Race& race) {
  Json workloads = Json::array();
  for (const RaceWorkload& w : race.workloads)
    workloads.push_back({{"uuid", w.uuid},
                         {"weight", w.weight},
                         {"baseline_us", w.baseline_us},
                         {"best_ratio", w.best_ratio}});
  return {{"floor", race.floor}, {"workloads", std::move(workloads)}};
}

Result<Race> race_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "race"));
  Race race;
  TRY_ASSIGN(race.floor, reader.number("floor"));
  TRY_ASSIGN(const Json* workloads, reader.array("workloads"));
  for (const Json& item : *workloads) {
    TRY_ASSIGN(auto w, JsonObjectReader::open(item, "race.workloads"));
    RaceWorkload workload;
    TRY_ASSIGN(workload.uuid, w.string("uuid"));
    TRY_ASSIGN(workload.weight, w.number("weight"));
    TRY_ASSIGN(workload.baseline_us, w.number("baseline_us"));
    TRY_ASSIGN(workload.best_ratio, w.number("best_ratio"));
    if (!(workload.weight > 0) || !(workload.baseline_us > 0) || !(workload.best_ratio >= 0))
      return usage_error("race.workloads: weight and baseline_us must be above 0, best_ratio 0 or more");
    race.workloads.push_back(std::move(workload));
  }
  return race;
}

}  // namespace warpwright
