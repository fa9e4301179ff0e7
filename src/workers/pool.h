// The evaluator processes of a run. Requests go in, reports come out; what happens to processes in between
// stays here (src/contract/messages.h has the liveness rules).
//
// Infrastructure is never charged to a candidate: a request whose worker is lost (end-of-file, silence, past
// its deadline, unreadable answer, or its own WORKER_LOST report) goes to a fresh worker, ahead of the queue.
// One that loses `max_attempts` workers in a row comes back as WORKER_LOST with `quarantined` set.
//
// Passive; evaluator_pool.h has the order of calls in the loop.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/workers/evaluator_pool.h"
#include "src/workers/worker_process.h"

namespace warpwright::workers {

class WorkerPool final : public EvaluatorPool {
 public:
  // REQUIRES: settings.count > 0. Processes start at the first tick.
  explicit WorkerPool(WorkerSettings settings);

  void submit(EvaluationRequest request, int64_t priority = 0) override;
  // No event will come for this request any more. A worker that runs it is told, and stays busy until it
  // answers.
  void cancel(const std::string& id);

  void add_poll_descriptors(std::vector<pollfd>& descriptors) const override;
  void on_ready(int fd, short revents, int64_t now_ms) override;
  std::optional<int64_t> next_deadline_ms(int64_t now_ms) const override;
  void tick(int64_t now_ms) override;
  std::vector<PoolEvent> take_events() override;
  bool has_events() const override { return !events_.empty(); }

  size_t queued() const override { return queue_.size(); }
  size_t running() const override;
  size_t ready() const override;
  size_t slot_count() const override { return slots_.size(); }
  void kill_all() override;  // the destructor does it too

 private:
  struct Job {
    EvaluationRequest request;
    int64_t priority = 0;
    uint64_t sequence = 0;
    int lost_workers = 0;
    bool cancelled = false;
  };
  enum class State { kDown, kStarting, kIdle, kBusy, kLeaving, kGivenUp };
  struct Slot {
    int index = 0;
    State state = State::kDown;
    std::optional<WorkerProcess> process;
    std::optional<Job> job;
    int64_t state_since_ms = 0;
    int64_t last_message_ms = 0;
    int64_t respawn_at_ms = 0;
    int failures_in_a_row = 0;  // without a report in between
    int failed_starts = 0;      // without a hello in between
    bool greeted = false;       // this process said hello
    bool said_bye = false;
    bool killed = false;  // by us: `reason` says why, how it ended says nothing more
    bool served = false;  // this process sent a report
    std::string reason;   // why it is leaving
  };

  void start(Slot& slot, int64_t now_ms);
  void dispatch(int64_t now_ms);
  void handle(Slot& slot, Message message, int64_t now_ms);
  void handle_hello(Slot& slot, HelloMessage hello, int64_t now_ms);
  void handle_report(Slot& slot, EvaluationReport report, int64_t now_ms);
  void check_deadlines(Slot& slot, int64_t now_ms);
  void leave(Slot& slot, std::string reason, int64_t now_ms);  // wait a moment for it to end by itself
  void kill(Slot& slot, std::string reason, int64_t now_ms);
  void finish(Slot& slot, const ExitStatus& exit, int64_t now_ms);
  void retry_or_quarantine(Job job, const std::string& reason);
  void give_up_if_all_failed();
  std::optional<int64_t> deadline_of(const Slot& slot, int64_t now_ms) const;
  int64_t wall_deadline_ms(const Slot& slot) const;

  WorkerSettings settings_;
  std::vector<Slot> slots_;
  std::map<std::pair<int64_t, uint64_t>, Job> queue_;
  std::vector<PoolEvent> events_;
  uint64_t next_sequence_ = 0;
  bool unusable_ = false;
};

}  // namespace warpwright::workers
