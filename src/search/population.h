// The population of a run: MAP-Elites cells and members per island, an archive over all, the best, the
// champions. Part of the state: changed by the fold alone (state.h). What people and prompts see of it stands
// in RunView; here are the orders over it that decisions need, kept as it changes, so that no decision sorts
// or scans it.
//
// Invariants (tested as properties):
//   only passed candidates enter, and a program (result key) once, under the candidate that brought it first;
//   a cell's elite gives way to a strictly better one only; it stays as a member as long as there is room;
//   members hold all elites, and others up to population_size in all: the worst of the others goes first
//     (0: elites only; more cells than that: elites only);
//   a migration copies, so it takes nothing from the island it leaves, and nothing stands twice on an island.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/events/run_view.h"
#include "src/search/archive.h"
#include "src/search/portfolio.h"

namespace warpwright::search {

// The bins of a result's features along the declared dimensions.
std::vector<int> cell_of(const events::SearchSettings& settings, const events::ResultSummary& result,
                         double archive_distance);

// Whether the candidate's score would make it the best of the run; `best` is not changed by less.
bool would_lead(const events::RunView& view, events::CandidateId id, double score);

// Does the first come before the second? By score, then age.
bool ranks_before(const events::RunView& view, events::CandidateId a, events::CandidateId b);

class Population {
 public:
  struct Ranked {
    double score = 0;
    events::CandidateId id = 0;
    // Best first, of equals the older.
    bool operator<(const Ranked& other) const {
      return score != other.score ? score > other.score : id < other.id;
    }
    bool operator==(const Ranked&) const = default;
  };

  // ---- the fold's ----

  // The candidate enters its island (a seed: every island), the archive and, if it would lead (and, where
  // times are measured, has won its duel with the best), becomes best. Sets its archive_distance and
  // portfolio_gain. Returns the islands whose best it has become. REQUIRES: passed, scored, not a duplicate.
  std::vector<int> enter(events::RunView& view, events::Candidate& candidate);

  // True if it became the best of the island. REQUIRES: the move names a passed candidate and islands that
  // exist.
  bool move(events::RunView& view, const events::Migrated::Move& move);

  // The island begins again with these alone. REQUIRES: passed candidates.
  void reset(events::RunView& view, int island, const std::vector<events::CandidateId>& restored);

  // After another configuration took over (same islands, same cells).
  void adapt(events::RunView& view);

  // ---- what decisions read ----

  // The elites of an island, best first.
  const std::vector<Ranked>& elites(int island) const;
  bool is_member(int island, events::CandidateId id) const;
  // Copies of each island's best natives to the next island on the ring, as they stand now.
  std::vector<events::Migrated::Move> plan_migration(const events::RunView& view) const;
  const Portfolio& portfolio() const { return portfolio_; }
  const Archive& archive() const { return archive_; }
  // The best knob setting of a source; none: it never passed.
  std::optional<events::CandidateId> best_setting(const std::string& source_hash) const;

 private:
  struct Island {
    std::vector<Ranked> elites;
    std::set<Ranked> others;                                   // members that are no elites
    std::unordered_map<events::CandidateId, size_t> position;  // in IslandView::members
  };
  struct Entered {
    bool is_elite = false, is_best = false;
  };

  Island& at(const events::RunView& view, size_t island);
  Entered enter_island(events::RunView& view, size_t island, const events::Candidate& candidate);
  void add_member(events::RunView& view, size_t island, events::CandidateId id);
  void drop_member(events::RunView& view, size_t island, events::CandidateId id);
  void keep_to_limit(events::RunView& view, size_t island);
  void note_setting(const events::Candidate& candidate);

  std::vector<Island> islands_;
  Archive archive_;
  Portfolio portfolio_;
  std::unordered_map<std::string, Ranked> best_setting_;  // by source
};

}  // namespace warpwright::search
