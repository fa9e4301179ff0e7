// Composition: the champions of the bands become one candidate that dispatches to them. Decided here, by the
// search alone; the text is made by a Composer (src/plan/compose.h), and the result is evaluated as a whole
// like any other candidate.
//
// A composition is due as soon as
//   * at least two bands have different champions,
//   * no other composition is outstanding,
//   * these champions were never composed before, and
//   * together they promise a score more than kLeastPromise above the best candidate's:
//       sum over bands of weight * champion's score / sum of weights,
//     which is what the composition scores if each band runs exactly as in its champion.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/events/run_view.h"

namespace warpwright::search {

inline constexpr double kLeastPromise = 0.01;  // of the best score

struct BandChampion {
  std::string band;
  events::CandidateId candidate = 0;
};

struct ComposedSource {
  std::string source_hash;
  std::vector<events::DeclaredKnob> declared_knobs;
};

// How champions become a source. Both must be pure functions.
struct Composer {
  std::vector<std::string> bands;  // in the order of the rules
  // None: these cannot be composed.
  std::function<std::optional<ComposedSource>(const std::vector<BandChampion>&)> compose;
};

// The sets of champions that were composed. Kept by the fold.
class Compositions {
 public:
  void note(events::Ticket ticket, const std::vector<events::CandidateId>& champions);
  bool contains(const std::vector<events::CandidateId>& champions) const {
    return composed_.contains(champions);
  }
  events::Ticket last_ticket() const { return last_ticket_; }  // -1: none
  const std::set<std::vector<events::CandidateId>>& all() const { return composed_; }

 private:
  std::set<std::vector<events::CandidateId>> composed_;
  events::Ticket last_ticket_ = -1;
};

struct DueComposition {
  std::vector<BandChampion> champions;  // in the order of bands
  double predicted_score = 0;

  std::vector<events::CandidateId> candidates() const;
  std::string note() const;  // "compose of c0012 (small), c0031 (large)"
};

// None: nothing is due. Bands unknown to `bands` come after those, by name.
std::optional<DueComposition> due_composition(const events::RunView& view, const Compositions& compositions,
                                              const std::vector<std::string>& bands);

}  // namespace warpwright::search
