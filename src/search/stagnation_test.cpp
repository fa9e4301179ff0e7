// Islands that do not get better: when something is done, what, and what it changes in later decisions.
#include "src/search/stagnation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

World run_with(const std::function<void(SearchSettings&)>& change, int64_t tickets, uint64_t seed = 4) {
  RunStarted run = make_rich_run(seed, 6);
  change(run.search);
  World world(run, 3, seed);
  world.run(tickets);
  return world;
}

std::vector<std::string> actions_of(const World& world) {
  std::vector<std::string> actions;
  for (const Intervention& done : world.state.view().interventions) actions.push_back(done.event.action);
  return actions;
}

// Calls `check(state before, event)` for every event of the journal.
void follow(const World& world, const std::function<void(const State&, const Event&)>& check) {
  State state;
  for (const Event& event : world.journal) {
    if (state.started()) check(state, event);
    ASSERT_TRUE(state.apply(event));
  }
}

TEST(Stagnation, NothingIsDoneUnlessItIsAskedFor) {
  EXPECT_TRUE(actions_of(run_with([](SearchSettings& s) { s.stagnation_after = 0; }, 300)).empty());
  EXPECT_TRUE(actions_of(run_with([](SearchSettings& s) { s.stagnation_actions.clear(); }, 300)).empty());
  EXPECT_TRUE(actions_of(run_with([](SearchSettings& s) { s.stagnation_after = 100'000; }, 300)).empty());
}

TEST(Stagnation, UntriedActionsComeFirstInTheConfiguredOrder) {
  const World world = run_with(
      [](SearchSettings& s) {
        s.stagnation_actions = {"heat", "research", "reset"};
      },
      500);
  auto actions = actions_of(world);
  ASSERT_GE(actions.size(), 6u);
  actions.resize(3);
  EXPECT_EQ(actions, (std::vector<std::string>{"heat", "research", "reset"}));
}

TEST(Stagnation, LaterTheActionWithTheLargestEffectPerCandidate) {
  SearchSettings settings;
  settings.stagnation_after = 10;
  settings.stagnation_actions = {"heat", "reset", "research"};
  RunView view;
  view.started = RunStarted{};
  view.started->search = settings;
  view.islands.resize(1);
  Stagnation stagnation;
  const auto act = [&](const std::string& action, int candidates, double best_since) {
    const Ticket first = static_cast<Ticket>(view.candidates.size());
    stagnation.on_stagnated(view, Stagnated{0, 0, action, 1.0, {}, {}}, first);
    for (int i = 0; i < candidates; ++i) {
      Candidate& c = view.candidates[first + i];
      c.id = first + i;
      c.phase = Phase::kApplied;
      c.status = Status::kPassed;
      c.score = best_since;
      stagnation.on_applied(view, c);
    }
  };
  act("heat", 10, 1.0);
  EXPECT_EQ(stagnation.actions_by_effect(settings).front(), "reset") << "untried";
  act("reset", 10, 1.5);
  EXPECT_EQ(stagnation.actions_by_effect(settings).front(), "research") << "untried";
  act("research", 10, 1.1);
  EXPECT_EQ(stagnation.actions_by_effect(settings), (std::vector<std::string>{"reset", "research", "heat"}));
  for (int i = 0; i < 20; ++i) act("reset", 10, 1.0);
  EXPECT_EQ(stagnation.actions_by_effect(settings).front(), "research") << "what stops paying is left";
  ASSERT_EQ(view.interventions[1].candidates, 10);
  EXPECT_EQ(view.interventions[1].best_score, 1.5);
}

TEST(Stagnation, TheNextTicketOfTheIslandAsksAResearcher) {
  int asked = 0;
  const World world = run_with(
      [](SearchSettings& s) {
        s.stagnation_actions = {"research"};
        s.operators["research"] = 0;  // never else
      },
      400);
  std::optional<int> island;
  follow(world, [&](const State& state, const Event& event) {
    if (const auto* stagnated = std::get_if<Stagnated>(&event)) island = stagnated->island;
    const auto* request = std::get_if<ModelRequested>(&event);
    if (request == nullptr) return;
    const bool wants = state.view().islands[static_cast<size_t>(request->origin.island)].wants_research;
    EXPECT_EQ(request->origin.op == "research", wants);
    asked += wants ? 1 : 0;
  });
  EXPECT_GE(asked, 5);
}

TEST(Stagnation, WithoutAResearcherResearchIsSkipped) {
  const auto actions = actions_of(run_with([](SearchSettings& s) { s.operators.erase("research"); }, 400));
  EXPECT_EQ(std::count(actions.begin(), actions.end(), "research"), 0);
  EXPECT_GE(std::count(actions.begin(), actions.end(), "heat"), 1);
  const auto limited =
      actions_of(run_with([](SearchSettings& s) { s.operator_limits["research"] = 0; }, 400));
  EXPECT_EQ(std::count(limited.begin(), limited.end(), "research"), 0);
}

TEST(Stagnation, TheModelAskedMostRestsOnTheIslandUntilItGetsBetter) {
  const World world = run_with([](SearchSettings& s) { s.stagnation_actions = {"model"}; }, 400);
  int rested = 0, woken = 0, elsewhere = 0;
  std::map<int, std::map<std::string, int>> asked;  // since the island got better or a model went to rest
  State state;
  for (const Event& event : world.journal) {
    const RunView before = state.view();
    ASSERT_TRUE(state.apply(event));
    if (const auto* stagnated = std::get_if<Stagnated>(&event)) {
      auto& counts = asked[stagnated->island];
      const auto most = std::max_element(counts.begin(), counts.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
      EXPECT_EQ(counts[stagnated->model], most->second);
      counts.clear();
      ++rested;
    }
    if (const auto* request = std::get_if<ModelRequested>(&event); request && request->role == "proposer") {
      EXPECT_NE(request->model, before.islands[static_cast<size_t>(request->origin.island)].resting_model);
      for (const IslandView& island : before.islands)
        elsewhere += island.resting_model == request->model ? 1 : 0;
      ++asked[request->origin.island][request->model];
    }
    for (size_t i = 0; i < before.islands.size(); ++i) {
      const auto &was = before.islands[i].best, &is = state.view().islands[i].best;
      if (was == is) continue;
      asked[static_cast<int>(i)].clear();
      EXPECT_TRUE(state.view().islands[i].resting_model.empty());
      woken += before.islands[i].resting_model.empty() ? 0 : 1;
    }
  }
  EXPECT_GE(rested, 5);
  EXPECT_GE(woken, 1);
  EXPECT_GE(elsewhere, 5) << "other islands still ask it";
}

TEST(Stagnation, ARoleWithOneModelKeepsIt) {
  const World world = run_with(
      [](SearchSettings& s) {
        s.stagnation_actions = {"model"};
        s.roles["proposer"] = {{"fast", 1}};
      },
      300);
  EXPECT_TRUE(actions_of(world).empty());
}

TEST(Stagnation, HeatDoublesUpToItsCapAndEndsWhenTheIslandGetsBetter) {
  const World world = run_with([](SearchSettings& s) { s.stagnation_actions = {"heat"}; }, 500);
  std::set<double> seen;
  State state;
  for (const Event& event : world.journal) {
    const RunView before = state.view();
    ASSERT_TRUE(state.apply(event));
    for (size_t i = 0; i < before.islands.size(); ++i) {
      const IslandView &was = before.islands[i], &is = state.view().islands[i];
      seen.insert(is.temperature);
      const auto* stagnated = std::get_if<Stagnated>(&event);
      if (stagnated && stagnated->island == static_cast<int>(i)) {
        EXPECT_EQ(is.temperature, was.temperature * 2);
      } else {
        EXPECT_EQ(is.temperature, was.best == is.best ? was.temperature : 1);
      }
    }
  }
  EXPECT_EQ(seen, (std::set<double>{1, 2, 4, kMostHeat}))
      << "a heated island that got no better stays heated";
}

TEST(Stagnation, AResetIslandBeginsAgainWithUnlikeMembersOfTheArchive) {
  const World world = run_with([](SearchSettings& s) { s.stagnation_actions = {"reset"}; }, 400);
  int resets = 0;
  follow(world, [&](const State& state, const Event& event) {
    const auto* stagnated = std::get_if<Stagnated>(&event);
    if (stagnated == nullptr) return;
    ++resets;
    const RunView& view = state.view();
    const auto i = static_cast<size_t>(stagnated->island);
    std::set<CandidateId> distinct(stagnated->restored.begin(), stagnated->restored.end());
    EXPECT_EQ(distinct.size(), stagnated->restored.size());
    EXPECT_LE(distinct.size(), kRestored + 1);
    State after = state;
    ASSERT_TRUE(after.apply(event));
    const IslandView& island = after.view().islands[i];
    EXPECT_EQ(std::set<CandidateId>(island.members.begin(), island.members.end()), distinct);
    EXPECT_EQ(island.resets, view.islands[i].resets + 1);
    EXPECT_EQ(island.best,
              *std::min_element(distinct.begin(), distinct.end(),
                                [&](CandidateId a, CandidateId b) { return ranks_before(view, a, b); }));
  });
  EXPECT_GE(resets, 5);
}

TEST(Stagnation, ResultsAreCreditedToWhatWasDecidedAfterwards) {
  const World world = run_with([](SearchSettings&) {}, 400);
  const RunView& view = world.state.view();
  std::vector<int64_t> candidates(view.interventions.size()), money(view.interventions.size());
  std::map<int, std::pair<size_t, Ticket>> last;  // by island: which intervention, decided from which ticket
  size_t at = 0;
  follow(world, [&](const State& state, const Event& event) {
    if (const auto* stagnated = std::get_if<Stagnated>(&event))
      last[stagnated->island] = {at++, state.next_ticket()};
    const auto* applied = std::get_if<Applied>(&event);
    const Candidate* c = applied ? state.view().find(applied->ticket) : nullptr;
    if (c == nullptr || !last.contains(c->origin.island)) return;
    const auto [index, from] = last[c->origin.island];
    if (c->id < from) return;
    ++candidates[index];
    money[index] += c->microdollars;
  });
  ASSERT_GE(at, 8u);
  for (size_t i = 0; i < at; ++i) {
    EXPECT_EQ(view.interventions[i].candidates, candidates[i]);
    EXPECT_EQ(view.interventions[i].microdollars, money[i]);
  }
}

TEST(Stagnation, RunsAreTheSameWhateverTheOrderOfArrivalAndGoOnAnywhere) {
  World reference(make_rich_run(42, 8), 1, 0);
  reference.run(160);
  reference.drain();
  ASSERT_GE(reference.state.view().interventions.size(), 4u);
  for (int workers : {2, 16}) {
    World other(make_rich_run(42, 8), workers, 1000u + static_cast<uint64_t>(workers));
    other.run(160);
    other.drain();
    EXPECT_EQ(other.ordered(), reference.ordered()) << workers << " workers";
    EXPECT_EQ(other.state.digest(), reference.state.digest());
  }
  for (size_t cut = 1; cut < reference.journal.size(); cut += 37) {
    World resumed = World::resume(
        {reference.journal.begin(), reference.journal.begin() + static_cast<std::ptrdiff_t>(cut)}, 3, cut);
    resumed.run(160);
    resumed.drain();
    ASSERT_EQ(resumed.ordered(), reference.ordered()) << "cut after event " << cut;
  }
}

TEST(Stagnation, WhatNeverPassedCannotBeRestoredAndNoIslandIsInvented) {
  const World world = run_with([](SearchSettings&) {}, 60);
  State state = world.state;
  EXPECT_FALSE(state.apply(Stagnated{0, 99, "heat", 1, {}, {}}));
  state = world.state;
  EXPECT_FALSE(state.apply(Stagnated{0, 0, "reset", 1, {}, {2}})) << "the broken seed";
  state = world.state;
  EXPECT_FALSE(state.apply(Stagnated{0, 0, "reset", 1, {}, {9999}}));
}

}  // namespace
}  // namespace warpwright::search::test
