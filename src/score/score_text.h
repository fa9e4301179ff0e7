// Scores for people and for machines.
#pragma once

#include <string>
#include <vector>

#include "src/base/json.h"
#include "src/score/score.h"

namespace warpwright::score {

enum class PerWorkload { kNo, kYes };

std::string render_scores(const std::vector<SolutionScore>& scores, const std::vector<TrackScore>& tracks,
                          PerWorkload per_workload);

// {"definitions": [{definition, solution, baseline, hardware, score, ..., workloads, bands}], "tracks":
// [...]}
Json scores_to_json(const std::vector<SolutionScore>& scores, const std::vector<TrackScore>& tracks);

}  // namespace warpwright::score
