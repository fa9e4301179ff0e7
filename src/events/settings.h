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
  std::string feature;  // one of feature_names() (result_summary.h)
  std::vector<double> edges;
};

// Every field that is younger than the first journals has, where a journal lacks it, the value that keeps the
// old decisions ("absent: ..."); new runs begin with the defaults here.
struct SearchSettings {
  // evolve | best-of-n (every proposal starts from a seed or from nothing, none sees another's outcome) |
  // hill-climb (one line: every proposal changes the best so far). Absent: evolve.
  std::string strategy = "evolve";
  int window = 16;  // ticket t sees the outcomes of tickets 0..t-window (src/search/window.h)
  int islands = 3;
  int archive_size = 50;
  int migration_interval = 40;  // applied tickets between two migrations; 0: never
  int migration_count = 1;      // elites copied from each island to the next one on the ring
  double exploration = 0.2;     // parent: uniform over the island's elites
  double exploitation = 0.7;    // parent: from the archive
  double elite = 0.1;           // parent: the island's elites by score; the three are relative weights
  int inspirations = 2;         // of these, as far as there are such: ...
  int top_inspirations = 1;     // ... the best of the island and the archive first. Absent: 1
  int diverse_inspirations =
      1;  // ... then those least like the parent (sketches). Absent: 0, drawn at random
  // Share of parents that are champions: the fastest of a band of workloads, in proportion to what the
  // portfolio of champions would lose without them. Absent: 0.
  double portfolio = 0.15;
  // Members of an island: the elites of its cells, and the others that passed up to this many in all (elites
  // are never dropped for others); exploration draws from all of them. Absent: 0, elites only.
  int population_size = 1000;
  std::string archive_rank = "score";  // score | pareto (score, worst band, simplicity). Absent: score
  double temperature = 1.0;            // of draws by score: 0 greedy, large uniform. Absent: 1
  // A program whose fingerprint equals that of an applied one shares its result: no evaluation. Absent:
  // false.
  bool share_near_duplicates = true;
  // Evaluations spent on the knobs of a source when one of its candidates is promising: within tuning_margin
  // of the best of the run, or champion of a band (tuning.h). Absent: 0, knobs are tuned by the operator's
  // weight alone.
  int tuning_budget = 12;
  double tuning_margin = 0.1;
  // Share of tickets that open tuning sessions may take. Absent: 0.5.
  double tuning_share = 0.5;
  // An evaluation stops when its score cannot come within this of the best of the run (contract/race.h).
  // Absent: 0, never.
  double race_margin = 0.3;
  // Applied tickets of one island without a better best before it counts as stagnant. Absent: 0, never.
  int stagnation_after = 60;
  // What is tried then, in this order at first, later by effect: research | model | reset | heat.
  std::vector<std::string> stagnation_actions = {"research", "model", "heat", "reset"};
  // Sections of prompts that are left out of a share of the prompts, at random, to learn what they are worth.
  std::vector<std::string> trial_sections;
  double trial_share = 0.25;  // of the prompts, for each of the sections
  double bandit_memory =
      1.0;  // what a pull counts after another one: 1 all alike, 0.98 half after 34. Absent: 1
  double tie_margin = 0.15;  // estimates within this relative distance are a TIE
  // What kind of kernel it is, in a few bins each (216 cells: a run of hundreds of candidates meets in them):
  // how many launches; registers that leave room for four, two or fewer blocks of 256 threads; no shared
  // memory, what needs no opt-in, more; tensor cores or not; a variant of what the archive holds, a relative,
  // something else.
  std::vector<FeatureDimension> dimensions = {{"launches", {2, 3, 5}},
                                              {"registers", {65, 129}},
                                              {"shared_bytes", {1, 49153}},
                                              {"tensor_instructions", {1}},
                                              {"archive_distance", {0.1, 0.4}}};
  // Operators by weight. "tune" and "compose" are the search's own; every other asks a model
  // (search/operators.h).
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
