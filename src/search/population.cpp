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

void insert_sorted(std::vector<Population::Ranked>& list, const Population::Ranked& one) {
  list.insert(std::lower_bound(list.begin(), list.end(), one), one);
}

void erase_sorted(std::vector<Population::Ranked>& list, const Population::Ranked& one) {
  const auto place = std::lower_bound(list.begin(), list.end(), one);
  CHECK(place != list.end() && *place == one);
  list.erase(place);
}

std::vector<int> cell_in(const RunView& view, const Candidate& candidate) {
  const events::ResultSummary* result = view.result_of(candidate);
  CHECK(result != nullptr);
  return cell_of(view.started->search, *result, candidate.archive_distance);
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

std::vector<int> cell_of(const events::SearchSettings& settings, const events::ResultSummary& result,
                         double archive_distance) {
  std::vector<int> cell;
  cell.reserve(settings.dimensions.size());
  for (const events::FeatureDimension& d : settings.dimensions) {
    const double value =
        d.feature == "archive_distance" ? archive_distance : events::feature_value(result, d.feature);
    cell.push_back(
        static_cast<int>(std::upper_bound(d.edges.begin(), d.edges.end(), value) - d.edges.begin()));
  }
  return cell;
}

// ---- members ----

Population::Island& Population::at(const RunView& view, size_t island) {
  if (islands_.size() < view.islands.size()) islands_.resize(view.islands.size());
  return islands_[island];
}

void Population::add_member(RunView& view, size_t island, CandidateId id) {
  std::vector<CandidateId>& members = view.islands[island].members;
  if (at(view, island).position.try_emplace(id, members.size()).second) members.push_back(id);
}

void Population::drop_member(RunView& view, size_t island, CandidateId id) {
  std::vector<CandidateId>& members = view.islands[island].members;
  auto& position = at(view, island).position;
  const auto place = position.find(id);
  CHECK(place != position.end());
  const size_t index = place->second;
  members[index] = members.back();
  position[members[index]] = index;
  members.pop_back();
  position.erase(id);
}

void Population::keep_to_limit(RunView& view, size_t island) {
  const auto limit = static_cast<size_t>(view.started->search.population_size);
  std::set<Ranked>& others = at(view, island).others;
  while (!others.empty() && view.islands[island].members.size() > limit) {
    const auto worst = std::prev(others.end());
    drop_member(view, island, worst->id);
    others.erase(worst);
  }
}

// REQUIRES: it is no member of the island.
Population::Entered Population::enter_island(RunView& view, size_t island, const Candidate& candidate) {
  Island& index = at(view, island);
  IslandView& shown = view.islands[island];
  const Ranked ranked{candidate.score, candidate.id};
  const auto [place, is_new] = shown.cells.try_emplace(cell_in(view, candidate), candidate.id);
  Entered entered;
  entered.is_elite = is_new;
  if (!is_new) {
    const Ranked elite{candidate_at(view, place->second).score, place->second};
    entered.is_elite = candidate.score > elite.score;
    if (entered.is_elite) {
      place->second = candidate.id;
      erase_sorted(index.elites, elite);
      index.others.insert(elite);
    }
  }
  add_member(view, island, candidate.id);
  if (entered.is_elite)
    insert_sorted(index.elites, ranked);
  else
    index.others.insert(ranked);
  keep_to_limit(view, island);
  if (entered.is_elite && (!shown.best || ranks_before(view, candidate.id, *shown.best))) {
    shown.best = candidate.id;
    entered.is_best = true;
  }
  return entered;
}

// ---- the fold's ----

std::vector<int> Population::enter(RunView& view, Candidate& candidate) {
  CHECK(candidate.passed() && !candidate.duplicate_of);
  candidate.archive_distance = archive_.distance(parse_sketch(candidate.sketch));
  candidate.portfolio_gain = portfolio_.enter(view, candidate);
  note_setting(candidate);
  std::vector<int> better;
  const auto home = static_cast<size_t>(candidate.origin.island);
  ++view.islands[home].passed;
  for (size_t i = 0; i < view.islands.size(); ++i) {
    if (candidate.origin.op != "seed" && i != home) continue;
    if (enter_island(view, i, candidate).is_best) better.push_back(static_cast<int>(i));
  }
  archive_.enter(view, candidate);
  if (!would_lead(view, candidate.id, candidate.score)) return better;
  const bool is_measured = !view.result_of(candidate)->measure.is_estimate();
  if (view.best && is_measured) {
    const events::DuelFinished* duel = view.duel_of(candidate.id, *view.best);
    if (duel == nullptr || !duel->is_won()) return better;
  }
  view.best = candidate.id;
  return better;
}

bool Population::move(RunView& view, const events::Migrated::Move& move) {
  const auto to = static_cast<size_t>(move.to);
  if (is_member(move.to, move.candidate)) return false;
  const Candidate& candidate = candidate_at(view, move.candidate);
  const auto cell = view.islands[to].cells.find(cell_in(view, candidate));
  // Only elites arrive.
  if (cell != view.islands[to].cells.end() && candidate_at(view, cell->second).score >= candidate.score)
    return false;
  const Entered entered = enter_island(view, to, candidate);
  ++view.islands[to].arrived;
  return entered.is_best;
}

void Population::reset(RunView& view, int island, const std::vector<CandidateId>& restored) {
  const auto i = static_cast<size_t>(island);
  IslandView& shown = view.islands[i];
  shown.cells.clear();
  shown.members.clear();
  shown.best.reset();
  at(view, i) = {};
  for (const CandidateId id : restored)
    if (!is_member(island, id)) enter_island(view, i, candidate_at(view, id));
  ++shown.resets;
}

void Population::adapt(RunView& view) {
  for (size_t i = 0; i < view.islands.size(); ++i) keep_to_limit(view, i);
  archive_.rank_anew(view);
}

void Population::note_setting(const Candidate& candidate) {
  const Ranked ranked{candidate.score, candidate.id};
  const auto [best, is_new] = best_setting_.try_emplace(candidate.source_hash, ranked);
  if (!is_new && ranked < best->second) best->second = ranked;
}

// ---- what decisions read ----

const std::vector<Population::Ranked>& Population::elites(int island) const {
  static const std::vector<Ranked> kNone;
  const auto i = static_cast<size_t>(island);
  return i < islands_.size() ? islands_[i].elites : kNone;
}

bool Population::is_member(int island, CandidateId id) const {
  const auto i = static_cast<size_t>(island);
  return i < islands_.size() && islands_[i].position.contains(id);
}

std::optional<CandidateId> Population::best_setting(const std::string& source_hash) const {
  const auto best = best_setting_.find(source_hash);
  if (best == best_setting_.end()) return std::nullopt;
  return best->second.id;
}

std::vector<events::Migrated::Move> Population::plan_migration(const RunView& view) const {
  std::vector<events::Migrated::Move> moves;
  const int islands = static_cast<int>(view.islands.size());
  // Runs from before there were members also sent those for whom there was no room.
  const bool sends_in_vain = view.started->search.population_size == 0;
  for (int from = 0; from < islands; ++from) {
    const int to = (from + 1) % islands;
    const auto& there = view.islands[static_cast<size_t>(to)].cells;
    std::set<std::vector<int>> taken;
    int left = view.started->search.migration_count;
    for (const Ranked& elite : elites(from)) {
      if (left == 0) break;
      const Candidate& candidate = candidate_at(view, elite.id);
      // Only natives travel, one hop: else the best program would soon stand on every island of the ring.
      if (candidate.origin.island != from || candidate.origin.op == "seed" || is_member(to, elite.id))
        continue;
      if (!sends_in_vain) {
        std::vector<int> cell = cell_in(view, candidate);
        const auto rival = there.find(cell);
        if (rival != there.end() && candidate_at(view, rival->second).score >= elite.score) continue;
        if (!taken.insert(std::move(cell)).second) continue;
      }
      moves.push_back({elite.id, from, to});
      --left;
    }
  }
  return moves;
}

}  // namespace warpwright::search
