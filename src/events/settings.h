// What the search must know of a run's configuration. Part of the RunStarted event, so that the state of a
// run is a function of its events alone. Filled from the [search] table of configs/*.toml.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/base/json.h"

namespace warpwright::events {

// One behaviour dimension of the MAP-Elites grid. Edges are declared, never learnt from the data: a cell
// means the same at the start and at the end of a run. Bin i holds edges[i-1] <= x < edges[i]; n edges make
// n+1 bins.
struct FeatureDimension {
  std::string feature;  // launches | registers | shared_bytes | threads_per_block
  std::vector<double> edges;
};

struct SearchSettings {
  int window = 16;  // ticket t sees the outcomes of tickets 0..t-window (src/search/window.h)
  int islands = 3;
  int archive_size = 50;
  int migration_interval = 40;  // applied tickets between two migrations; 0: never
  int migration_count = 1;      // elites copied from each island to the next one on the ring
  double exploration = 0.2;     // parent: uniform over the island's elites
  double exploitation = 0.7;    // parent: from the archive
  double elite = 0.1;           // parent: the island's elites by score; the three are relative weights
  int inspirations = 2;
  double tie_margin = 0.15;  // estimates within this relative distance are a TIE
  std::vector<FeatureDimension> dimensions = {{"launches", {2, 3, 5}},
                                              {"registers", {33, 65, 97, 129}},
                                              {"shared_bytes", {1, 16385, 49153, 102401}},
                                              {"threads_per_block", {65, 129, 257, 513}}};
  // Operators by weight. "tune" is the search's own; every other asks a model (search/operators.h).
  std::map<std::string, double> operators = {{"tune", 1.0}};
  // Who is asked: an operator's role, and a role's models by weight. Empty without models.
  std::map<std::string, std::string> operator_roles;
  std::map<std::string, std::map<std::string, double>> roles;
  std::string model_choice = "weights";     // weights | bandit (search/ensemble.h): which model of the role
  std::string operator_choice = "weights";  // the same for the operator
  int repair_attempts = 2;                  // repairs in a row that one failed candidate gets
  // A model that changes a source is shown it with the best knob values found so far. Off in runs begun
  // before this was.
  bool best_settings = true;
  // How many tickets an operator may use in the whole run (answers of a scripted provider); missing: no
  // limit.
  std::map<std::string, int64_t> operator_limits;
};

Json to_json(const SearchSettings& settings);
// Missing keys keep their defaults; unknown keys and values out of range are usage errors that name the key.
Result<SearchSettings> search_settings_from_json(const Json& json, std::string where);

}  // namespace warpwright::events
