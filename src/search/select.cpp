#include "src/search/select.h"

#include <algorithm>
#include <cmath>

namespace warpwright::search {
namespace {

using events::Candidate;
using events::CandidateId;
using events::RunView;
using Ranked = Population::Ranked;

using Pool = std::vector<CandidateId>;

constexpr int kBlindDraws = 32;  // before all members are looked at for eligible ones

Pool keep_eligible(const RunView& view, Pool pool, const Eligible& eligible) {
  if (eligible) std::erase_if(pool, [&](CandidateId id) { return !eligible(*view.find(id)); });
  return pool;
}

CandidateId draw_uniform(const Pool& pool, Rng& rng) {
  return pool[rng.below(pool.size())];
}

// REQUIRES: weights not empty. In proportion to them; the first if they are all 0.
size_t draw_in_proportion(const std::vector<double>& weights, Rng& rng) {
  double total = 0;
  for (const double weight : weights) total += weight;
  double left = rng.uniform() * total;
  for (size_t i = 0; i < weights.size(); ++i) {
    left -= weights[i];
    if (left < 0) return i;
  }
  return 0;
}

class ParentSelector {
 public:
  ParentSelector(const State& state, int island, Rng& rng, const Eligible& eligible)
      : state_(state), view_(state.view()), island_(island), rng_(rng), eligible_(eligible) {}

  std::optional<CandidateId> run() {
    const events::SearchSettings& s = state_.settings();
    const double exploration = s.exploration * shown().temperature;
    const double draw = rng_.uniform() * (exploration + s.exploitation + s.elite + s.portfolio);
    const bool is_portfolio = s.portfolio > 0 && draw >= exploration + s.exploitation + s.elite;
    if (is_portfolio)
      if (const auto champion = draw_champion()) return champion;
    if (draw < exploration) {
      if (const auto member = s.population_size > 0 ? draw_member() : draw_elite(false)) return member;
    } else if (draw < exploration + s.exploitation || is_portfolio) {
      if (const Pool pool = archive_pool(); !pool.empty()) return draw_uniform(pool, rng_);
    } else if (const auto elite = draw_elite(true)) {
      return elite;
    }
    return draw_anybody(draw >= exploration + s.exploitation);
  }

 private:
  const events::IslandView& shown() const { return view_.islands[static_cast<size_t>(island_)]; }

  bool is_eligible(CandidateId id) const { return !eligible_ || eligible_(*view_.find(id)); }

  std::optional<CandidateId> draw_member() {
    const Pool& members = shown().members;
    for (int i = 0; i < kBlindDraws && !members.empty(); ++i) {
      const CandidateId id = members[rng_.below(members.size())];
      if (is_eligible(id)) return id;
    }
    const Pool pool = keep_eligible(view_, members, eligible_);
    if (pool.empty()) return std::nullopt;
    return draw_uniform(pool, rng_);
  }

  std::optional<CandidateId> draw_elite(bool by_score) {
    std::vector<Ranked> filtered;
    const std::vector<Ranked>* pool = &state_.population().elites(island_);
    if (eligible_) {
      std::copy_if(pool->begin(), pool->end(), std::back_inserter(filtered),
                   [&](const Ranked& one) { return is_eligible(one.id); });
      pool = &filtered;
    }
    if (pool->empty()) return std::nullopt;
    return by_score ? draw_by_score(*pool) : (*pool)[rng_.below(pool->size())].id;
  }

  CandidateId draw_by_score(const std::vector<Ranked>& pool) {
    const double temperature = state_.settings().temperature * shown().temperature;
    std::vector<double> weights;
    weights.reserve(pool.size());
    for (const Ranked& one : pool) weights.push_back(one.score);
    if (temperature != 1) {
      const double best = *std::max_element(weights.begin(), weights.end());
      for (double& weight : weights)
        weight = best <= 0         ? 0
                 : temperature > 0 ? std::pow(std::max(weight, 0.0) / best, 1 / temperature)
                                   : (weight == best ? 1 : 0);
    }
    return pool[draw_in_proportion(weights, rng_)].id;
  }

  std::optional<CandidateId> draw_champion() {
    Pool pool;
    std::vector<double> losses;
    for (const Portfolio::Stake& stake : state_.population().portfolio().stakes()) {
      if (!is_eligible(stake.candidate)) continue;
      pool.push_back(stake.candidate);
      losses.push_back(stake.loss);
    }
    if (pool.empty()) return std::nullopt;
    return pool[draw_in_proportion(losses, rng_)];
  }

  // Of the archive, the island's own if there are such.
  Pool archive_pool() const {
    Pool all, own;
    for (const CandidateId id : view_.archive) {
      const Candidate& candidate = *view_.find(id);
      if (eligible_ && !eligible_(candidate)) continue;
      all.push_back(id);
      if (candidate.origin.island == island_) own.push_back(id);
    }
    return own.empty() ? all : own;
  }

  // When the preferred pool holds nobody eligible: the whole archive, all islands, then every passed
  // candidate.
  std::optional<CandidateId> draw_anybody(bool by_score) {
    std::vector<Ranked> pool;
    const auto add = [&](CandidateId id) {
      if (is_eligible(id)) pool.push_back({view_.find(id)->score, id});
    };
    for (const CandidateId id : view_.archive) add(id);
    for (size_t i = 0; pool.empty() && i < view_.islands.size(); ++i)
      for (const Ranked& elite : state_.population().elites(static_cast<int>(i))) add(elite.id);
    if (pool.empty())
      for (const auto& [id, candidate] : view_.candidates)
        if (candidate.passed()) add(id);
    if (pool.empty()) return std::nullopt;
    return by_score ? draw_by_score(pool) : pool[rng_.below(pool.size())].id;
  }

  const State& state_;
  const RunView& view_;
  const int island_;
  Rng& rng_;
  const Eligible& eligible_;
};

// Members of the pool with known sketches, those least like the parent first; equals in the pool's order.
Pool least_alike(const State& state, CandidateId parent, const Pool& pool) {
  const auto sketch = parse_sketch(state.view().find(parent)->sketch);
  std::vector<std::pair<double, CandidateId>> ranked;
  for (const CandidateId id : pool)
    if (const auto other = state.population().archive().sketch_of(id); sketch && other)
      ranked.emplace_back(likeness(*sketch, *other), id);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Pool ids;
  for (const auto& [like, id] : ranked) ids.push_back(id);
  return ids;
}

}  // namespace

std::optional<CandidateId> select_parent(const State& state, int island, Rng& rng, const Eligible& eligible) {
  return ParentSelector(state, island, rng, eligible).run();
}

std::vector<CandidateId> select_inspirations(const State& state, int island, CandidateId parent, int count,
                                             Rng& rng) {
  const events::SearchSettings& s = state.settings();
  const auto limit = static_cast<size_t>(std::max(count, 0));
  std::vector<CandidateId> chosen;
  const auto& best = state.view().islands[static_cast<size_t>(island)].best;
  if (limit > 0 && s.top_inspirations > 0 && best && *best != parent) chosen.push_back(*best);
  Pool pool = state.view().archive;
  std::erase_if(pool,
                [&](CandidateId id) { return id == parent || (!chosen.empty() && id == chosen.front()); });
  const auto take = [&](CandidateId id) {
    chosen.push_back(id);
    std::erase(pool, id);
  };
  for (int i = 1; i < s.top_inspirations && chosen.size() < limit && !pool.empty(); ++i) take(pool.front());
  if (s.diverse_inspirations > 0 && chosen.size() < limit) {
    Pool unlike = least_alike(state, parent, pool);
    unlike.resize(
        std::min({unlike.size(), static_cast<size_t>(s.diverse_inspirations), limit - chosen.size()}));
    for (const CandidateId id : unlike) take(id);
  }
  while (chosen.size() < limit && !pool.empty()) take(draw_uniform(pool, rng));
  return chosen;
}

}  // namespace warpwright::search
