#include "src/search/strategy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/check.h"
#include "src/search/knob_walk.h"

namespace warpwright::search {
namespace {

using events::Candidate;
using events::CandidateId;
using events::Origin;
using events::RunView;

// The seeds that passed: they are evaluated before anything else is decided, so that no window hides them.
std::vector<CandidateId> passed_seeds(const RunView& view) {
  std::vector<CandidateId> seeds;
  const auto count = static_cast<CandidateId>(view.started->seeds.size());
  for (CandidateId id = 0; id < count; ++id)
    if (const Candidate* seed = view.find(id); seed != nullptr && seed->passed()) seeds.push_back(id);
  return seeds;
}

std::optional<CandidateId> draw(const std::vector<CandidateId>& ids, Rng& rng) {
  if (ids.empty()) return std::nullopt;
  return ids[rng.below(ids.size())];
}

TuneInput input_of(const State& state, const Candidate& parent, const KnobFilter& accepts) {
  TuneInput input;
  input.declared = &state.view().sources.at(parent.source_hash).declared_knobs;
  input.parent = &parent.knobs;
  input.tried = &state.assignments_tried(parent.source_hash);
  if (accepts)
    input.accepts = [&accepts, &parent](const KnobValues& knobs) {
      return accepts(parent.source_hash, knobs);
    };
  return input;
}

KnobProposal proposal_of(const Candidate& parent, TuneMove move) {
  return {Origin{"tune", 0, parent.id, {}}, parent.source_hash, std::move(move.knobs), std::move(move.note)};
}

// A random assignment of one of these, one after another in random order until one has any left.
std::optional<KnobProposal> random_of(const State& state, std::vector<CandidateId> parents,
                                      const KnobFilter& accepts, Rng& rng) {
  while (const auto id = draw(parents, rng)) {
    const Candidate& parent = *state.view().find(*id);
    if (auto move = random_assignment(input_of(state, parent, accepts), rng))
      return proposal_of(parent, std::move(*move));
    std::erase(parents, *id);
  }
  return std::nullopt;
}

// Where a climb may begin again: the best and the seeds, each source once.
std::vector<CandidateId> restarts(const RunView& view) {
  std::vector<CandidateId> ids;
  std::set<std::string> sources;
  if (view.best && sources.insert(view.find(*view.best)->source_hash).second) ids.push_back(*view.best);
  for (const CandidateId id : passed_seeds(view))
    if (sources.insert(view.find(id)->source_hash).second) ids.push_back(id);
  return ids;
}

void keep_operators(events::SearchSettings& s, const std::set<std::string>& dropped) {
  std::erase_if(s.operators, [&](const auto& entry) { return dropped.contains(entry.first); });
}

bool has_operator(const events::SearchSettings& s) {
  return std::any_of(s.operators.begin(), s.operators.end(), [](const auto& op) { return op.second > 0; });
}

void switch_off_population(events::SearchSettings& s) {
  s.islands = 1;
  s.migration_interval = 0;
  s.inspirations = s.top_inspirations = s.diverse_inspirations = 0;
  s.portfolio = 0;
  s.tuning_budget = 0;
  s.race_margin = 0;
  s.stagnation_after = 0;
  s.operator_choice = "weights";
}

}  // namespace

Strategy strategy_of(const events::SearchSettings& settings) {
  if (settings.strategy == "best-of-n") return Strategy::kBestOfN;
  if (settings.strategy == "hill-climb") return Strategy::kHillClimb;
  return Strategy::kEvolve;
}

Result<events::SearchSettings> settle_strategy(events::SearchSettings s) {
  const Strategy strategy = strategy_of(s);
  if (strategy == Strategy::kEvolve) return s;
  switch_off_population(s);
  if (strategy == Strategy::kBestOfN) {
    s.best_settings = false;
    s.repair_attempts = 0;
    s.model_choice = "weights";
    s.trial_sections.clear();
    keep_operators(s, {"crossover", "research", "compose", "repair"});
  } else {
    keep_operators(s, {"crossover", "research", "compose"});
  }
  if (!has_operator(s))
    return usage_error(fmt::format(
        "strategy {} can use none of the operators: give one of tune, scratch, rewrite, diff, plan a weight "
        "in search.operators",
        s.strategy));
  return s;
}

std::string_view about_strategy(const events::SearchSettings& settings) {
  switch (strategy_of(settings)) {
    case Strategy::kEvolve:
      return "evolve: a population on islands, whose parents are chosen by outcome";
    case Strategy::kBestOfN:
      return "best-of-n: every proposal starts from a seed or from nothing and sees no other outcome";
    case Strategy::kHillClimb:
      return "hill-climb: one line, every proposal changes the best so far";
  }
  return "";
}

std::optional<Origin> plain_origin(const State& state, const Operator& kind, Rng& rng) {
  const RunView& view = state.view();
  const bool climbs = strategy_of(state.settings()) == Strategy::kHillClimb;
  Origin origin{std::string(kind.name), 0, {}, {}};
  if (kind.needs == Needs::kNothing) {
    // Nothing but the best is changed on a line, once there is one.
    if (climbs && view.best) return std::nullopt;
    return origin;
  }
  if (kind.needs != Needs::kParent) return std::nullopt;
  origin.parent = climbs ? view.best : draw(passed_seeds(view), rng);
  if (!origin.parent) return std::nullopt;
  return origin;
}

std::optional<KnobProposal> plain_tune(const State& state, const KnobFilter& accepts, Rng& rng) {
  const RunView& view = state.view();
  if (strategy_of(state.settings()) == Strategy::kBestOfN)
    return random_of(state, passed_seeds(view), accepts, rng);
  if (!view.best) return std::nullopt;
  const Candidate& best = *view.find(*view.best);
  if (auto step = neighbour_step(input_of(state, best, accepts), rng))
    return proposal_of(best, std::move(*step));
  return random_of(state, restarts(view), accepts, rng);
}

RunView seeds_alone(const RunView& view) {
  RunView seeds;
  seeds.started = view.started;
  seeds.baseline = view.baseline;
  const auto count = static_cast<CandidateId>(view.started->seeds.size());
  for (const auto& [id, candidate] : view.candidates) {
    if (id >= count) break;
    seeds.candidates[id] = candidate;
    seeds.applied = id + 1;
    if (const auto result = view.results.find(candidate.result_key); result != view.results.end())
      seeds.results.insert(*result);
    if (const auto hash = view.report_hash.find(candidate.result_key); hash != view.report_hash.end())
      seeds.report_hash.insert(*hash);
    if (const auto source = view.sources.find(candidate.source_hash); source != view.sources.end())
      seeds.sources.insert(*source);
  }
  return seeds;
}

}  // namespace warpwright::search
