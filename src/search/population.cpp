#include "src/search/population.h"

#include <algorithm>

#include "src/base/check.h"

namespace warpwright::search {
namespace {

using events::Candidate;
using events::CandidateId;
using events::IslandView;
using events::RunView;

const Candidate& candidate_at(const RunView& view, CandidateId id) {
  const Candidate* candidate = view.find(id);
  CHECK(candidate != nullptr);
  return *candidate;
}

// True if the candidate took the cell.
bool enter_island(RunView& view, IslandView& island, const Candidate& candidate) {
  const auto cell = cell_of(view.started->search, *view.result_of(candidate));
  auto [place, is_new] = island.cells.try_emplace(cell, candidate.id);
  if (!is_new) {
    if (candidate_at(view, place->second).score >= candidate.score) return false;
    place->second = candidate.id;
  }
  if (!island.best || ranks_before(view, candidate.id, *island.best)) island.best = candidate.id;
  return true;
}

void enter_archive(RunView& view, CandidateId id) {
  auto before = [&](CandidateId a, CandidateId b) { return ranks_before(view, a, b); };
  view.archive.insert(std::upper_bound(view.archive.begin(), view.archive.end(), id, before), id);
  const auto limit = static_cast<size_t>(view.started->search.archive_size);
  if (view.archive.size() > limit) view.archive.resize(limit);
}

}  // namespace

bool ranks_before(const RunView& view, CandidateId a, CandidateId b) {
  const double score_a = candidate_at(view, a).score, score_b = candidate_at(view, b).score;
  return score_a != score_b ? score_a > score_b : a < b;
}

bool would_lead(const RunView& view, CandidateId id, double score) {
  if (!view.best) return true;
  const double best_score = candidate_at(view, *view.best).score;
  return score != best_score ? score > best_score : id < *view.best;
}

std::vector<int> cell_of(const events::SearchSettings& settings, const events::ResultSummary& result) {
  std::vector<int> cell;
  for (const events::FeatureDimension& d : settings.dimensions) {
    const double value = events::feature_value(result, d.feature);
    cell.push_back(
        static_cast<int>(std::upper_bound(d.edges.begin(), d.edges.end(), value) - d.edges.begin()));
  }
  return cell;
}

void enter_population(RunView& view, const Candidate& candidate) {
  CHECK(candidate.passed() && !candidate.duplicate_of);
  const auto home = static_cast<size_t>(candidate.origin.island);
  for (size_t i = 0; i < view.islands.size(); ++i) {
    if (candidate.origin.op == "seed" || i == home) enter_island(view, view.islands[i], candidate);
  }
  enter_archive(view, candidate.id);
  if (!would_lead(view, candidate.id, candidate.score)) return;
  const bool is_measured = !view.result_of(candidate)->measure.is_estimate();
  if (view.best && is_measured) {
    const events::DuelFinished* duel = view.duel_of(candidate.id, *view.best);
    if (duel == nullptr || !duel->is_won()) return;
  }
  view.best = candidate.id;
}

std::vector<CandidateId> elites_of(const RunView& view, int island) {
  std::vector<CandidateId> elites;
  for (const auto& [cell, id] : view.islands[static_cast<size_t>(island)].cells) elites.push_back(id);
  std::sort(elites.begin(), elites.end(),
            [&](CandidateId a, CandidateId b) { return ranks_before(view, a, b); });
  return elites;
}

std::vector<events::Migrated::Move> plan_migration(const RunView& view) {
  std::vector<events::Migrated::Move> moves;
  const int islands = static_cast<int>(view.islands.size());
  for (int from = 0; from < islands; ++from) {
    const int to = (from + 1) % islands;
    const std::vector<CandidateId> there = elites_of(view, to);
    int left = view.started->search.migration_count;
    for (CandidateId id : elites_of(view, from)) {
      if (left == 0) break;
      const events::Origin& origin = candidate_at(view, id).origin;
      // Only natives travel, one hop: else the best program would soon stand on every island of the ring.
      if (origin.island != from || origin.op == "seed") continue;
      if (std::find(there.begin(), there.end(), id) != there.end()) continue;
      moves.push_back({id, from, to});
      --left;
    }
  }
  return moves;
}

void perform_move(RunView& view, const events::Migrated::Move& move) {
  IslandView& target = view.islands[static_cast<size_t>(move.to)];
  if (enter_island(view, target, candidate_at(view, move.candidate))) ++target.arrived;
}

}  // namespace warpwright::search
