// The state of a run: the fold of its events, nothing else. Pure: no I/O, no clock, no randomness.
//
// `apply` is the only way in. Facts that arrive in any order (answers, compilations, evaluations) are kept
// with their candidate, but the population, the scores and all that `decide` reads change only by events
// whose order is fixed: Proposed of seed, tune and compose, ModelRequested, Applied, Migrated, RacePlanned,
// Stagnated.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>

#include "src/events/run_view.h"
#include "src/search/arm_memory.h"
#include "src/search/compose.h"
#include "src/search/population.h"
#include "src/search/stagnation.h"
#include "src/search/tuning_table.h"

namespace warpwright::search {

// What the race in force was planned from (race_plan.h).
struct RaceBasis {
  int64_t passed_programs = 0;
  double best_score = 0;
};

class State {
 public:
  // Error: an event that contradicts those before it (a damaged or foreign journal). The state is then
  // undefined.
  Result<void> apply(const events::Event& event);
  static Result<State> fold(std::span<const events::Record> records);

  const events::RunView& view() const { return view_; }
  const events::SearchSettings& settings() const;  // REQUIRES: started
  bool started() const { return view_.started.has_value(); }
  bool finished() const { return !view_.finished_reason.empty(); }

  events::Ticket next_ticket() const { return next_ticket_; }  // the first not yet decided
  int64_t applied() const { return view_.applied; }            // tickets 0..applied-1 count

  // Is the outcome of this ticket known, so that it can be applied when its turn comes?
  bool outcome_known(events::Ticket ticket) const;

  // What decisions may read beside the view's population. All of it is independent of arrival order.
  int64_t requests_of(const std::string& op) const;  // tickets given to this operator
  const std::set<std::string>& assignments_tried(const std::string& source_hash) const;  // canonical_knobs
  events::Ticket last_working_ticket() const { return last_working_ticket_; }            // not idle; -1: none
  std::optional<events::CandidateId> first_with_key(const std::string& result_key) const;  // applied ones
  // The first applied one of equal identity or fingerprint; empty strings equal nothing.
  std::optional<events::CandidateId> first_of_program(const std::string& identity,
                                                      const std::string& fingerprint) const;
  int64_t passed_programs() const { return passed_programs_; }  // applied, distinct, not lost in a race
  const RaceBasis& race_basis() const { return race_basis_; }
  int64_t last_migration() const { return last_migration_; }  // `applied` at that time
  bool repair_asked(events::CandidateId failed) const { return repairs_.contains(failed); }
  // The newest failure of a model's making that nobody was asked to mend yet, its budget of repairs not used
  // up.
  std::optional<events::CandidateId> failure_to_repair() const;
  const Population& population() const { return population_; }
  // What is due about an island that does not get better, if anything can be done.
  std::optional<events::Stagnated> due_intervention() const;
  bool can_research() const;

  const TuningTable& tuning() const { return tuning_; }
  const ArmMemory& arms() const { return arms_; }

  const Compositions& compositions() const { return compositions_; }

  // Does this ticket wait for a model, with nothing of it in flight?
  bool wants_call(events::Ticket ticket) const;
  // How an answer ended that is here and was not read yet (ModelAnswered::finish); null: there is none. The
  // process that got it died: it is read, not asked for and paid for again.
  const std::string* unread_answer(events::Ticket ticket) const;

  // A digest of everything `decide` can read: equal digests decide alike. For tests and `journal verify`.
  std::string digest() const;

 private:
  Result<void> on(const events::RunStarted& event);
  Result<void> on(const events::ModelRequested& event);
  Result<void> on(const events::ModelAnswered& event);
  Result<void> on(const events::Proposed& event);
  Result<void> on(const events::ProposalFailed& event);
  Result<void> on(const events::Compiled& event);
  Result<void> on(const events::EvaluationFinished& event);
  Result<void> on(const events::Abandoned& event);
  Result<void> on(const events::Applied& event);
  Result<void> on(const events::Migrated& event);
  Result<void> on(const events::RunPaused& event);
  Result<void> on(const events::RunResumed& event);
  Result<void> on(const events::RunFinished& event);
  Result<void> on(const events::DuelFinished& event);
  Result<void> on(const events::CallStarted& event);
  Result<void> on(const events::CallFailed& event);
  Result<void> on(const events::FollowUpAsked& event);
  Result<void> on(const events::Researched& event);
  Result<void> on(const events::RunForked& event);
  Result<void> on(const events::RacePlanned& event);
  Result<void> on(const events::Stagnated& event);
  Result<void> on(const events::FinalistMeasured& event);
  Result<void> on(const events::LedgerNoted& event);

  Result<events::Candidate*> open_candidate(events::Ticket ticket, std::string_view what);
  Result<void> take_ticket(events::Ticket ticket, const events::Origin& origin);
  void set_phase(events::Candidate& candidate, events::Phase phase);
  Result<events::CallStarted> close_call(events::Ticket ticket, int turn, int attempt);
  void charge_lost_calls();
  void note_staleness(events::Ticket ticket);
  void record_pull(const events::Candidate& candidate);
  void enter_population(events::Candidate& candidate);
  void note_failure(const events::Candidate& candidate);

  events::RunView view_;
  events::Ticket next_ticket_ = 0;
  events::Ticket last_working_ticket_ = -1;
  int64_t last_migration_ = 0;
  int64_t passed_programs_ = 0;
  RaceBasis race_basis_;
  std::set<events::CandidateId> repairs_;   // failed candidates that a repair was asked for
  std::set<events::CandidateId> mendable_;  // failed candidates that a repair may still be asked for
  Population population_;
  Stagnation stagnation_;
  std::set<events::Ticket> idle_;  // decided, nothing proposed, not yet applied
  std::map<events::Ticket, std::string> unread_;
  std::map<std::string, int64_t> requests_;
  std::map<std::string, std::set<std::string>> tried_;
  std::map<std::string, events::CandidateId> first_with_key_, first_with_identity_, first_with_fingerprint_;
  TuningTable tuning_;
  Compositions compositions_;
  ArmMemory arms_;
};

// One text for equal assignments: "A=1,B=2" in the order of names.
std::string canonical_knobs(const KnobValues& knobs);

}  // namespace warpwright::search
