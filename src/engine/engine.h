// The one event loop:
//
//            .-----------------------------------------------------------------.
//            v                                                                 |
//   settle outcomes -> decide tickets -> perform -> commit -> wait -> take arrivals
//
// settle   outcomes whose turn has come enter the state (search/window.h)
// decide   propose, as far as the window and the budget allow (search/decide.h; pure)
// perform  hand open work to workers and providers (work.h; pure, so resuming is nothing special)
// commit   what came, was settled and decided, in one append to the journal and one flush of the disk: before
//          the loop sleeps, before a model is asked (a call costs money: its intent is durable first), before
//          anybody is told of it, and at the latest 50 ms after the first event of the group
// wait     the only place that waits: workers' pipes, providers' sockets, deadlines, Ctrl-C
// arrivals reports and answers become events
//
// State is the fold of the journal's events: `kill -9` at any moment loses what was in flight, never what was
// committed, and the next process picks the same work up again. An evaluation may be under way before the
// proposal that asked for it is durable: whoever resumes decides the same again. Single-threaded.
//
// Rejected: a commit per event, or per turn of the loop. Where events come one by one, as they do from real
// workers, the loop sleeps between them and nothing changes; where they come in floods, the flush of a slow
// disk (3 to 5 ms) was a third of the time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/engine/agent.h"
#include "src/engine/evolve.h"
#include "src/engine/ledger.h"
#include "src/engine/report_memory.h"
#include "src/engine/setup.h"
#include "src/engine/work.h"
#include "src/journal/journal.h"
#include "src/llm/call_desk.h"
#include "src/search/state.h"
#include "src/search/window.h"
#include "src/workers/evaluator_pool.h"

namespace warpwright::engine {

struct Answer;

class Engine {
 public:
  // References must outlive the engine. `state` is the fold of the journal, started and not finished. `agent`
  // and `desk` are null in a run that asks no model.
  Engine(const RunConfig& config, RunSetup& setup, journal::Journal& journal, search::State& state,
         workers::EvaluatorPool& pool, const Agent* agent, llm::CallDesk* desk, report::LiveView& live,
         Clock& clock);

  // Decides no ticket from this one on, and stops when those before it are done.
  void end_before(events::Ticket ticket) { end_ticket_ = ticket; }
  // Evaluates nothing that another run has left there, and leaves there what it evaluates.
  void share_reports(std::filesystem::path folder) { memory_.emplace(std::move(folder)); }

  // Runs to a stop; everything that had finished is then committed and settled, and no process runs.
  // `on_new_best` is called after the commit that made it so.
  // After an error too, what had finished is committed.
  Result<Stop> run(const std::function<void()>& on_new_best);
  const std::string& stop_reason() const { return stop_reason_; }
  const report::StageLedger& stage_ledger() const { return ledger_.totals(); }

  Result<void> commit_now(events::Event event);

 private:
  Result<Stop> loop(const std::function<void()>& on_new_best);
  Result<void> settle(search::Drain drain);
  search::Drain drain() const;
  Result<void> decide();
  Result<void> commit();
  bool is_commit_due() const;
  void show();
  Result<void> perform();
  Result<void> wait();
  bool poll_for(int64_t longest_ms);
  Result<void> take_arrivals();

  Result<void> apply(events::Event event);
  std::string keep(std::string blob);  // until the next commit; returns its hash
  Result<void> end(Stop stop);
  std::optional<Stop> stop_now();
  bool is_last_ticket_decided() const;
  bool is_budget_bound() const;  // what is open may use up max_evaluations
  Result<bool> closes_with_duels();
  bool closes_with_finals();
  bool is_draining(Stop stop) const;
  bool is_late() const;
  int64_t calls_to_wait_for() const;
  void say_what_is_left();
  int64_t evaluations_in_flight() const;  // duels included
  std::optional<Stop> models_stop();

  // Model calls (calls.cpp).
  Result<void> want_call(const events::Candidate& candidate);
  Result<void> send_calls();
  Result<void> take_answers();
  Result<void> on_answered(llm::Answered answered);
  Result<void> read_answer(const events::Candidate& candidate, const Answer& answer);
  Result<void> read_left_answers();
  Result<void> on_attempt_failed(const llm::AttemptFailed& failed);
  Result<void> cancel_calls();
  Result<std::string> blob(const std::string& hash) const;

  Result<void> submit(const WorkItem& item);
  Result<EvaluationRequest> request_for(const WorkItem& item);
  bool remembers(const WorkItem& item, const EvaluationRequest& request);
  Result<void> on_pool_event(workers::PoolEvent event);
  Result<void> on_finished(workers::RequestFinished finished);
  Result<void> on_compile_report(const events::Candidate& candidate, const EvaluationReport& report);
  Result<void> record_final(events::CandidateId finalist, const workers::RequestFinished& finished);
  Result<void> record_duel(events::Ticket challenger, const EvaluationReport& report);
  Result<void> record_result(events::Ticket ticket, const std::string& key, const EvaluationReport& report);
  Result<void> load_source(const std::string& hash);  // from the journal, if this process has not seen it

  report::LiveStatus live_status() const;
  LoopMoment moment() const;
  void note_moment();          // books the time since the last one in the stage ledger
  Result<void> note_ledger();  // about once a minute, with what is committed anyway
  bool is_baseline_seed(const events::Candidate& candidate) const;
  Result<void> disbelieve(const events::Candidate& candidate, int attempts, const std::string& reason);
  Result<void> abandon(const events::Candidate& candidate, int attempts, const std::string& reason);

  const RunConfig& config_;
  RunSetup& setup_;
  journal::Journal& journal_;
  search::State& state_;
  workers::EvaluatorPool& pool_;
  const Agent* agent_;
  llm::CallDesk* desk_;
  report::LiveView& live_;
  Clock& clock_;

  std::vector<events::Event> uncommitted_;
  int64_t uncommitted_since_ms_ = 0;
  std::map<std::string, std::string> uncommitted_blobs_;  // by hash
  std::set<WorkItem> in_flight_;
  std::map<std::string, std::string> stage_of_;                // by request id, for the live view
  std::map<events::Ticket, llm::Conversation> conversations_;  // rendered, not yet handed to the desk
  Ledger ledger_;
  int64_t ledger_noted_ms_ = 0;
  std::optional<ReportMemory> memory_;
  std::vector<workers::RequestFinished> remembered_;  // answers that no worker was asked for
  std::optional<events::Ticket> end_ticket_;
  std::optional<std::string> exhausted_;
  std::optional<std::string> unusable_;
  bool closing_ = false;                       // nothing new is decided or sent; the last duels are held
  bool in_haste_ = false;                      // closing, and no duel is begun, no finalist measured
  bool calls_cancelled_ = false;               // what is told of them is no failure
  std::vector<WorkItem> finals_;               // to be handed out: nothing else is left to do
  std::set<events::CandidateId> lost_finals_;  // the machine lost them: this process does not try again
  std::optional<std::string> said_;            // what the live view was told about the drain
  std::string stop_reason_;
  int baseline_lies_ = 0;
  int64_t start_ms_ = 0;
  int64_t evaluations_at_start_ = 0;
};

// "t12/compile", "t12/evaluate", "t12/duel", "t12/final": requests name their work, so that an answer finds
// it.
std::string request_id(const WorkItem& item);
std::optional<WorkItem> work_of_request(const std::string& id);

}  // namespace warpwright::engine
