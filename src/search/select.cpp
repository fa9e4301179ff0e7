#include "src/search/select.h"

#include <algorithm>

#include "src/search/population.h"

namespace warpwright::search {
namespace {

using events::Candidate;
using events::CandidateId;
using events::RunView;

using Pool = std::vector<CandidateId>;

Pool keep_eligible(const RunView& view, Pool pool, const Eligible& eligible) {
  std::erase_if(pool, [&](CandidateId id) { return !eligible(*view.find(id)); });
  return pool;
}

CandidateId draw_uniform(const Pool& pool, Rng& rng) {
  return pool[rng.below(pool.size())];
}

CandidateId draw_by_score(const RunView& view, const Pool& pool, Rng& rng) {
  double total = 0;
  for (CandidateId id : pool) total += view.find(id)->score;
  double left = rng.uniform() * total;
  for (CandidateId id : pool) {
    left -= view.find(id)->score;
    if (left < 0) return id;
  }
  return pool.front();
}

Pool archive_of(const RunView& view, int island, const Eligible& eligible) {
  const Pool all = keep_eligible(view, view.archive, eligible);
  const Pool own = keep_eligible(view, all, [&](const Candidate& c) { return c.origin.island == island; });
  return own.empty() ? all : own;
}

// When the preferred pools hold nobody eligible: the whole archive, all islands, then every passed candidate.
Pool anybody(const RunView& view, const Eligible& eligible) {
  Pool pool = keep_eligible(view, view.archive, eligible);
  for (size_t i = 0; pool.empty() && i < view.islands.size(); ++i)
    pool = keep_eligible(view, elites_of(view, static_cast<int>(i)), eligible);
  if (!pool.empty()) return pool;
  for (const auto& [id, candidate] : view.candidates)
    if (candidate.passed() && eligible(candidate)) pool.push_back(id);
  return pool;
}

}  // namespace

std::optional<CandidateId> select_parent(const RunView& view, int island, Rng& rng,
                                         const Eligible& eligible) {
  const events::SearchSettings& s = view.started->search;
  const double draw = rng.uniform() * (s.exploration + s.exploitation + s.elite);
  const bool from_archive = draw >= s.exploration && draw < s.exploration + s.exploitation;
  Pool pool = from_archive ? archive_of(view, island, eligible)
                           : keep_eligible(view, elites_of(view, island), eligible);
  if (pool.empty()) pool = anybody(view, eligible);
  if (pool.empty()) return std::nullopt;
  const bool by_score = draw >= s.exploration + s.exploitation;
  return by_score ? draw_by_score(view, pool, rng) : draw_uniform(pool, rng);
}

std::vector<CandidateId> select_inspirations(const RunView& view, int island, CandidateId parent, int count,
                                             Rng& rng) {
  std::vector<CandidateId> chosen;
  const auto& best = view.islands[static_cast<size_t>(island)].best;
  if (count > 0 && best && *best != parent) chosen.push_back(*best);
  Pool pool = keep_eligible(view, view.archive, [&](const Candidate& c) {
    return c.id != parent && std::find(chosen.begin(), chosen.end(), c.id) == chosen.end();
  });
  while (chosen.size() < static_cast<size_t>(count) && !pool.empty()) {
    const size_t at = rng.below(pool.size());
    chosen.push_back(pool[at]);
    pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return chosen;
}

}  // namespace warpwright::search
