// The portfolio: what a program would score that took, for every workload, the best candidate there is. And
// the champions: the fastest candidate of each band, the parts that such a program would be made of.
//
// Kept incrementally: one candidate costs O(workloads), whatever the number of those before.
#pragma once

#include <string>
#include <vector>

#include "src/events/run_view.h"

namespace warpwright::search {

class Portfolio {
 public:
  // A champion, and what the champions' portfolio would lose of its score without it. One that leads several
  // bands stands once.
  struct Stake {
    events::CandidateId candidate = 0;
    double loss = 0;
  };

  // Takes the candidate in and updates view.champions; returns what it adds to score(). 0 where its times
  // cannot be compared with the baseline's. REQUIRES: passed, not a duplicate.
  double enter(events::RunView& view, const events::Candidate& candidate);

  // Weighted mean over the workloads of the best ratio by any candidate; 0 before the first.
  double score() const { return score_; }
  const std::vector<Stake>& stakes() const { return stakes_; }  // by age

 private:
  struct Band {
    std::string name;
    double weight = 0;
    double score = -1;  // the champion's
    events::CandidateId champion = 0;
    std::vector<double> ratios;  // the champion's, over all workloads
  };

  void start(const events::Baseline& baseline);
  double score_of(const Band& band, const std::vector<double>& ratios) const;
  void weigh_champions();

  std::vector<double> weights_;  // of the workloads, in the baseline's order
  std::vector<size_t> band_of_;  // index into bands_
  std::vector<double> best_;     // ratio per workload; 0: none yet
  double total_weight_ = 0;
  double score_ = 0;
  std::vector<Band> bands_;  // in the order of their names
  std::vector<Stake> stakes_;
};

}  // namespace warpwright::search
