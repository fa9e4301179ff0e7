// For tests and benchmarks: evaluations by a function of this process, in place of worker processes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/rng.h"
#include "src/workers/evaluator_pool.h"

namespace warpwright::workers {

class InProcessPool final : public EvaluatorPool {
 public:
  using Evaluate = std::function<EvaluationReport(const EvaluationRequest&)>;

  // `slots` requests are under way at once. Without `order_seed` all that is under way ends at the next tick,
  // in order; with one a tick ends one of them, drawn at random, or none.
  InProcessPool(Evaluate evaluate, size_t slots, std::optional<uint64_t> order_seed = std::nullopt)
      : evaluate_(std::move(evaluate)), slots_(slots) {
    if (order_seed) order_ = Rng(*order_seed);
  }

  void submit(EvaluationRequest request, int64_t priority) override {
    queue_.emplace(std::pair(priority, next_sequence_++), std::move(request));
  }

  void tick(int64_t) override {
    dispatch();
    if (!order_) {
      for (const EvaluationRequest& request : running_) finish(request);
      running_.clear();
      dispatch();
    } else if (!running_.empty() && order_->below(3) > 0) {
      const auto at = running_.begin() + static_cast<std::ptrdiff_t>(order_->below(running_.size()));
      finish(*at);
      running_.erase(at);
    }
  }

  std::vector<PoolEvent> take_events() override { return std::exchange(events_, {}); }
  bool has_events() const override { return !events_.empty(); }
  std::optional<int64_t> next_deadline_ms(int64_t now_ms) const override {
    return running_.empty() && queue_.empty() ? std::nullopt : std::optional(now_ms);
  }
  void add_poll_descriptors(std::vector<pollfd>&) const override {}
  void on_ready(int, short, int64_t) override {}
  size_t queued() const override { return queue_.size(); }
  size_t running() const override { return running_.size(); }
  size_t ready() const override { return slots_; }
  size_t slot_count() const override { return slots_; }
  void kill_all() override {
    queue_.clear();
    running_.clear();
  }

 private:
  void dispatch() {
    while (running_.size() < slots_ && !queue_.empty()) {
      running_.push_back(std::move(queue_.begin()->second));
      queue_.erase(queue_.begin());
      events_.emplace_back(RequestStarted{running_.back().id, static_cast<int>(running_.size()) - 1});
    }
  }
  void finish(const EvaluationRequest& request) {
    RequestFinished finished;
    finished.report = evaluate_(request);
    finished.report.id = request.id;
    events_.emplace_back(std::move(finished));
  }

  Evaluate evaluate_;
  size_t slots_;
  std::optional<Rng> order_;
  std::map<std::pair<int64_t, uint64_t>, EvaluationRequest> queue_;
  std::vector<EvaluationRequest> running_;
  std::vector<PoolEvent> events_;
  uint64_t next_sequence_ = 0;
};

}  // namespace warpwright::workers
