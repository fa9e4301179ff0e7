// The events of a run. The journal stores them in order, the search folds them into its state, everything
// else reads. An event is a fact: it is appended (durably) before anything acts on it.
//
// A candidate is proposed by a numbered ticket, from 0 without gaps. The life of a ticket:
//
//   seed, tune:  Proposed --------------------+-> [Compiled] -> [EvaluationFinished] -> Applied
//   a model:     ModelRequested               |
//                 -> CallStarted -> ModelAnswered -> Proposed | Researched
//                        |   ^             |             or, at any point, ProposalFailed / Abandoned
//                        v   |             v
//                     CallFailed      FollowUpAsked -> CallStarted ...
//
// Proposed of seed, tune and compose, ModelRequested, Applied, Migrated, RacePlanned, Stagnated and
// RunFinished appear in an order that is a function of (configuration, seed, answers, evaluation results).
// CallStarted, CallFailed, ModelAnswered, its Proposed or Researched, FollowUpAsked, Compiled,
// EvaluationFinished, DuelFinished, ProposalFailed, Abandoned, FinalistMeasured and LedgerNoted are
// arrival-order facts: durable at once, without influence on any decision until their ticket's turn comes
// (src/search/window.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/contract/evaluation.h"
#include "src/events/lesson.h"
#include "src/events/result_summary.h"
#include "src/events/settings.h"

namespace warpwright::events {

using Ticket = int64_t;
using CandidateId = Ticket;  // a ticket makes at most one candidate, which bears its number

std::string format_candidate_id(CandidateId id);                       // "c0017"
std::optional<CandidateId> parse_candidate_id(std::string_view text);  // "c0017", "c17" or "17"

// A knob as its plan declares it; values in the declared order (a neighbour step moves along it).
struct DeclaredKnob {
  std::string name;
  std::vector<std::string> values;
  std::string default_value;
};

// Where a candidate comes from.
struct Origin {
  // seed | tune | compose | scratch | rewrite | diff | crossover | repair | plan | research | scripted
  std::string op;
  int island = 0;
  std::optional<CandidateId> parent;  // of a repair: the candidate that failed
  // Of a crossover: the second parent first. Of a composition: a champion for each band, in the order of
  // bands.
  std::vector<CandidateId> inspirations;
};

struct SeedSource {
  std::string name;         // file name, for people
  std::string source_hash;  // blob
};

struct RunStarted {
  std::string program_version;
  std::string definition;
  std::string dataset;  // folder the definition came from
  uint64_t seed = 0;
  std::string config_json;  // the whole run configuration, canonical
  SearchSettings search;
  std::vector<SeedSource> seeds;  // tickets 0..n-1, in this order; the first is the baseline
  std::string library_hash =
      {};  // blob: the agent and the texts its prompts are made of; empty without an agent
  // Whose record is the baseline: "seed-0", or "first-passed" where no seed may be opened (full-agent).
  std::string baseline_rule = "seed-0";
};

// The decision to ask a model, with what it is asked.
struct ModelRequested {
  Ticket ticket = 0;
  Origin origin;
  int64_t request_index = 0;     // counts the requests of this operator from 0 (a scripted answer's index)
  std::string role = {};         // proposer | repairer | researcher | ...
  std::string model = {};        // a name of the run's [models]
  std::string prompt_hash = {};  // blob: the conversation and the record of its sections, JSON
  std::vector<std::string> left_out = {};  // sections of the prompt that are on trial (SearchSettings)
};

// The answer could not be used (a diff that does not apply): the model is told why, once.
struct FollowUpAsked {
  Ticket ticket = 0;
  int turn = 1;
  std::string prompt_hash;  // blob, as above
  std::string reason;
};

// One attempt goes out; committed before it does. Until it ends its worst case is reserved.
struct CallStarted {
  Ticket ticket = 0;
  int turn = 0, attempt = 0;
  std::string model;  // another one of the role may stand in for the one that was chosen
  int64_t reserved_microdollars = 0;
  int64_t reserved_tokens = 0;
};

struct CallFailed {
  Ticket ticket = 0;
  int turn = 0, attempt = 0;
  std::string model;
  std::string failure;  // "rate-limited", "transport", ... (llm/provider.h)
  std::string reason;
  int http_status = 0;
  int64_t charged_microdollars = 0;  // what it cost, or may have cost
  int64_t charged_tokens = 0;
  bool counted = false;   // as a call: it may have been billed
  bool is_final = false;  // nothing more is tried; a ProposalFailed follows
};

struct ModelAnswered {
  Ticket ticket = 0;
  std::string provider;      // name of the run's model that answered
  std::string model;         // as its provider calls it
  std::string finish;        // complete | truncated | refused (in older journals: stop | length | refusal)
  std::string request_hash;  // blob: what was asked; empty if the provider takes no prompt
  std::string reply_hash;    // blob
  int64_t input_tokens = 0;  // all of them
  int64_t output_tokens = 0;
  int turn = 0, attempt = 0;
  std::string finish_detail = {};                     // the provider's own word
  int64_t cached_tokens = 0, cache_write_tokens = 0;  // of the input
  int64_t reasoning_tokens = 0;                       // of the output
  bool usage_known = true;                            // else the tokens are our estimate
  int64_t cost_microdollars = 0;
  std::string request_id = {};  // the provider's
  int64_t first_byte_ms = 0, total_ms = 0;
};

// What a research ticket wrote down. It makes no candidate.
struct Researched {
  Ticket ticket = 0;
  std::vector<Lesson> lessons;
};

struct Proposed {
  Ticket ticket = 0;
  Origin origin;
  std::string source_hash;                   // blob
  KnobValues knobs;                          // complete: every declared knob
  std::vector<DeclaredKnob> declared_knobs;  // of the source; empty if its plan does not parse
  std::string note;                          // what was changed, one line
};

// The ticket yields no candidate; nothing is evaluated.
struct ProposalFailed {
  enum class Kind {
    kIdle,         // the search had nothing to propose from what it could see
    kNoCode,       // the reply holds no usable code block
    kDiffRefused,  // a SEARCH/REPLACE block did not apply
    kUnchanged,    // the reply is the parent again
    kProvider,     // the provider failed or has no more answers
    kTruncated,    // the reply ended at its token limit: never compiled
    kRefused,      // the model declined
    kNoPrompt,     // it could not be asked: a parent's source is larger than a prompt may be
  };
  Ticket ticket = 0;
  Kind kind = Kind::kIdle;
  std::string reason;
};

struct Compiled {
  Ticket ticket = 0;
  std::string identity;
  std::string result_key;  // known before the evaluation: an equal key is not evaluated again
  std::string fingerprint = {}, sketch = {};  // see EvaluationReport
  // Another program of this fingerprint was applied before this ticket was decided: `result_key` is that
  // one's.
  std::optional<CandidateId> near_duplicate_of = {};
};

struct EvaluationFinished {
  Ticket ticket = 0;        // who asked for it; other tickets of an equal key share it
  std::string result_key;   // never empty; a candidate without identity gets a key of its request
  std::string report_hash;  // blob, JSON
  ResultSummary summary;    // never WORKER_LOST
};

// Measured times are noisy: who leads the run is not decided by comparing two numbers taken hours apart, but
// by a duel of the challenger (the next ticket to be applied) with the best so far (evaluator/timing/duel.h).
// Estimates need none. One for every pair at most.
struct DuelFinished {
  Ticket ticket = 0;          // the challenger
  CandidateId incumbent = 0;  // the best so far
  // FASTER, SAME, SLOWER or UNCLEAR; NOT_HELD: the infrastructure lost it too often, or a duellist failed.
  std::string verdict;
  double ratio = 0, low = 0, high = 0;  // challenger / incumbent with its interval; 0 if not held
  double noise_floor = 0;
  int64_t pairs = 0;
  std::string message;      // one line
  std::string report_hash;  // blob, JSON; empty if not held
  bool is_won() const { return verdict == "FASTER"; }
};

// Its evaluation was lost too often, or its report cannot be believed. Not charged to it, shown to no model.
struct Abandoned {
  Ticket ticket = 0;
  int attempts = 0;
  std::string reason;
};

// A ticket's outcome enters the state; one for every ticket, strictly in ticket order. Made by
// search::next_settlement.
struct Applied {
  Ticket ticket = 0;
  std::string result_key;                   // empty without a status
  std::optional<CandidateId> duplicate_of;  // the first applied candidate with this key
  std::optional<Status> status;             // none: ProposalFailed or Abandoned, nothing was evaluated
  // Weighted mean of baseline/candidate; 0 unless passed; of a lost race what it is at most.
  double score = 0;
  bool lost_race = false;
};

struct Migrated {
  struct Move {
    CandidateId candidate = 0;
    int from = 0;
    int to = 0;
  };
  int64_t after_applied = 0;
  std::vector<Move> moves;
};

// From here on tickets are evaluated in this race (contract/race.h) until the next one is planned.
struct RacePlanned {
  int64_t after_applied = 0;
  Race race;
};

// An island has not become better for long, and this is done about it.
struct Stagnated {
  int64_t after_applied = 0;
  int island = 0;
  std::string action;  // research | model | reset | heat
  double best_score = 0;
  std::string model;                  // of `model`: the one that rests
  std::vector<CandidateId> restored;  // of `reset`: whom the island begins again with, from the archive
};

// A finalist measured once more, with many samples: what the run's report and its exports go by.
struct FinalistMeasured {
  CandidateId candidate = 0;
  ResultSummary summary;
  std::string report_hash;  // blob, JSON
};

// What one process of the run spent its time on (engine/ledger.h), for people. Replaces the process's last
// one.
struct LedgerNoted {
  Json ledger;
};

struct RunPaused {
  std::string reason;
};
struct RunResumed {
  std::string program_version;
};
struct RunFinished {
  std::string reason;
};

// The events before this one were taken from another run: all that concerns its tickets below `ticket`. From
// here on this run's own settings hold.
struct RunForked {
  std::string from;   // the other run's folder, for people
  Ticket ticket = 0;  // the first that is decided anew
  uint64_t seed = 0;
  std::string config_json;
  std::string library_hash;
  SearchSettings search;
};

using Event = std::variant<RunStarted, ModelRequested, ModelAnswered, Proposed, ProposalFailed, Compiled,
                           EvaluationFinished, Abandoned, Applied, Migrated, RunPaused, RunResumed,
                           RunFinished, DuelFinished, CallStarted, CallFailed, FollowUpAsked, Researched,
                           RunForked, RacePlanned, Stagnated, FinalistMeasured, LedgerNoted>;

// "<name>/<version>", e.g. "proposed/1". A changed meaning gets a new version; old versions stay readable.
std::string_view kind_of(const Event& event);
std::string_view to_string(ProposalFailed::Kind kind);

std::optional<Ticket> ticket_of(const Event& event);    // whose it is; none: of the run as a whole
std::vector<std::string> blobs_of(const Event& event);  // hashes of the blobs that it names

Json to_json(const Event& event);
// Error: unknown kind (written by a newer program), missing or ill-typed keys.
Result<Event> event_from_json(std::string_view kind, const Json& json);

// An event as stored. The time is for people; no decision reads it.
struct Record {
  int64_t seq = 0;  // from 1 without gaps
  int64_t unix_ms = 0;
  Event event;
};

}  // namespace warpwright::events
