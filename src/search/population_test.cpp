// The population's invariants, checked after every event of runs with random landscapes.
#include "src/search/population.h"

#include <gtest/gtest.h>

#include <set>

#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

void check_members(const RunView& view) {
  auto check = [&](CandidateId id) {
    const Candidate* c = view.find(id);
    ASSERT_NE(c, nullptr);
    EXPECT_TRUE(c->passed()) << "candidate " << id;
    EXPECT_FALSE(c->duplicate_of) << "candidate " << id;
  };
  for (const IslandView& island : view.islands) {
    std::set<CandidateId> members;
    for (const auto& [cell, id] : island.cells) {
      check(id);
      EXPECT_TRUE(members.insert(id).second) << "twice on an island";
      EXPECT_EQ(cell, cell_of(view.started->search, *view.result_of(*view.find(id)),
                              view.find(id)->archive_distance));
    }
  }
  std::set<std::string> programs;
  for (size_t i = 0; i < view.archive.size(); ++i) {
    check(view.archive[i]);
    EXPECT_TRUE(programs.insert(view.find(view.archive[i])->result_key).second) << "a program stands twice";
    EXPECT_TRUE(i == 0 || ranks_before(view, view.archive[i - 1], view.archive[i]));
  }
  EXPECT_LE(view.archive.size(), static_cast<size_t>(view.started->search.archive_size));
}

TEST(Population, InvariantsHoldAfterEveryEvent) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    World world(make_run(seed, 8), 4, seed);
    world.run(80);
    world.drain();
    State state;
    for (const Event& event : world.journal) {
      const RunView before = state.view();
      ASSERT_TRUE(state.apply(event));
      const RunView& after = state.view();
      check_members(after);
      for (size_t i = 0; i < before.islands.size(); ++i) {
        for (const auto& [cell, id] : before.islands[i].cells) {  // no elite is lost to a worse one
          ASSERT_TRUE(after.islands[i].cells.contains(cell));
          const CandidateId now = after.islands[i].cells.at(cell);
          EXPECT_TRUE(now == id || after.find(now)->score > before.find(id)->score);
        }
      }
      EXPECT_TRUE(!before.best || after.find(*after.best)->score >= before.find(*before.best)->score);
    }
    EXPECT_EQ(state.view().counters.idle + static_cast<int64_t>(state.view().candidates.size()),
              state.next_ticket());
  }
}

TEST(Population, WhereTimesAreMeasuredOnlyAWonDuelTakesTheLead) {
  int lost = 0;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    World world(make_measured_run(seed, 8), 4, seed);
    world.run(80);
    world.drain();
    State state;
    for (const Event& event : world.journal) {
      const std::optional<CandidateId> before = state.view().best;
      ASSERT_TRUE(state.apply(event));
      const std::optional<CandidateId> after = state.view().best;
      if (!before || before == after) continue;
      const DuelFinished* duel = state.view().duel_of(*after, *before);
      ASSERT_NE(duel, nullptr) << *after << " leads without a duel";
      EXPECT_TRUE(duel->is_won());
      EXPECT_TRUE(std::holds_alternative<Applied>(event));
    }
    for (const auto& [pair, duel] : state.view().duels) {
      if (duel.is_won()) continue;
      ++lost;
      EXPECT_GT(state.view().find(pair.first)->score, state.view().find(pair.second)->score)
          << "a duel without need";
    }
  }
  EXPECT_GT(lost, 0) << "no duel was lost: nothing was put to the test";
}

TEST(Population, ADuelOfNobodyOrASecondOneIsAContradiction) {
  World world(make_measured_run(1, 8), 4, 1);
  world.run(40);
  ASSERT_FALSE(world.state.view().duels.empty());
  State copy = world.state;
  const DuelFinished first = world.state.view().duels.begin()->second;
  EXPECT_FALSE(copy.apply(first)) << "its challenger is applied";
  copy = world.state;
  EXPECT_FALSE(copy.apply(fight(world.state.applied(), 9999)));
}

TEST(Population, NoFailedCandidateIsEverAParentOrAnInspiration) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    World world(make_run(seed, 4), 4, seed);
    world.run(80);
    for (const auto& [id, candidate] : world.state.view().candidates) {
      std::vector<CandidateId> relatives = candidate.origin.inspirations;
      if (candidate.origin.parent) relatives.push_back(*candidate.origin.parent);
      for (CandidateId relative : relatives) EXPECT_TRUE(world.state.view().find(relative)->passed());
    }
  }
}

TEST(Population, MigrationCopiesAndKeepsIdentity) {
  World world(make_run(4, 4), 2, 0);
  world.run(120);
  State state;
  int migrations = 0, arrived = 0;
  for (const Event& event : world.journal) {
    const RunView before = state.view();
    ASSERT_TRUE(state.apply(event));
    const auto* migrated = std::get_if<Migrated>(&event);
    if (migrated == nullptr) continue;
    ++migrations;
    EXPECT_EQ(before.candidates.size(), state.view().candidates.size());
    EXPECT_EQ(before.archive, state.view().archive);
    for (const Migrated::Move& move : migrated->moves) {
      EXPECT_EQ(move.to, (move.from + 1) % 3);
      EXPECT_EQ(before.find(move.candidate)->origin.island, move.from) << "only natives travel";
      const auto& target = state.view().islands[static_cast<size_t>(move.to)].cells;
      const auto cell = cell_of(state.settings(), *before.result_of(*before.find(move.candidate)),
                                before.find(move.candidate)->archive_distance);
      EXPECT_GE(state.view().find(target.at(cell))->score, before.find(move.candidate)->score);
      if (target.at(cell) == move.candidate) ++arrived;
    }
    for (size_t i = 0; i < before.islands.size(); ++i)
      EXPECT_GE(state.view().islands[i].cells.size(), before.islands[i].cells.size())
          << "an island was starved";
  }
  EXPECT_GE(migrations, 5);
  EXPECT_GT(arrived, 0) << "migration did nothing";
}

TEST(Population, EveryIslandIsUsed) {
  RunStarted run = make_run(4, 8);
  run.search.tuning_budget = 0;  // its tickets stay on the island of their source
  World world(std::move(run), 2, 0);
  world.run(60);
  for (const IslandView& island : world.state.view().islands) {
    EXPECT_EQ(island.proposed, 20);
    EXPECT_TRUE(island.best);
  }
}

TEST(Population, CellsFollowTheDeclaredEdges) {
  SearchSettings settings;
  settings.dimensions = {{"launches", {2, 3}}, {"registers", {33}}};
  ResultSummary result;
  result.launches = 1;
  result.kernels = {{"a", 32, 0, 0, 0, 0}};
  EXPECT_EQ(cell_of(settings, result, 1), (std::vector<int>{0, 0}));
  result.launches = 2;
  result.kernels[0].registers = 33;
  EXPECT_EQ(cell_of(settings, result, 1), (std::vector<int>{1, 1}));
  result.launches = 99;
  EXPECT_EQ(cell_of(settings, result, 1), (std::vector<int>{2, 1}));
}

TEST(Population, EqualProgramsShareOneEvaluationAndStandOnce) {
  World world(make_run(11, 8), 4, 3);
  world.run(120);
  world.drain();
  const RunView& view = world.state.view();
  EXPECT_GT(view.counters.duplicates, 0) << "the world makes equal programs";
  EXPECT_EQ(view.counters.evaluations, static_cast<int64_t>(view.results.size()));
  for (const auto& [id, c] : view.candidates) {
    if (!c.duplicate_of) continue;
    EXPECT_LT(*c.duplicate_of, id) << "the earlier ticket owns the program, whoever was evaluated first";
    EXPECT_EQ(view.find(*c.duplicate_of)->result_key, c.result_key);
    EXPECT_EQ(view.find(*c.duplicate_of)->score, c.score);
  }
}

}  // namespace
}  // namespace warpwright::search::test
