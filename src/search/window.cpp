#include "src/search/window.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/search/near_duplicates.h"
#include "src/search/population.h"
#include "src/search/race_plan.h"
#include "src/search/score.h"

namespace warpwright::search {
namespace {

using events::Applied;
using events::Candidate;
using events::Phase;
using events::RunView;

int64_t seed_count(const State& state) {
  return static_cast<int64_t>(state.view().started->seeds.size());
}

int64_t needed_by_next(const State& state) {
  return outcomes_needed(state.next_ticket(), seed_count(state), state.settings().window);
}

bool migration_is_due(const State& state) {
  const events::SearchSettings& settings = state.settings();
  return settings.islands > 1 && settings.migration_interval > 0 &&
         state.applied() - state.last_migration() >= settings.migration_interval;
}

// 0 where there is no baseline to hold it against.
Result<double> score_of(const RunView& view, events::Ticket ticket, const events::ResultSummary& result) {
  if (is_baseline(view, ticket)) {
    TRY_ASSIGN(const auto baseline, make_baseline(baseline_name(view, ticket), ticket, result));
    return score(baseline, result);
  }
  if (!view.baseline) return 0.0;
  return score(*view.baseline, result);
}

// Error: the result cannot be scored; whoever gave it is broken or lies.
Result<Applied> application_of(const State& state, events::Ticket ticket) {
  const RunView& view = state.view();
  Applied applied;
  applied.ticket = ticket;
  const Candidate* candidate = view.find(ticket);
  if (candidate == nullptr || candidate->phase == Phase::kProposalFailed ||
      candidate->phase == Phase::kAbandoned || candidate->phase == Phase::kResearched)
    return applied;
  const events::ResultSummary& result = *view.result_of(*candidate);
  applied.result_key = candidate->result_key;
  applied.status = result.status;
  applied.duplicate_of = state.first_with_key(candidate->result_key);
  if (!applied.duplicate_of)
    applied.duplicate_of =
        same_program(state, *candidate, result.status == Status::kPassed && !result.lost_race);
  if (result.status != Status::kPassed) return applied;
  if (result.lost_race) {
    applied.lost_race = true;
    applied.score = result.race_bound;
    return applied;
  }
  TRY_ASSIGN(applied.score, score_of(view, ticket, result));
  return applied;
}

// Whom it has to be held against before it is applied, if it would lead.
std::optional<DuelNeeded> duel_before(const State& state, const Applied& applied) {
  const RunView& view = state.view();
  if (applied.status != Status::kPassed || applied.lost_race || applied.duplicate_of || !view.best)
    return std::nullopt;
  if (!would_lead(view, applied.ticket, applied.score)) return std::nullopt;
  if (view.result_of(*view.find(applied.ticket))->measure.is_estimate()) return std::nullopt;
  if (view.duel_of(applied.ticket, *view.best) != nullptr) return std::nullopt;
  return DuelNeeded{applied.ticket, *view.best};
}

// The next ticket in order, if its outcome is known and the next decision may see it.
std::optional<events::Ticket> next_to_apply(const State& state, Drain drain) {
  const events::Ticket ticket = state.applied();
  const bool visible = drain != Drain::kNo || ticket < needed_by_next(state);
  if (!visible || !state.outcome_known(ticket)) return std::nullopt;
  return ticket;
}

}  // namespace

int64_t outcomes_needed(events::Ticket ticket, int64_t seeds, int window) {
  if (ticket < seeds) return 0;
  return std::max({seeds, ticket - window + 1, int64_t{0}});
}

bool ready_to_decide(const State& state) {
  return state.started() && !state.finished() && !migration_is_due(state) && !race_is_due(state) &&
         state.applied() >= needed_by_next(state) && !state.due_intervention();
}

Result<std::optional<DuelNeeded>> needed_duel(const State& state, Drain drain) {
  const std::optional<DuelNeeded> none;
  if (!state.started() || migration_is_due(state) || race_is_due(state) || state.due_intervention())
    return none;
  const auto ticket = next_to_apply(state, drain);
  if (!ticket) return none;
  const auto applied = application_of(state, *ticket);
  if (!applied) return none;  // it is abandoned (next_settlement)
  return duel_before(state, *applied);
}

Result<std::optional<events::Event>> next_settlement(const State& state, Drain drain) {
  using Settlement = std::optional<events::Event>;
  if (!state.started()) return Settlement();
  if (migration_is_due(state))
    return Settlement(events::Migrated{state.applied(), state.population().plan_migration(state.view())});
  if (race_is_due(state)) return Settlement(plan_race(state));
  if (auto intervention = state.due_intervention()) return Settlement(std::move(*intervention));
  const auto ticket = next_to_apply(state, drain);
  if (!ticket) return Settlement();
  auto applied = application_of(state, *ticket);
  if (!applied)  // nobody's result: not its candidate's fault, and no reason to end the run
    return Settlement(events::Abandoned{
        *ticket, 1, "its evaluator's report cannot be believed: " + applied.error().message});
  if (drain != Drain::kNoDuels && duel_before(state, *applied)) return Settlement();
  return Settlement(std::move(*applied));
}

bool is_settlement(const events::Event& event) {
  return std::holds_alternative<Applied>(event) || std::holds_alternative<events::Migrated>(event) ||
         std::holds_alternative<events::RacePlanned>(event) ||
         std::holds_alternative<events::Stagnated>(event);
}

}  // namespace warpwright::search
