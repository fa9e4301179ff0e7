// Stagnation: an island whose best has not become better for stagnation_after of its own tickets. What is
// done about it is an event (Stagnated), planned from the state alone; what came of it is kept in
// RunView::interventions.
//
//   research  the island's next ticket asks a researcher
//   model     the model that was asked most on the island since it last got better rests there until it gets
//   better heat      the island's temperature is doubled until it gets better (select.h says what that does)
//   reset     cells and members are cleared; the island begins again with a few unlike members of the archive
//
// An action that cannot do anything now is skipped; if none can, nothing happens. Untried actions come first,
// in the configured order; then the one with the largest effect per candidate so far.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/events/run_view.h"
#include "src/search/population.h"

namespace warpwright::search {

inline constexpr double kMostHeat = 8;       // factor on the settings' temperature
inline constexpr size_t kRestored = 4;       // candidates that an island begins again with, at most
inline constexpr int64_t kLeastHistory = 4;  // outcomes, before anybody is asked what they teach

class Stagnation {
 public:
  // ---- the fold's, of events whose order is fixed alone ----

  void on_taken(events::RunView& view, const events::Origin& origin);  // a ticket was decided
  void on_asked(int island, const std::string& role, const std::string& model);
  // A ticket of a candidate was applied; before it enters the population.
  void on_applied(events::RunView& view, const events::Candidate& candidate);
  // The island has a better best than before.
  void on_better(events::RunView& view, int island);
  // `next_ticket`: the first that is decided after it. The cells are the population's.
  void on_stagnated(events::RunView& view, const events::Stagnated& event, events::Ticket next_ticket);

  // ---- what decisions read ----

  // What is due now, if anything can be done. `asked`: how many tickets each operator got.
  std::optional<events::Stagnated> due(const events::RunView& view, const Population& population,
                                       const std::map<std::string, int64_t>& asked) const;
  // The configured actions, those to be tried first in front.
  std::vector<std::string> actions_by_effect(const events::SearchSettings& settings) const;
  std::string digest() const;

 private:
  using RoleModel = std::pair<std::string, std::string>;
  // Of all interventions of an action: what actions_by_effect goes by.
  struct Effect {
    double gain = 0;  // ln(best since / best before), summed
    int64_t candidates = 0;
  };
  struct Watch {
    int64_t applied = 0;                 // of its tickets, since it got better or something was done
    std::map<RoleModel, int64_t> asked;  // since it got better or a model was sent to rest
    std::optional<size_t> intervention;  // of RunView::interventions, the last one
    events::Ticket acts_from = 0;        // its effect is on tickets decided since
  };

  Watch& at(int island);
  const Watch* find(int island) const;
  std::optional<events::Stagnated> plan(const events::RunView& view, const Population& population,
                                        const std::map<std::string, int64_t>& asked, int island,
                                        const std::string& action) const;

  std::vector<Watch> watches_;
  std::map<std::string, Effect> effects_;  // by action
};

// Whether the run can ask a researcher at all, its limits obeyed.
bool can_research(const events::RunView& view, const std::map<std::string, int64_t>& asked);

// Members of the archive that are unlike one another and none the island's best: the best of them first, then
// always the one that is farthest from those before.
std::vector<events::CandidateId> unlike_members(const events::RunView& view, const Population& population,
                                                int island, size_t count);

}  // namespace warpwright::search
