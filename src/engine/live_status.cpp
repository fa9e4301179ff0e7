// What the live view shows, gathered from the engine's state.
#include "src/engine/engine.h"
#include "src/report/models_text.h"

namespace warpwright::engine {
namespace {

constexpr int64_t kLedgerShownMs = 5'000;  // a verdict over less says nothing

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
  if (ledger_.totals().wall_ms >= kLedgerShownMs) status.stages = report::verdict(ledger_.totals());
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

// How the loop stands now, for the stage ledger.
LoopMoment Engine::moment() const {
  LoopMoment m;
  m.evaluators = static_cast<int>(pool_.slot_count());
  m.ready = static_cast<int>(pool_.ready());
  for (const auto& [id, stage] : stage_of_) {
    m.compiling += stage == "plan" || stage == "compile" ? 1 : 0;
    m.on_device += stage == "smoke" || stage == "validate" || stage == "time" ? 1 : 0;
  }
  m.window = config_.search.window;
  m.is_draining = closing_;
  m.window_is_full = !search::ready_to_decide(state_);
  for (const WorkItem& item : in_flight_) m.has_duel = m.has_duel || item.kind == WorkKind::kDuel;
  if (desk_ == nullptr) return m;
  const llm::DeskLoad load = desk_->load(clock_.monotonic_ms());
  m.calls_in_flight = static_cast<int>(load.in_flight);
  m.calls_allowed = static_cast<int>(std::min<int64_t>(load.allowed, m.window));  // more are never wanted
  m.calls_at_gate = static_cast<int>(load.at_gate);
  m.calls_held_back = static_cast<int>(load.held_back);
  m.calls_without_money = static_cast<int>(load.without_money);
  return m;
}

void Engine::note_moment() {
  ledger_.note(moment(), clock_.monotonic_ms());
}

}  // namespace warpwright::engine
