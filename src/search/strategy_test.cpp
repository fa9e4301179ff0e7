// Strategies: best-of-n is blind, a climb has one line, both are runs like any other.
#include "src/search/strategy.h"

#include <gtest/gtest.h>

#include "src/search/knob_walk.h"
#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

RunStarted with_strategy(RunStarted run, const std::string& strategy) {
  run.search.strategy = strategy;
  auto settled = settle_strategy(run.search);
  EXPECT_TRUE(settled) << settled.error().message;
  if (settled) run.search = *settled;
  return run;
}

std::vector<std::string> both() {
  return {"best-of-n", "hill-climb"};
}

TEST(Strategy, PlainRunsAreTheSameWhateverTheOrderOfArrival) {
  for (const std::string& strategy : both()) {
    for (const bool asks_models : {false, true}) {
      const RunStarted run =
          with_strategy(asks_models ? make_agent_run(3, 5, true) : make_run(3, 5), strategy);
      World reference(run, 1, 0);
      reference.run(60);
      reference.drain();
      ASSERT_GE(reference.state.applied(), 40) << strategy;
      for (const int workers : {2, 16}) {
        World other(run, workers, 77u + static_cast<uint64_t>(workers));
        other.run(60);
        other.drain();
        EXPECT_EQ(other.ordered(), reference.ordered()) << strategy << ", workers " << workers;
        EXPECT_EQ(other.state.digest(), reference.state.digest());
      }
    }
  }
}

TEST(Strategy, APlainRunResumedAnywhereContinuesTheSameSequence) {
  for (const std::string& strategy : both()) {
    World whole(with_strategy(make_agent_run(9, 6, true), strategy), 4, 1);
    whole.run(40);
    whole.drain();
    for (size_t cut = 1; cut < whole.journal.size(); cut += 7) {
      World resumed = World::resume(
          {whole.journal.begin(), whole.journal.begin() + static_cast<std::ptrdiff_t>(cut)}, 3, cut);
      resumed.run(40);
      resumed.drain();
      ASSERT_EQ(resumed.ordered(), whole.ordered()) << strategy << ", cut after event " << cut;
    }
  }
}

// The same journal with other results for all but the seeds: every decision is the same.
TEST(Strategy, BestOfNDecidesTheSameWhateverTheResultsAre) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const RunStarted run = with_strategy(make_agent_run(seed, 4, true), "best-of-n");
    World real(run, 3, seed);
    real.run(50);
    World other(run, 3, seed);
    other.distort = [seed](Ticket ticket, ResultSummary& result) {
      if (ticket < 3) return;
      Rng rng = Rng::stream(seed, "distort", static_cast<uint64_t>(ticket));
      result.status = rng.below(2) == 0 ? Status::kPassed : Status::kTimeout;
      for (WorkloadSummary& workload : result.workloads) workload.latency_us *= 0.1 + 3 * rng.uniform();
    };
    other.run(50);
    const auto decisions = [](const World& world) {
      std::vector<std::string> list;
      for (const auto& [id, c] : world.state.view().candidates)
        list.push_back(c.origin.op + c.source_hash + canonical_knobs(c.knobs) + c.model +
                       std::to_string(c.origin.parent.value_or(-1)));
      return list;
    };
    ASSERT_GE(real.state.next_ticket(), 50);
    EXPECT_EQ(decisions(real), decisions(other)) << "seed " << seed;
    EXPECT_NE(real.state.digest(), other.state.digest()) << "the results were the same: nothing is proven";
  }
}

TEST(Strategy, BestOfNStartsFromSeedsOnly) {
  World world(with_strategy(make_agent_run(5, 4, true), "best-of-n"), 2, 1);
  world.run(60);
  int of_models = 0;
  for (const auto& [id, c] : world.state.view().candidates) {
    EXPECT_TRUE(!c.origin.parent || *c.origin.parent < 3)
        << "ticket " << id << " starts from another outcome";
    EXPECT_TRUE(c.origin.inspirations.empty());
    of_models += c.role.empty() ? 0 : 1;
  }
  EXPECT_GE(of_models, 10);
}

TEST(Strategy, AClimbChangesTheBestThatItCanSee) {
  for (const bool asks_models : {false, true}) {
    World world(with_strategy(asks_models ? make_agent_run(5, 4, true) : make_run(5, 4), "hill-climb"), 2, 1);
    world.run(60);
    State state;
    int changes = 0, steps = 0;
    for (const Event& event : world.journal) {
      const auto* proposed = std::get_if<Proposed>(&event);
      const auto* asked = std::get_if<ModelRequested>(&event);
      const Origin* origin = proposed && proposed->origin.op == "tune" ? &proposed->origin
                             : asked && asked->origin.op != "repair"   ? &asked->origin
                                                                       : nullptr;
      if (origin != nullptr && !(proposed && proposed->note == "random assignment")) {
        ASSERT_TRUE(state.view().best);
        EXPECT_EQ(origin->parent, state.view().best);
        ++changes;
        if (proposed) {  // one knob differs
          const Candidate& best = *state.view().find(*state.view().best);
          int differing = 0;
          for (const auto& [name, value] : best.knobs) differing += proposed->knobs.at(name) == value ? 0 : 1;
          EXPECT_EQ(differing, 1);
          ++steps;
        }
      }
      ASSERT_TRUE(state.apply(event));
    }
    EXPECT_GE(changes, 10);
    EXPECT_GE(steps, 3);
  }
}

TEST(Strategy, APlainRunEndsWhenEveryAssignmentOfTheSeedsWasTried) {
  for (const std::string& strategy : both()) {
    RunStarted run = make_run(6, 8);
    run.search.operators = {{"tune", 1}};
    World world(with_strategy(run, strategy), 4, 1);
    world.run(1000);
    EXPECT_EQ(world.ended, "search space exhausted") << strategy;
    std::map<std::string, int> count;
    for (const auto& [id, c] : world.state.view().candidates) ++count[c.source_hash];
    EXPECT_EQ(count["plain"], 3);
    EXPECT_EQ(count["good"], world.state.view().find(1)->passed() ? 33 : 1);
  }
}

TEST(Strategy, WithoutSeedsBestOfNBeginsEveryTimeFromNothing) {
  World world(with_strategy(make_agent_run(5, 4, false), "best-of-n"), 2, 1);
  world.run(40);
  for (const auto& [id, c] : world.state.view().candidates) EXPECT_EQ(c.origin.op, "scratch");
  EXPECT_GE(world.state.next_ticket(), 40);
}

TEST(Strategy, WhatBestOfNMayShowOfARunIsItsSeeds) {
  World world(make_agent_run(5, 4, true), 2, 1);
  world.run(60);
  const RunView seeds = seeds_alone(world.state.view());
  EXPECT_EQ(seeds.candidates.size(), 3u);
  EXPECT_EQ(seeds.results.size(), 3u);
  ASSERT_TRUE(seeds.baseline);
  EXPECT_EQ(seeds.baseline->name, world.state.view().baseline->name);
  EXPECT_FALSE(seeds.best);
  EXPECT_TRUE(seeds.archive.empty() && seeds.lessons.empty() && seeds.islands.empty());
  EXPECT_EQ(seeds.counters.evaluations, 0);
}

TEST(Strategy, SettlingTwiceChangesNothingAndEvolveIsLeftAlone) {
  for (const char* strategy : {"evolve", "best-of-n", "hill-climb"}) {
    SearchSettings settings = make_agent_run(1, 4, true).search;
    settings.strategy = strategy;
    const auto once = settle_strategy(settings);
    ASSERT_TRUE(once);
    EXPECT_EQ(to_json(*settle_strategy(*once)), to_json(*once));
    EXPECT_EQ(to_json(*once) == to_json(settings), std::string(strategy) == "evolve");
  }
}

TEST(Strategy, AStrategyWithoutAnyOperatorIsRefused) {
  SearchSettings settings;
  settings.strategy = "best-of-n";
  settings.operators = {{"repair", 1}, {"crossover", 1}};
  const auto settled = settle_strategy(settings);
  ASSERT_FALSE(settled);
  EXPECT_NE(settled.error().message.find("search.operators"), std::string::npos);
}

TEST(KnobWalk, NeighboursAreExactlyTheSingleSteps) {
  const std::vector<DeclaredKnob> declared = knobs_of("good");
  const KnobValues parent = {{"ROWS", "1"}, {"SPLITS", "2"}, {"VEC", "4"}};
  std::set<std::string> tried;
  Rng rng(1);
  TuneInput input{&declared, &parent, {}, &tried, {}};
  while (auto move = neighbour_step(input, rng))
    ASSERT_TRUE(tried.insert(canonical_knobs(move->knobs)).second);
  EXPECT_EQ(tried, (std::set<std::string>{"ROWS=1,SPLITS=1,VEC=4", "ROWS=1,SPLITS=2,VEC=2",
                                          "ROWS=1,SPLITS=4,VEC=4", "ROWS=2,SPLITS=2,VEC=4"}));
}

TEST(KnobWalk, RandomAssignmentsReachAllThatIsAcceptable) {
  const std::vector<DeclaredKnob> declared = knobs_of("good");
  std::set<std::string> tried;
  Rng rng(1);
  const auto accepts = [](const KnobValues& knobs) { return knobs.at("VEC") != "2"; };
  const KnobValues parent;
  TuneInput input{&declared, &parent, {}, &tried, accepts};
  while (auto move = random_assignment(input, rng))
    ASSERT_TRUE(tried.insert(canonical_knobs(move->knobs)).second);
  EXPECT_EQ(tried.size(), 24u);
}

TEST(KnobWalk, NothingToMoveGivesNothing) {
  const std::vector<DeclaredKnob> fixed = {{"A", {"1"}, "1"}, {"B", {}, ""}};
  const KnobValues parent;
  const std::set<std::string> tried;
  Rng rng(1);
  EXPECT_FALSE(neighbour_step({&fixed, &parent, {}, &tried, {}}, rng));
  EXPECT_FALSE(random_assignment({&fixed, &parent, {}, &tried, {}}, rng));
}

}  // namespace
}  // namespace warpwright::search::test
