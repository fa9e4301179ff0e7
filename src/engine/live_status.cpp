// What the live view shows, gathered from the engine's state.
#include "src/engine/engine.h"
#include "src/report/models_text.h"

namespace warpwright::engine {
namespace {

std::string describe_origin(const events::Candidate& candidate) {
  if (candidate.note.empty()) return candidate.origin.op;
  if (candidate.note.starts_with(candidate.origin.op)) return candidate.note;
  return candidate.origin.op + ", " + candidate.note;
}

void add_best(const events::RunView& view, report::LiveStatus& status) {
  if (!view.best) return;
  const events::Candidate& best = *view.find(*view.best);
  status.best = events::format_candidate_id(best.id);
  status.best_score = best.score;
  status.best_origin = describe_origin(best);
}

}  // namespace

report::LiveStatus Engine::live_status() const {
  const events::RunView& view = state_.view();
  report::LiveStatus status;
  status.definition = config_.definition;
  status.executor = config_.executor;
  status.device = config_.device;
  if (view.baseline) {
    status.method = view.baseline->measure.method;
    status.baseline = view.baseline->name;
  }
  status.workers_up = static_cast<int>(pool_.ready());
  status.workers = static_cast<int>(pool_.slot_count());
  for (const auto& [id, stage] : stage_of_) ++status.in_flight[stage];
  for (const WorkItem& item : in_flight_)
    if (item.kind == WorkKind::kAskProvider) ++status.in_flight["model"];
  status.by_status = view.counters.by_status;
  status.lost_races = view.counters.lost_races;
  status.duplicates = view.counters.duplicates;
  status.abandoned = view.counters.by_phase[static_cast<size_t>(events::Phase::kAbandoned)];
  status.not_proposed = view.counters.by_phase[static_cast<size_t>(events::Phase::kProposalFailed)];
  status.evaluations = view.counters.evaluations;
  status.max_evaluations = config_.max_evaluations;
  add_best(view, status);
  status.spending = report::spending_line(view, config_.max_dollars);
  status.elapsed_s = static_cast<double>(clock_.monotonic_ms() - start_ms_) / 1000;
  const auto done = static_cast<double>(status.evaluations - evaluations_at_start_);
  if (status.elapsed_s > 0) status.evaluations_per_s = done / status.elapsed_s;
  const auto left = static_cast<double>(std::max<int64_t>(0, status.max_evaluations - status.evaluations));
  if (done > 0) status.seconds_left = left / status.evaluations_per_s;
  if (config_.max_minutes > 0) {
    const double until_budget_s = std::max(0.0, config_.max_minutes * 60 - status.elapsed_s);
    status.seconds_left = std::min(status.seconds_left.value_or(until_budget_s), until_budget_s);
  }
  return status;
}

}  // namespace warpwright::engine
