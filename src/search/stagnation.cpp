#include "src/search/stagnation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace warpwright::search {
namespace {

using events::Candidate;
using events::CandidateId;
using events::Intervention;
using events::IslandView;
using events::RunView;
using events::SearchSettings;
using events::Stagnated;

// An action that was tried once and brought 10 % is worth as much as an untried one.
constexpr double kOptimism = 0.1;

double gain_of(const Intervention& done) {
  if (!(done.event.best_score > 0) || !(done.best_score > done.event.best_score)) return 0;
  return std::log(done.best_score / done.event.best_score);
}

bool can_heat(const RunView& view, const IslandView& island) {
  const SearchSettings& s = view.started->search;
  return island.temperature < kMostHeat && (s.exploration > 0 || (s.elite > 0 && s.temperature > 0));
}

double distance(const RunView& view, const Population& population, CandidateId a, CandidateId b) {
  const auto sketch_a = population.archive().sketch_of(a), sketch_b = population.archive().sketch_of(b);
  if (sketch_a && sketch_b) return 1 - likeness(*sketch_a, *sketch_b);
  return view.find(a)->source_hash == view.find(b)->source_hash ? 0 : 1;
}

// The restored ones, such that the island's best stays in the archive, at the head of the run, or here.
std::vector<CandidateId> plan_reset(const RunView& view, const Population& population, int island) {
  const IslandView& shown = view.islands[static_cast<size_t>(island)];
  if (!shown.best || shown.members.size() <= kRestored) return {};
  std::vector<CandidateId> restored = unlike_members(view, population, island, kRestored);
  const bool is_safe = view.best == shown.best ||
                       std::find(view.archive.begin(), view.archive.end(), *shown.best) != view.archive.end();
  if (!restored.empty() && !is_safe) restored.insert(restored.begin(), *shown.best);
  return restored;
}

}  // namespace

bool can_research(const RunView& view, const std::map<std::string, int64_t>& asked) {
  const SearchSettings& s = view.started->search;
  if (!s.operators.contains("research") || view.applied < kLeastHistory) return false;
  const auto limit = s.operator_limits.find("research");
  if (limit == s.operator_limits.end()) return true;
  const auto used = asked.find("research");
  return (used == asked.end() ? 0 : used->second) < limit->second;
}

std::vector<CandidateId> unlike_members(const RunView& view, const Population& population, int island,
                                        size_t count) {
  const auto& best = view.islands[static_cast<size_t>(island)].best;
  std::vector<std::pair<CandidateId, double>> pool;  // with the distance to the nearest of the chosen
  for (const CandidateId id : view.archive)
    if (id != best) pool.emplace_back(id, best ? distance(view, population, id, *best) : 1);
  std::vector<CandidateId> chosen;
  while (chosen.size() < count && !pool.empty()) {
    auto next = pool.begin();  // the archive's best that is not the island's own, then the farthest
    if (!chosen.empty())
      next = std::max_element(pool.begin(), pool.end(),
                              [](const auto& a, const auto& b) { return a.second < b.second; });
    chosen.push_back(next->first);
    pool.erase(next);
    for (auto& [id, nearest] : pool)
      nearest = std::min(nearest, distance(view, population, id, chosen.back()));
  }
  return chosen;
}

// ---- the fold's ----

Stagnation::Watch& Stagnation::at(int island) {
  const auto i = static_cast<size_t>(island);
  if (watches_.size() <= i) watches_.resize(i + 1);
  return watches_[i];
}

const Stagnation::Watch* Stagnation::find(int island) const {
  const auto i = static_cast<size_t>(island);
  return i < watches_.size() ? &watches_[i] : nullptr;
}

void Stagnation::on_taken(RunView& view, const events::Origin& origin) {
  if (origin.op == "research") view.islands[static_cast<size_t>(origin.island)].wants_research = false;
}

void Stagnation::on_asked(int island, const std::string& role, const std::string& model) {
  ++at(island).asked[{role, model}];
}

void Stagnation::on_applied(RunView& view, const Candidate& candidate) {
  Watch& watch = at(candidate.origin.island);
  ++watch.applied;
  if (!watch.intervention || candidate.id < watch.acts_from) return;
  Intervention& done = view.interventions[*watch.intervention];
  ++done.candidates;
  done.microdollars += candidate.microdollars;
  Effect& effect = effects_[done.event.action];
  ++effect.candidates;
  if (!candidate.passed() || candidate.duplicate_of) return;
  effect.gain -= gain_of(done);
  done.best_score = std::max(done.best_score, candidate.score);
  effect.gain += gain_of(done);
}

void Stagnation::on_better(RunView& view, int island) {
  IslandView& shown = view.islands[static_cast<size_t>(island)];
  shown.better_at = view.applied;
  shown.temperature = 1;
  shown.resting_model.clear();
  shown.wants_research = false;
  at(island).applied = 0;
  at(island).asked.clear();
}

void Stagnation::on_stagnated(RunView& view, const Stagnated& event, events::Ticket next_ticket) {
  IslandView& shown = view.islands[static_cast<size_t>(event.island)];
  Watch& watch = at(event.island);
  shown.better_at = view.applied;
  watch.applied = 0;
  watch.intervention = view.interventions.size();
  watch.acts_from = next_ticket;
  view.interventions.push_back({event, 0, 0, 0});
  effects_.try_emplace(event.action);
  if (event.action == "research") {
    shown.wants_research = true;
  } else if (event.action == "model") {
    shown.resting_model = event.model;
    watch.asked.clear();
  } else if (event.action == "heat") {
    shown.temperature = std::min(kMostHeat, shown.temperature * 2);
  } else if (event.action == "reset") {
    shown.temperature = 1;
    shown.resting_model.clear();
    watch.asked.clear();
  }
}

// ---- what decisions read ----

std::vector<std::string> Stagnation::actions_by_effect(const SearchSettings& settings) const {
  const auto worth = [&](const std::string& action) {
    const auto effect = effects_.find(action);
    if (effect == effects_.end()) return std::pair(1, kOptimism);
    const double exposure =
        static_cast<double>(effect->second.candidates) / std::max(1, settings.stagnation_after);
    return std::pair(0, (effect->second.gain + kOptimism) / (exposure + 1));
  };
  std::vector<std::string> actions = settings.stagnation_actions;
  std::stable_sort(actions.begin(), actions.end(),
                   [&](const std::string& a, const std::string& b) { return worth(a) > worth(b); });
  return actions;
}

std::optional<Stagnated> Stagnation::plan(const RunView& view, const Population& population,
                                          const std::map<std::string, int64_t>& asked, int island,
                                          const std::string& action) const {
  const IslandView& shown = view.islands[static_cast<size_t>(island)];
  Stagnated event{view.applied, island, action, shown.best ? view.find(*shown.best)->score : 0, {}, {}};
  if (action == "research") {
    if (shown.wants_research || !can_research(view, asked)) return std::nullopt;
  } else if (action == "heat") {
    if (!can_heat(view, shown)) return std::nullopt;
  } else if (action == "reset") {
    event.restored = plan_reset(view, population, island);
    if (event.restored.empty()) return std::nullopt;
  } else if (action == "model") {
    int64_t most = 0;
    const Watch* watch = find(island);
    if (watch == nullptr) return std::nullopt;
    for (const auto& [role_model, count] : watch->asked) {
      const auto role = view.started->search.roles.find(role_model.first);
      const bool has_others = role != view.started->search.roles.end() && role->second.size() >= 2;
      if (!has_others || count <= most || role_model.second == shown.resting_model) continue;
      most = count;
      event.model = role_model.second;
    }
    if (most == 0) return std::nullopt;
  }
  return event;
}

std::optional<Stagnated> Stagnation::due(const RunView& view, const Population& population,
                                         const std::map<std::string, int64_t>& asked) const {
  const SearchSettings& s = view.started->search;
  if (s.stagnation_after <= 0 || s.strategy != "evolve") return std::nullopt;
  for (int island = 0; island < static_cast<int>(view.islands.size()); ++island) {
    const Watch* watch = find(island);
    if (watch == nullptr || watch->applied < s.stagnation_after) continue;
    for (const std::string& action : actions_by_effect(s))
      if (auto event = plan(view, population, asked, island, action)) return event;
  }
  return std::nullopt;
}

std::string Stagnation::digest() const {
  std::string text;
  for (const auto& [action, effect] : effects_)
    text += fmt::format("{} {:a} {};", action, effect.gain, effect.candidates);
  for (const Watch& watch : watches_) {
    text += fmt::format("watch {} {} {};", watch.applied, watch.acts_from,
                        watch.intervention ? static_cast<int64_t>(*watch.intervention) : -1);
    for (const auto& [asked, count] : watch.asked)
      text += fmt::format("{}/{} {};", asked.first, asked.second, count);
  }
  return text;
}

}  // namespace warpwright::search
