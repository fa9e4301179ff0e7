// The read-only view of a run: what prompt, report and command line know of the population. Kept by the fold
// in src/search/state.h; plain data here, so that its readers need no search.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/events/event.h"

namespace warpwright::events {

enum class Phase {
  kRequested,       // a provider was asked
  kProposed,        // there is a candidate, not evaluated
  kCompiled,        // its identity is known
  kEvaluated,       // its result is known and waits for its turn
  kApplied,         // its result counts
  kProposalFailed,  // never became a candidate
  kAbandoned,       // lost by the infrastructure
  kResearched,      // wrote lessons instead of a candidate
};
inline constexpr size_t kPhaseCount = 8;
std::string_view to_string(Phase phase);

struct Candidate {
  CandidateId id = 0;
  Phase phase = Phase::kProposed;
  Origin origin;
  std::string source_hash;
  KnobValues knobs;
  std::string note;
  std::string identity;    // empty: not known
  std::string result_key;  // empty: not known
  std::optional<CandidateId> duplicate_of;
  std::string failure;                  // of kProposalFailed and kAbandoned
  Status status = Status::kWorkerLost;  // REQUIRES: phase kApplied
  double score = 0;                     // REQUIRES: phase kApplied
  std::string reply_hash;               // of the model's last answer; empty if none
  std::string role, model;              // who was asked; after an answer, who gave it
  std::string prompt_hash;              // of the current turn
  int turn = 0;                         // 1: told once that its answer could not be used
  int attempts = 0;                     // calls of this turn so far
  int64_t request_index = 0;
  int64_t microdollars = 0;           // of its calls that ended by themselves: not of lost ones (ModelUsage)
  std::vector<Lesson> lessons;        // of kResearched
  std::string fingerprint, sketch;    // see EvaluationReport; empty: not known
  bool lost_race = false;             // stopped early: not passed, and its score is a bound
  std::optional<size_t> race;         // of RunView::races, the one it is evaluated in
  std::vector<std::string> left_out;  // sections that its prompt lacked, on trial
  double archive_distance = 1;        // to the nearest of the archive when it was applied: 0 equal, 1 unlike
  double portfolio_gain = 0;          // what it added to the portfolio's score when it was applied
  bool passed() const { return phase == Phase::kApplied && status == Status::kPassed && !lost_race; }
};

// The fastest candidate of a band of workloads.
struct Champion {
  CandidateId candidate = 0;
  double score = 0;   // over the band's workloads alone
  double weight = 0;  // of the band's workloads
};

// What was done about an island that did not get better, and what came of it.
struct Intervention {
  Stagnated event;
  int64_t candidates = 0;    // of the island, applied since, until the next one
  double best_score = 0;     // of the island since
  int64_t microdollars = 0;  // spent by those candidates
};

// What candidates are measured against: the record of the plain seed in this run.
struct Baseline {
  std::string name;
  CandidateId candidate = 0;
  Measure measure;
  std::vector<WorkloadSummary> workloads;
};

struct SourceInfo {
  std::vector<DeclaredKnob> declared_knobs;
  CandidateId first_candidate = 0;
};

struct IslandView {
  std::map<std::vector<int>, CandidateId> cells;  // elite of each MAP-Elites cell
  std::optional<CandidateId> best;
  int64_t proposed = 0;  // tickets assigned to this island
  int64_t arrived = 0;   // elites that came by migration
  int64_t passed = 0;    // of its own candidates, distinct programs
  // Elites and others that passed, at most population_size of them; in no order of meaning, for draws.
  std::vector<CandidateId> members;
  double temperature = 1;       // factor on the settings'; `heat` raises it until the island gets better
  int64_t better_at = 0;        // `applied` when its best last changed, or something was done about it
  std::string resting_model;    // not asked on this island until it gets better; empty: none
  bool wants_research = false;  // its next ticket
  int64_t resets = 0;
};

// What one model of the run did, and what it cost. Arrival-order facts: no decision and no prompt reads them.
struct ModelUsage {
  int64_t answered = 0, failed_attempts = 0, refused = 0, truncated = 0;
  int64_t counted = 0;  // of the failed ones, those that may have been billed
  int64_t lost = 0;     // in flight when a process died or left: charged their worst case, here alone
  int64_t input_tokens = 0, cached_tokens = 0, output_tokens = 0, reasoning_tokens = 0;
  int64_t charged_tokens = 0;  // of attempts that brought no answer
  int64_t microdollars = 0;    // spent, attempts that may have been billed included
};

// What an operator made of a model, of applied tickets only: what the bandit goes by.
struct ArmRecord {
  int64_t pulls = 0;
  double gain = 0;  // sum of ln(score / reference) where positive (search/gain.h)
  int64_t microdollars = 0;
};

// The same of a section of the prompts on trial, with it and without it.
struct TrialRecord {
  // The gains of single pulls, too: their spread says how sure the difference is.
  ArmRecord with, without;
  double squares_with = 0, squares_without = 0;  // sums of squared gains
};

// Evaluations spent on the knobs of one source (search/tuning_table.h).
struct TuningSession {
  CandidateId opened_by = 0;          // the promising candidate, of the last opening
  int openings = 0;
  int64_t granted = 0, budget = 0;    // evaluations: at the last opening, in all
  int64_t used = 0;                   // settled ones; never more than the budget
  int64_t in_flight = 0;              // decided, not settled; used + in_flight <= budget
  double score_before = 0;            // best of the source when it was opened first
  CandidateId best = 0;               // of the source, whoever made it
  double best_score = 0;
  bool has_budget() const { return used + in_flight < budget; }
};

struct RunCounters {
  std::array<int64_t, kPhaseCount> by_phase{};
  std::map<Status, int64_t> by_status;  // applied ones
  std::map<std::string, int64_t> by_operator;
  int64_t duplicates = 0;       // applied without an evaluation of their own
  int64_t near_duplicates = 0;  // of these, by fingerprint
  int64_t lost_races = 0;
  int64_t evaluations = 0;  // EvaluationFinished
  int64_t idle = 0;         // tickets without anything to propose
  int64_t input_tokens = 0, output_tokens = 0;
  int64_t follow_ups = 0;
  // Earlier tickets whose outcomes a ticket was decided without: summed over all tickets, and the most.
  int64_t staleness = 0, longest_staleness = 0;
};

struct RunView {
  std::optional<RunStarted> started;
  std::map<CandidateId, Candidate> candidates;
  std::map<std::string, ResultSummary> results;    // by result key
  std::map<std::string, std::string> report_hash;  // by result key: blob of the whole report
  std::map<std::string, SourceInfo> sources;       // by source hash
  std::map<std::pair<CandidateId, CandidateId>, DuelFinished> duels;  // by (challenger, incumbent)
  std::vector<IslandView> islands;
  std::vector<CandidateId> archive;  // best first, distinct programs
  std::optional<Baseline> baseline;
  std::optional<CandidateId>
      best;  // of measured candidates: who won every duel, not who has the highest score
  RunCounters counters;
  std::map<std::string, ModelUsage> models;                       // by name in the run
  std::map<std::pair<Ticket, int>, CallStarted> open_calls;       // by ticket and turn
  std::map<std::pair<std::string, std::string>, ArmRecord> arms;  // by (operator, model)
  std::vector<Lesson> lessons;                                    // written by applied research tickets
  std::map<std::string, Champion> champions;                      // by band
  std::vector<Race> races;                                        // in the order planned
  std::vector<Intervention> interventions;                        // in order
  std::map<std::string, TrialRecord> trials;                      // by section
  std::map<CandidateId, FinalistMeasured> finalists;
  std::map<std::string, TuningSession> tuning;  // by source hash
  std::vector<Json> ledgers;    // one per process that wrote any
  int64_t applied = 0;          // tickets settled: 0..applied-1 count
  std::string finished_reason;  // empty: not finished

  const Candidate* find(CandidateId id) const;
  const DuelFinished* duel_of(CandidateId challenger, CandidateId incumbent) const;  // null: not held
  const ResultSummary* result_of(const Candidate& candidate) const;                  // null: not known
};

// The way back to a seed: the candidate itself first.
std::vector<CandidateId> lineage(const RunView& view, CandidateId id);

}  // namespace warpwright::events
