// Which sources' knobs are being tuned, and what is known of each: kept by the fold, from ordered events
// alone (Proposed of tune, Applied). The sessions themselves stand in RunView::tuning, for everybody.
//
// A session opens when a candidate is applied that passed, is no duplicate, has a knob that can move, and is
// promising: its score is at least (1 - tuning_margin) of the best of the run, or it is the champion of a
// band. Its budget is tuning_budget evaluations. Every ticket of the operator `tune` for its source counts,
// while there is budget. When the budget is used up and the source becomes better in another way, it opens
// again with half of what it had been granted last, until that is nothing: all its openings together stay
// below twice the budget.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/events/run_view.h"
#include "src/search/knob_choice.h"

namespace warpwright::search {

class TuningTable {
 public:
  struct Source {
    std::vector<events::CandidateId> applied;  // every candidate of the source, in order
    std::set<events::Ticket> in_flight;        // of the operator `tune`, any
    std::set<events::Ticket> members;          // of these, those that the session pays
    int64_t revision = 0;                      // counts what became known
    // What the model said at a revision: a function of the state alone, kept to be computed once.
    struct Verdict {
      int64_t revision = -1;
      std::optional<KnobChoice> choice;
    };
    mutable Verdict verdict;
  };

  // Both after the event has entered the view. Without tuning_budget they do nothing.
  void on_proposed(events::RunView& view, const events::Candidate& candidate);
  void on_applied(events::RunView& view, const events::Candidate& candidate);

  const Source* find(
      const std::string& source_hash) const;  // null: nothing of it is known, or nothing can move
  // Those with budget left, the best source first (equal scores: the one that was opened last).
  struct Rank {
    double score = 0;
    events::CandidateId opened_by = 0;
    std::string source_hash;
    bool operator<(const Rank& other) const;
  };
  const std::set<Rank>& ranked() const { return ranked_; }

  std::string digest(const events::RunView& view) const;

 private:
  void open(events::RunView& view, const events::Candidate& candidate);
  void rank(const events::RunView& view, const std::string& source_hash);

  std::map<std::string, Source> sources_;
  std::map<std::string, Rank> rank_of_;
  std::set<Rank> ranked_;
};

// Whether the source is worth an evaluation now: see above.
bool is_promising(const events::RunView& view, const std::string& source_hash, double score);

}  // namespace warpwright::search
