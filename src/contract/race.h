// A race: an evaluation that is stopped as soon as its candidate has clearly lost, so that losers cost a
// fraction of a whole evaluation.
//
// Workloads are run in the order given (those that tell candidates apart first; any others follow in the
// selection's order). After each, a bound on the score is known: what the finished ones gave, and for each of
// the others `best_ratio`, an optimistic figure. Once the bound is below `floor`, and no finished workload
// was faster than its `best_ratio` (a champion of a regime is never stopped), the candidate has lost: its
// report is PASSED as far as it got, with `lost_race`, and never enters a population.
#pragma once

#include <string>
#include <vector>

#include "src/base/json.h"

namespace warpwright {

struct RaceWorkload {
  std::string uuid;
  double weight = 1;
  double baseline_us = 0;  // above 0
  double best_ratio = 0;   // baseline / latency that is at most to be expected
};

struct Race {
  double floor = 0;  // score
  std::vector<RaceWorkload> workloads;
};

// The race's outcome after the first `latencies_us.size()` workloads of it. Pure; who evaluates and who
// checks agree by it. REQUIRES: at most as many latencies as workloads, all above 0.
struct RaceStanding {
  double bound = 0;  // of the score
  bool is_lost = false;
};
RaceStanding race_standing(const Race& race, const std::vector<double>& latencies_us);

Json to_json(const Race& race);
Result<Race> race_from_json(const Json& json);

}  // namespace warpwright
