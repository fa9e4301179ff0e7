// Who evaluates the candidates of a run, as the engine's loop sees it: requests go in, events come out.
// Passive: descriptors and deadlines are exposed, the loop waits. Order of calls in the loop:
// add_poll_descriptors and next_deadline_ms, wait, on_ready for each ready descriptor, tick, take_events.
//
// Implemented by processes (pool.h) and, for tests and benchmarks, by a function (in_process_pool.h).
#pragma once

#include <poll.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "src/contract/evaluation.h"
#include "src/contract/messages.h"

namespace warpwright::workers {

struct RequestStarted {
  std::string id;
  int slot = 0;
};
struct RequestProgress {
  std::string id;
  Stage stage = Stage::kPlan;
};
struct RequestFinished {
  EvaluationReport report;
  int attempts = 1;          // workers it was given to
  bool quarantined = false;  // the report is ours: WORKER_LOST, with the last reason
};
struct WorkerStarted {
  int slot = 0;
  HelloMessage hello;
};
struct WorkerStopped {
  int slot = 0;
  std::string reason;
};
// Every slot was given up: no request can be served any more. Emitted once; `reason` is a worker's own.
struct PoolUnusable {
  std::string reason;
};
using PoolEvent = std::variant<RequestStarted, RequestProgress, RequestFinished, WorkerStarted, WorkerStopped,
                               PoolUnusable>;

class EvaluatorPool {
 public:
  virtual ~EvaluatorPool() = default;

  // Requests with a smaller `priority` go first, then in order of submission. REQUIRES: no request of this id
  // is outstanding.
  virtual void submit(EvaluationRequest request, int64_t priority = 0) = 0;

  virtual void add_poll_descriptors(std::vector<pollfd>& descriptors) const = 0;
  virtual void on_ready(int fd, short revents, int64_t now_ms) = 0;
  virtual std::optional<int64_t> next_deadline_ms(int64_t now_ms) const = 0;
  virtual void tick(int64_t now_ms) = 0;
  virtual std::vector<PoolEvent> take_events() = 0;
  virtual bool has_events() const = 0;  // do not wait before taking them

  virtual size_t queued() const = 0;
  virtual size_t running() const = 0;
  virtual size_t ready() const = 0;  // workers that said hello and serve or can serve
  virtual size_t slot_count() const = 0;
  virtual void kill_all() = 0;  // for a clean end: nothing runs after it returns
};

}  // namespace warpwright::workers
