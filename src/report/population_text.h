// The population of a run, for people: islands, champions of bands and what a portfolio of the best for each
// workload would score, the Pareto front, what was done about islands that did not get better and what came
// of it, and how old the outcomes are that tickets are decided from. Pure.
#pragma once

#include <string>

#include "src/events/run_view.h"

namespace warpwright::report {

// Empty before anything was applied.
std::string population_text(const events::RunView& view);
Json population_json(const events::RunView& view);

// How far decisions run ahead of outcomes: a ticket is decided without those of the last `window` - 1 before
// it (of more than that only while the seeds are evaluated).
struct Staleness {
  int64_t bound = 0;    // window - 1
  int64_t longest = 0;  // tickets whose outcomes one was decided without
  double mean = 0;
  double parent_age = 0;  // mean over candidates with a parent: tickets between the two
};
Staleness staleness_of(const events::RunView& view);

}  // namespace warpwright::report
