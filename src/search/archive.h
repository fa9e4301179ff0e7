// The archive: the best distinct programs of the whole run, at most archive_size of them, best first
// (RunView::archive). Here is what its upkeep needs to know of its members.
//
// Rank by score: the higher score, of equals the older. Rank pareto: by fronts (those that nobody dominates,
// then those that only these dominate, ...: Goldberg, Genetic Algorithms, 1989; Srinivas and Deb 1994),
// within a front as by score. So the highest score leads both. Where near-duplicates count as one program
// (share_near_duplicates), the better of two with the same fingerprint stays.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/events/objectives.h"
#include "src/search/sketch.h"

namespace warpwright::search {

class Archive {
 public:
  // REQUIRES: passed, not a duplicate, never entered before.
  void enter(events::RunView& view, const events::Candidate& candidate);
  // After another configuration took over.
  void rank_anew(events::RunView& view);

  // 1 - likeness to the nearest member; 1 where nothing is known. O(archive).
  double distance(const std::optional<Sketch>& sketch) const;
  // None: not a member, or its sketch is not known.
  std::optional<Sketch> sketch_of(events::CandidateId id) const;

 private:
  struct Member {
    events::Objectives objectives;
    std::optional<Sketch> sketch;
    std::string fingerprint;
  };

  bool make_room_for(events::RunView& view, const Member& member);
  void insert_by_score(std::vector<events::CandidateId>& list, events::CandidateId id) const;
  void sort_by_fronts(std::vector<events::CandidateId>& list) const;
  void forget(events::RunView& view, size_t index);
  bool scores_above(events::CandidateId a, events::CandidateId b) const;

  std::unordered_map<events::CandidateId, Member> members_;
  std::unordered_map<std::string, events::CandidateId> by_fingerprint_;
};

}  // namespace warpwright::search
