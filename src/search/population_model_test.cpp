// The population against a naive model of it, which keeps no order and no index and looks at everything anew
// after every event of long runs with random landscapes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "src/events/objectives.h"
#include "src/search/score.h"
#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;
using Ids = std::vector<CandidateId>;

struct NaiveIsland {
  std::map<std::vector<int>, CandidateId> cells;
  std::set<CandidateId> members;
  int64_t applied_since_better = 0;  // of its tickets, or since something was done
};

class NaivePopulation {
 public:
  explicit NaivePopulation(const SearchSettings& settings)
      : settings_(settings), islands(static_cast<size_t>(settings.islands)) {}

  void on_applied(const RunView& view, const Candidate& c) {
    const auto home = static_cast<size_t>(c.origin.island);
    ++islands[home].applied_since_better;
    if (!c.passed() || c.duplicate_of) return;
    for (size_t i = 0; i < islands.size(); ++i)
      if (i == home || c.origin.op == "seed") enter(view, islands[i], c);
    enter_archive(view, c);
    passed.push_back(c.id);
  }

  void on_migrated(const RunView& view, const Migrated& migrated) {
    for (const Migrated::Move& move : migrated.moves) {
      NaiveIsland& to = islands[static_cast<size_t>(move.to)];
      const Candidate& c = *view.find(move.candidate);
      const auto elite = to.cells.find(cell(view, c));
      const bool has_room = elite == to.cells.end() || view.find(elite->second)->score < c.score;
      if (!to.members.contains(c.id) && has_room) enter(view, to, c);
    }
  }

  void on_stagnated(const RunView& view, const Stagnated& event) {
    NaiveIsland& island = islands[static_cast<size_t>(event.island)];
    EXPECT_GE(island.applied_since_better, settings_.stagnation_after) << "too early";
    if (event.action == "reset") island = {};
    if (event.action == "reset")
      for (const CandidateId id : event.restored) enter(view, island, *view.find(id));
    island.applied_since_better = 0;
  }

  CandidateId best_of(const RunView& view, const std::set<CandidateId>& ids) const {
    return *std::min_element(ids.begin(), ids.end(),
                             [&](CandidateId a, CandidateId b) { return ranks_before(view, a, b); });
  }

 private:
  std::vector<int> cell(const RunView& view, const Candidate& c) const {
    return cell_of(settings_, *view.result_of(c), c.archive_distance);
  }

  void enter(const RunView& view, NaiveIsland& island, const Candidate& c) {
    const std::optional<CandidateId> best =
        island.members.empty() ? std::nullopt : std::optional(best_of(view, island.members));
    const auto [elite, is_new] = island.cells.try_emplace(cell(view, c), c.id);
    if (!is_new && view.find(elite->second)->score < c.score) elite->second = c.id;
    island.members.insert(c.id);
    std::set<CandidateId> elites;
    for (const auto& [where, id] : island.cells) elites.insert(id);
    while (island.members.size() >
           std::max<size_t>(static_cast<size_t>(settings_.population_size), elites.size())) {
      std::optional<CandidateId> worst;
      for (const CandidateId id : island.members)
        if (!elites.contains(id) && (!worst || ranks_before(view, *worst, id))) worst = id;
      island.members.erase(worst.value());
    }
    if (!best || ranks_before(view, c.id, *best)) island.applied_since_better = 0;
  }

  // Fronts by counting, for every one, how long a chain of dominators stands above it.
  std::map<CandidateId, int> fronts(const std::vector<Objectives>& all) const {
    std::map<CandidateId, int> front;
    for (bool changed = true; changed;) {
      changed = false;
      for (const Objectives& o : all)
        for (const Objectives& other : all)
          if (dominates(other, o) && front[o.id] <= front[other.id])
            front[o.id] = front[other.id] + 1, changed = true;
    }
    return front;
  }

  void enter_archive(const RunView& view, const Candidate& c) {
    const auto twin = std::find_if(archive.begin(), archive.end(), [&](CandidateId id) {
      return settings_.share_near_duplicates && !c.fingerprint.empty() &&
             view.find(id)->fingerprint == c.fingerprint;
    });
    if (twin != archive.end() && view.find(*twin)->score >= c.score) return;
    if (twin != archive.end()) archive.erase(twin);
    archive.push_back(c.id);
    std::vector<Objectives> all;
    for (const CandidateId id : archive) all.push_back(objectives_of(view, *view.find(id)));
    std::map<CandidateId, int> front;
    if (settings_.archive_rank == "pareto") front = fronts(all);
    std::sort(archive.begin(), archive.end(), [&](CandidateId a, CandidateId b) {
      return front[a] != front[b] ? front[a] < front[b] : ranks_before(view, a, b);
    });
    if (archive.size() > static_cast<size_t>(settings_.archive_size)) archive.pop_back();
  }

  SearchSettings settings_;

 public:
  std::vector<NaiveIsland> islands;
  Ids archive, passed;
};

void compare_islands(const State& state, const NaivePopulation& naive) {
  const RunView& view = state.view();
  for (size_t i = 0; i < view.islands.size(); ++i) {
    const IslandView& island = view.islands[i];
    ASSERT_EQ(island.cells, naive.islands[i].cells);
    ASSERT_EQ(std::set<CandidateId>(island.members.begin(), island.members.end()), naive.islands[i].members);
    ASSERT_EQ(island.members.size(), naive.islands[i].members.size()) << "a member stands twice";
    ASSERT_LE(island.members.size(),
              std::max(static_cast<size_t>(state.settings().population_size), island.cells.size()));
    Ids elites;
    for (const auto& [cell, id] : island.cells) elites.push_back(id);
    std::sort(elites.begin(), elites.end(),
              [&](CandidateId a, CandidateId b) { return ranks_before(view, a, b); });
    Ids kept;
    for (const auto& elite : state.population().elites(static_cast<int>(i))) kept.push_back(elite.id);
    ASSERT_EQ(kept, elites);
    for (const CandidateId id : elites)
      ASSERT_TRUE(naive.islands[i].members.contains(id)) << "an elite is no member";
    for (const CandidateId id : island.members) {
      ASSERT_TRUE(view.find(id)->passed() && !view.find(id)->duplicate_of);
      ASSERT_TRUE(state.population().is_member(static_cast<int>(i), id));
    }
    if (elites.empty())
      ASSERT_FALSE(island.best);
    else
      ASSERT_EQ(island.best, elites.front());
  }
}

void compare_archive(const State& state, const NaivePopulation& naive) {
  const RunView& view = state.view();
  ASSERT_EQ(view.archive, naive.archive);
  ASSERT_LE(view.archive.size(), static_cast<size_t>(state.settings().archive_size));
  std::set<std::string> programs, fingerprints;
  for (const CandidateId id : view.archive) {
    const Candidate& c = *view.find(id);
    ASSERT_TRUE(programs.insert(c.result_key).second);
    ASSERT_TRUE(c.fingerprint.empty() || !state.settings().share_near_duplicates ||
                fingerprints.insert(c.fingerprint).second)
        << "near-duplicates stand beside one another";
  }
  if (!view.best) return;
  ASSERT_EQ(view.find(view.archive.front())->score, view.find(*view.best)->score)
      << "estimates: the best score leads the archive";
}

// Champions, the portfolio's score and the stakes, from all that passed.
void compare_portfolio(const State& state, const NaivePopulation& naive) {
  const RunView& view = state.view();
  if (naive.passed.empty()) {
    ASSERT_TRUE(view.champions.empty());
    return;
  }
  std::map<std::string, std::pair<double, CandidateId>> champions;
  std::map<CandidateId, std::vector<double>> ratios;
  const auto& workloads = view.baseline->workloads;
  std::vector<double> best(workloads.size());
  for (const CandidateId id : naive.passed) {
    const ResultSummary& result = *view.result_of(*view.find(id));
    const auto bands = band_scores(*view.baseline, result).value();
    for (const auto& [band, score] : bands) {
      const auto [champion, is_new] = champions.try_emplace(band, score, id);
      if (!is_new && score > champion->second.first) champion->second = {score, id};
    }
    for (size_t i = 0; i < best.size(); ++i) {
      ratios[id].push_back(workloads[i].latency_us / result.workloads[i].latency_us);
      best[i] = std::max(best[i], ratios[id][i]);
    }
  }
  const auto mean = [&](const std::function<double(size_t)>& value) {
    double sum = 0, weight = 0;
    for (size_t i = 0; i < workloads.size(); ++i)
      sum += workloads[i].weight * value(i), weight += workloads[i].weight;
    return sum / weight;
  };
  const double score = mean([&](size_t i) { return best[i]; });
  ASSERT_DOUBLE_EQ(state.population().portfolio().score(), score);
  double gains = 0;
  for (const auto& [id, c] : view.candidates) gains += c.portfolio_gain;
  ASSERT_NEAR(gains, score, 1e-9) << "what candidates added is all there is";

  std::set<CandidateId> distinct;
  ASSERT_EQ(view.champions.size(), champions.size());
  for (const auto& [band, champion] : champions) {
    ASSERT_EQ(view.champions.at(band).candidate, champion.second) << band;
    ASSERT_DOUBLE_EQ(view.champions.at(band).score, champion.first);
    distinct.insert(champion.second);
  }
  const auto& stakes = state.population().portfolio().stakes();
  ASSERT_EQ(stakes.size(), distinct.size());
  for (const Portfolio::Stake& stake : stakes) {
    ASSERT_TRUE(distinct.contains(stake.candidate));
    ASSERT_NEAR(stake.loss, mean([&](size_t i) {
                  double with = 0, without = 0;
                  for (const CandidateId id : distinct) {
                    with = std::max(with, ratios[id][i]);
                    if (id != stake.candidate) without = std::max(without, ratios[id][i]);
                  }
                  return with - without;
                }),
                1e-9);
  }
}

// What happens to elites between two states.
void compare_elites(const RunView& before, const RunView& after, const Event& event) {
  const auto* stagnated = std::get_if<Stagnated>(&event);
  for (size_t i = 0; i < before.islands.size(); ++i) {
    if (stagnated && stagnated->action == "reset" && stagnated->island == static_cast<int>(i)) continue;
    for (const auto& [cell, id] : before.islands[i].cells) {
      const auto now = after.islands[i].cells.find(cell);
      ASSERT_NE(now, after.islands[i].cells.end()) << "a cell was emptied";
      ASSERT_TRUE(now->second == id || after.find(now->second)->score > before.find(id)->score)
          << "an elite was lost to a worse one";
    }
  }
  ASSERT_TRUE(!before.best || after.find(*after.best)->score >= before.find(*before.best)->score);
}

struct Seen {
  std::map<std::string, int> actions;
  int evicted = 0, arrived = 0;
};

void check_run(const World& world, Seen& seen) {
  State state;
  ASSERT_TRUE(state.apply(world.journal[0]));
  NaivePopulation naive(state.settings());
  for (size_t i = 1; i < world.journal.size(); ++i) {
    const Event& event = world.journal[i];
    const bool matters = std::holds_alternative<Applied>(event) || std::holds_alternative<Migrated>(event) ||
                         std::holds_alternative<Stagnated>(event);
    if (!matters) {
      ASSERT_TRUE(state.apply(event));
      continue;
    }
    const RunView before = state.view();
    ASSERT_TRUE(state.apply(event));
    const RunView& view = state.view();
    if (const auto* applied = std::get_if<Applied>(&event)) {
      if (const Candidate* c = view.find(applied->ticket)) naive.on_applied(view, *c);
    } else if (const auto* migrated = std::get_if<Migrated>(&event)) {
      naive.on_migrated(view, *migrated);
      for (const Migrated::Move& move : migrated->moves) {
        ASSERT_EQ(before.find(move.candidate)->origin.island, move.from) << "only natives travel";
        ASSERT_TRUE(state.population().is_member(move.to, move.candidate)) << "it was sent in vain";
        ++seen.arrived;
      }
    } else if (const auto* stagnated = std::get_if<Stagnated>(&event)) {
      ++seen.actions[stagnated->action];
      const auto& lost = before.islands[static_cast<size_t>(stagnated->island)].best;
      naive.on_stagnated(view, *stagnated);
      ASSERT_EQ(before.best, view.best);
      ASSERT_EQ(before.archive, view.archive);
      const bool is_safe = !lost || lost == view.best ||
                           state.population().is_member(stagnated->island, *lost) ||
                           std::find(view.archive.begin(), view.archive.end(), *lost) != view.archive.end();
      ASSERT_TRUE(is_safe) << "a reset lost the island's best";
    }
    compare_elites(before, view, event);
    compare_islands(state, naive);
    compare_archive(state, naive);
    compare_portfolio(state, naive);
    if (::testing::Test::HasFatalFailure()) return;
  }
  for (const IslandView& island : state.view().islands)
    seen.evicted += island.passed > static_cast<int64_t>(island.members.size()) ? 1 : 0;
}

TEST(PopulationModel, AgreesWithTheNaiveOneAfterEveryEvent) {
  Seen seen;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    World world(make_rich_run(seed, 8), 4, seed);
    world.run(400);
    world.drain();
    check_run(world, seen);
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
  for (const std::string action : {"research", "model", "heat", "reset"})
    EXPECT_GE(seen.actions[action], 3) << action << " was not put to the test";
  EXPECT_GE(seen.evicted, 3);
  EXPECT_GE(seen.arrived, 10);
}

TEST(PopulationModel, HoldsForSmallLimitsAndForNoMembersBesideElites) {
  for (int size : {0, 1, 3, 12}) {
    RunStarted run = make_rich_run(static_cast<uint64_t>(7 + size), 5);
    run.search.population_size = size;
    run.search.archive_size = 1 + size;
    World world(run, 3, 1);
    world.run(200);
    world.drain();
    Seen seen;
    if (size > 0) check_run(world, seen);  // with 0, migrations are as in runs before there were members
    if (HasFatalFailure()) FAIL() << "population_size " << size;
    for (const IslandView& island : world.state.view().islands) {
      if (size == 0) {
        EXPECT_EQ(island.members.size(), island.cells.size());
      }
    }
  }
}

TEST(PopulationModel, NoIslandStarves) {
  World world(make_rich_run(3, 8), 4, 3);
  world.run(400);
  const RunView& view = world.state.view();
  const double fair = static_cast<double>(view.candidates.size()) / static_cast<double>(view.islands.size());
  for (const IslandView& island : view.islands) {
    EXPECT_GE(static_cast<double>(island.proposed), fair / 2)
        << "tuning sessions go where their source stands";
    EXPECT_TRUE(island.best);
    EXPECT_FALSE(island.members.empty());
  }
}

// Every prefix of a long journal, stored and read again, is a sound state that goes on as the run did. And
// its digest changes with every event whose order is fixed, and with no other: what arrives in any order is
// not decided by.
TEST(PopulationModel, EveryPrefixOfALongJournalFoldsToTheLiveState) {
  World world(make_rich_run(5, 8), 6, 2);
  world.run(700);
  const auto count = std::min<size_t>(world.journal.size(), 2000);
  ASSERT_EQ(count, 2000u) << "the journal is too short to prove anything";
  std::vector<Record> records;
  State live, read_again;
  std::string digest;
  for (size_t i = 0; i < count; ++i) {
    const Event& event = world.journal[i];
    auto stored = event_from_json(kind_of(event), parse_json(dump_json(to_json(event)), "t").value());
    ASSERT_TRUE(stored) << stored.error().message;
    records.push_back({static_cast<int64_t>(i + 1), 0, std::move(*stored)});
    if (i > 0) {  // what follows from the state is what the run did
      const auto follows = next_settlement(live);
      ASSERT_TRUE(follows);
      if (*follows) {
        ASSERT_EQ(dump_json(to_json(**follows)), dump_json(to_json(event)));
      }
    }
    const Ticket next = live.next_ticket();
    ASSERT_TRUE(live.apply(event));
    const std::string before = std::exchange(digest, live.digest());
    const bool is_ordered = i == 0 || is_settlement(event) || live.next_ticket() != next;
    ASSERT_EQ(before != digest, is_ordered) << kind_of(event);
    ASSERT_TRUE(read_again.apply(records.back().event));
    ASSERT_EQ(read_again.digest(), digest) << "after event " << i;
    if (i % 50 != 0) continue;
    auto folded = State::fold(records);
    ASSERT_TRUE(folded) << folded.error().message;
    ASSERT_EQ(folded->digest(), digest) << "after event " << i;
  }
}

}  // namespace
}  // namespace warpwright::search::test
