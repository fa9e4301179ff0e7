#include "src/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/base/hash.h"
#include "src/base/interrupts.h"
#include "src/base/subprocess.h"
#include "src/engine/decision.h"
#include "src/search/window.h"

namespace warpwright::engine {
namespace {

constexpr int64_t kLedgerIntervalMs = 60'000;
constexpr int64_t kGroupMs = 50;  // so long an event that others follow at once waits for them
constexpr int64_t kLongestWaitMs =
    200;  // Ctrl-C may come just before the wait; the live view wants a turn too

}  // namespace

Engine::Engine(const RunConfig& config, RunSetup& setup, journal::Journal& journal, search::State& state,
               workers::EvaluatorPool& pool, const Agent* agent, llm::CallDesk* desk, report::LiveView& live,
               Clock& clock)
    : config_(config),
      setup_(setup),
      journal_(journal),
      state_(state),
      pool_(pool),
      agent_(agent),
      desk_(desk),
      live_(live),
      clock_(clock),
      ledger_noted_ms_(clock.monotonic_ms()),
      start_ms_(clock.monotonic_ms()),
      evaluations_at_start_(state.view().counters.evaluations) {}

Result<Stop> Engine::run(const std::function<void()>& on_new_best) {
  auto stop = loop(on_new_best);
  if (!stop) (void)commit();  // the error at hand says more than a second one would
  return stop;
}

Result<Stop> Engine::loop(const std::function<void()>& on_new_best) {
  std::optional<events::CandidateId> best;
  TRY(read_left_answers());
  for (;;) {
    TRY(settle(drain()));
    if (!stop_now()) TRY(decide());
    const auto stop = stop_now();
    closing_ = stop.has_value();
    in_haste_ = stop && (*stop == Stop::kInterrupted || *stop == Stop::kTime || *stop == Stop::kModelsPaused);
    bool goes_on = !stop || is_draining(*stop);
    if (stop && goes_on) say_what_is_left();
    if (stop && !goes_on) {
      TRY_ASSIGN(goes_on, closes_with_duels());
      goes_on = goes_on || closes_with_finals();
    }
    TRY(note_ledger());
    const bool has_new_best = state_.view().best != best;
    if (stop || has_new_best || is_commit_due()) TRY(commit());
    if (has_new_best) {
      best = state_.view().best;
      on_new_best();
    }
    if (uncommitted_.empty()) show();
    if (stop && !goes_on) {
      TRY(end(*stop));
      on_new_best();
      show();
      return *stop;
    }
    TRY(perform());
    note_moment();
    TRY(wait());
    TRY(take_arrivals());  // committed with what follows from them
    note_moment();
    if (unusable_) return infrastructure_error(fmt::format("no worker can be started: {}", *unusable_));
  }
}

// A run that is left as it stands settles no further than its next ticket would see, also while it drains: so
// it goes on as if it had never been stopped.
search::Drain Engine::drain() const {
  return closing_ && !in_haste_ ? search::Drain::kYes : search::Drain::kNo;
}

// Once for each reason to stop.
void Engine::say_what_is_left() {
  if (said_ == stop_reason_) return;
  said_ = stop_reason_;
  live_.note(fmt::format(
      "{}: finishing what is under way ({} model calls, {} evaluations); Ctrl-C {} to stop at once",
      stop_reason_, calls_to_wait_for(), evaluations_in_flight(), interrupted() ? "again" : "twice"));
}

bool Engine::is_late() const {
  const double minutes = static_cast<double>(clock_.monotonic_ms() - start_ms_) / 60'000;
  return config_.max_minutes > 0 && minutes >= config_.max_minutes;
}

bool Engine::is_last_ticket_decided() const {
  return end_ticket_ && state_.next_ticket() >= *end_ticket_;
}

bool Engine::is_budget_bound() const {
  const int64_t open_tickets = state_.next_ticket() - state_.applied();
  if (state_.view().counters.evaluations + open_tickets < config_.max_evaluations) return false;
  return evaluations_bound(state_) >= config_.max_evaluations;
}

std::optional<Stop> Engine::stop_now() {
  const int64_t evaluations = state_.view().counters.evaluations;
  if (interrupted()) {
    stop_reason_ = "interrupted";
    return Stop::kInterrupted;
  }
  if (evaluations >= config_.max_evaluations) {
    stop_reason_ = fmt::format("{} evaluations", evaluations);
    return Stop::kBudget;
  }
  if (is_last_ticket_decided() && in_flight_.empty() && open_work(state_, in_flight_).empty()) {
    stop_reason_ = fmt::format("{} tickets", *end_ticket_);
    return Stop::kBudget;
  }
  if (exhausted_) {
    stop_reason_ = *exhausted_;
    return Stop::kExhausted;
  }
  if (is_late()) {
    stop_reason_ = fmt::format("the time budget of {:g} minutes is used", config_.max_minutes);
    return Stop::kTime;
  }
  return models_stop();
}

// What was begun is finished first: answers under way are paid for. A second Ctrl-C does not wait.
bool Engine::is_draining(Stop stop) const {
  if (stop == Stop::kInterrupted && interrupt_count() > 1) return false;
  return calls_to_wait_for() > 0 || evaluations_in_flight() > 0;
}

// Who passed last may still have to fight for the lead; only a stop that cannot wait goes without.
Result<bool> Engine::closes_with_duels() {
  if (in_haste_) return false;
  TRY(settle(search::Drain::kYes));
  TRY_ASSIGN(const auto duel, search::needed_duel(state_, search::Drain::kYes));
  return duel.has_value();
}

// The best are measured once more; who stops in haste goes without.
bool Engine::closes_with_finals() {
  if (in_haste_) return false;
  finals_ = final_work(state_, in_flight_);
  std::erase_if(finals_, [&](const WorkItem& item) { return lost_finals_.contains(item.ticket); });
  if (!finals_.empty()) live_.note(fmt::format("the {} best are measured once more", finals_.size()));
  return !finals_.empty();
}

// An interrupted run is left as it stands, so that resuming it gives the undisturbed run's sequence; a
// finished one settles all it knows, for the report.
Result<void> Engine::end(Stop stop) {
  pool_.kill_all();
  remembered_.clear();
  TRY(cancel_calls());
  in_flight_.clear();
  stage_of_.clear();
  note_moment();
  TRY(apply(events::LedgerNoted{report::to_json(ledger_.totals())}));
  if (stop == Stop::kInterrupted || stop == Stop::kModelsPaused)
    return commit_now(events::RunPaused{stop_reason_});
  TRY(settle(search::Drain::kNoDuels));
  return commit_now(events::RunFinished{stop_reason_});
}

Result<void> Engine::apply(events::Event event) {
  TRY(state_.apply(event));
  if (uncommitted_.empty()) uncommitted_since_ms_ = clock_.monotonic_ms();
  uncommitted_.push_back(std::move(event));
  return {};
}

std::string Engine::keep(std::string blob) {
  std::string hash = sha256_hex(blob);
  uncommitted_blobs_.try_emplace(hash, std::move(blob));
  return hash;
}

Result<void> Engine::commit() {
  if (uncommitted_.empty()) return {};
  TRY(journal_.append_hashed(uncommitted_, clock_.wall_unix_ms(), uncommitted_blobs_));
  uncommitted_.clear();
  uncommitted_blobs_.clear();
  return {};
}

// Of what is durable.
void Engine::show() {
  CHECK(uncommitted_.empty());
  live_.update(live_status(), clock_.monotonic_ms());
}

bool Engine::is_commit_due() const {
  return !uncommitted_.empty() && clock_.monotonic_ms() - uncommitted_since_ms_ >= kGroupMs;
}

// Without a flush of its own.
Result<void> Engine::note_ledger() {
  const int64_t now_ms = clock_.monotonic_ms();
  if (uncommitted_.empty() || now_ms - ledger_noted_ms_ < kLedgerIntervalMs) return {};
  ledger_noted_ms_ = now_ms;
  return apply(events::LedgerNoted{report::to_json(ledger_.totals())});
}

Result<void> Engine::commit_now(events::Event event) {
  TRY(apply(std::move(event)));
  return commit();
}

Result<void> Engine::settle(search::Drain drain) {
  for (;;) {
    TRY_ASSIGN(auto event, search::next_settlement(state_, drain));
    if (!event) return {};
    TRY(apply(std::move(*event)));
  }
}

Result<void> Engine::decide() {
  const DecisionContext context{config_, setup_, agent_,
                                [this](const std::string& hash) { return blob(hash); }};
  while (search::ready_to_decide(state_) && !is_budget_bound() && !is_last_ticket_decided()) {
    TRY_ASSIGN(Decided decided, decide_next(context, state_));
    if (!decided.exhausted.empty()) {
      exhausted_ = decided.exhausted;
      return {};
    }
    if (decided.conversation) conversations_[state_.next_ticket()] = std::move(*decided.conversation);
    for (events::Event& event : decided.events) TRY(apply(std::move(event)));
    uncommitted_blobs_.merge(decided.blobs);
    TRY(settle(search::Drain::kNo));
  }
  return {};
}

Result<void> Engine::perform() {
  for (const WorkItem& item : open_work(state_, in_flight_, drain())) {
    if (closing_ && (item.kind != WorkKind::kDuel || in_haste_)) continue;
    if (item.kind == WorkKind::kAskProvider) {
      TRY(want_call(*state_.view().find(item.ticket)));
    } else {
      TRY(submit(item));
    }
    in_flight_.insert(item);
  }
  for (const WorkItem& item : finals_) {
    TRY(submit(item));
    in_flight_.insert(item);
  }
  finals_.clear();
  pool_.tick(clock_.monotonic_ms());
  return send_calls();
}

// What has come is durable before the loop sleeps.
Result<void> Engine::wait() {
  if (!uncommitted_.empty()) {
    if (poll_for(0)) return {};  // one flush for it and for what is here already (is_commit_due)
    TRY(commit());
    show();
  }
  poll_for(kLongestWaitMs);
  return {};
}

// True: something came, or is due.
bool Engine::poll_for(int64_t longest_ms) {
  const int64_t now_ms = clock_.monotonic_ms();
  llm::WaitSet waits;
  pool_.add_poll_descriptors(waits.descriptors);
  const size_t of_pool = waits.descriptors.size();
  if (desk_ != nullptr) desk_->wait_on(waits, now_ms);
  int64_t due_in_ms = pool_.has_events() || !remembered_.empty() ? 0 : kLongestWaitMs;
  if (waits.timeout_ms >= 0) due_in_ms = std::min(due_in_ms, waits.timeout_ms);
  if (const auto deadline = pool_.next_deadline_ms(now_ms))
    due_in_ms = std::clamp<int64_t>(*deadline - now_ms, 0, due_in_ms);
  const int ready = ::poll(waits.descriptors.data(), waits.descriptors.size(),
                           static_cast<int>(std::min(due_in_ms, longest_ms)));
  for (size_t i = 0; ready > 0 && i < of_pool; ++i)
    pool_.on_ready(waits.descriptors[i].fd, waits.descriptors[i].revents, clock_.monotonic_ms());
  return ready > 0 || due_in_ms == 0;
}

Result<void> Engine::take_arrivals() {
  pool_.tick(clock_.monotonic_ms());
  for (workers::PoolEvent& event : pool_.take_events()) TRY(on_pool_event(std::move(event)));
  for (workers::RequestFinished& known : std::exchange(remembered_, {})) TRY(on_finished(std::move(known)));
  return take_answers();
}

}  // namespace warpwright::engine
