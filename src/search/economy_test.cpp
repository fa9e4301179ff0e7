// What is not evaluated, and what is evaluated in part only: near duplicates and races, in the test world.
#include <gtest/gtest.h>

#include <set>

#include "src/search/near_duplicates.h"
#include "src/search/race_plan.h"
#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

World thrifty_world(uint64_t seed, int window, int workers, uint64_t arrivals) {
  World world(make_thrifty_run(seed, window), workers, arrivals);
  world.run(90);
  world.drain();
  return world;
}

TEST(Economy, IsAFunctionOfResultsNotOfArrivals) {
  for (const int window : {1, 4, 16}) {
    const World reference = thrifty_world(42, window, 1, 0);
    ASSERT_GE(reference.state.applied(), 40);
    EXPECT_GT(reference.state.view().counters.near_duplicates, 3);
    EXPECT_GT(reference.state.view().counters.lost_races, 0);
    EXPECT_FALSE(reference.state.view().races.empty());
    for (const int workers : {2, 5, 32}) {
      const World other = thrifty_world(42, window, workers, 1000u + static_cast<uint64_t>(workers));
      EXPECT_EQ(other.ordered(), reference.ordered()) << "window " << window << ", workers " << workers;
      EXPECT_EQ(other.state.digest(), reference.state.digest());
    }
  }
}

TEST(NearDuplicates, CostNoEvaluationAndNeverEnterThePopulation) {
  const World world = thrifty_world(7, 6, 4, 3);
  const RunView& view = world.state.view();
  std::set<Ticket> evaluated;
  std::map<Ticket, Compiled> compiled;
  for (const Event& event : world.journal) {
    if (const auto* e = std::get_if<EvaluationFinished>(&event)) evaluated.insert(e->ticket);
    if (const auto* e = std::get_if<Compiled>(&event)) compiled[e->ticket] = *e;
  }
  int shared = 0;
  for (const auto& [ticket, event] : compiled) {
    if (!event.near_duplicate_of) continue;
    ++shared;
    EXPECT_FALSE(evaluated.contains(ticket));
    EXPECT_LT(*event.near_duplicate_of, outcomes_needed(ticket, 3, 6)) << "not known when it was decided";
    const Candidate& candidate = *view.find(ticket);
    const Candidate& original = *view.find(*event.near_duplicate_of);
    EXPECT_EQ(candidate.result_key, original.result_key);
    EXPECT_EQ(candidate.score, original.score);
    EXPECT_TRUE(candidate.duplicate_of);
    EXPECT_EQ(std::count(view.archive.begin(), view.archive.end(), ticket), 0);
  }
  EXPECT_GT(shared, 3);
  std::set<std::string> prints;
  for (const CandidateId id : view.archive)
    EXPECT_TRUE(prints.insert(view.find(id)->fingerprint).second) << "one program twice in the archive";
}

TEST(NearDuplicates, AreNotSharedInRunsFromBeforeTheyWere) {
  RunStarted run = make_thrifty_run(7, 6);
  run.search.share_near_duplicates = false;
  World world(run, 4, 3);
  world.run(90);
  world.drain();
  EXPECT_EQ(world.state.view().counters.near_duplicates, 0);
}

TEST(Races, ArePlannedAtFixedPointsAndNeverWithoutAMargin) {
  const World world = thrifty_world(42, 4, 2, 1);
  int64_t passed_before = 0;
  double best_before = 0;
  State state;
  for (const Event& event : world.journal) {
    if (std::holds_alternative<RacePlanned>(event)) {
      const double best = state.view().find(*state.view().best)->score;
      const int64_t passed = state.passed_programs();
      EXPECT_GE(passed, kRaceLeastPassed);
      EXPECT_TRUE(passed >= 2 * passed_before || best >= kRaceBetterBest * best_before);
      passed_before = passed;
      best_before = best;
    }
    ASSERT_TRUE(state.apply(event));
    EXPECT_LE(state.passed_programs(), std::max(2 * passed_before, kRaceLeastPassed));
  }
  World without(make_run(42, 4), 2, 1);
  without.run(90);
  EXPECT_TRUE(without.state.view().races.empty());
}

TEST(Races, AskOfEveryWorkloadWhatTheBestOfThemDid) {
  const World world = thrifty_world(42, 4, 2, 1);
  const RunView& view = world.state.view();
  ASSERT_FALSE(view.races.empty());
  const Race& race = view.races.front();
  ASSERT_EQ(race.workloads.size(), view.baseline->workloads.size());
  for (const WorkloadSummary& base : view.baseline->workloads) {
    const auto found = std::find_if(race.workloads.begin(), race.workloads.end(),
                                    [&](const RaceWorkload& w) { return w.uuid == base.uuid; });
    ASSERT_NE(found, race.workloads.end());
    EXPECT_EQ(found->baseline_us, base.latency_us);
    EXPECT_EQ(found->weight, base.weight);
    EXPECT_GE(found->best_ratio, kRaceHeadroom) << "the baseline itself is one of them";
  }
  EXPECT_TRUE(race_from_json(to_json(race)));
}

// Whoever lost would not have led: what a race saves costs no best.
TEST(Races, StopOnlyThoseThatWouldNotHaveLed) {
  int lost = 0;
  for (const uint64_t seed : {1u, 2u, 3u, 4u, 5u}) {
    const World world = thrifty_world(seed, 6, 4, seed);
    const RunView& view = world.state.view();
    for (const auto& [id, candidate] : view.candidates) {
      if (!candidate.lost_race) continue;
      ++lost;
      EXPECT_FALSE(candidate.passed());
      EXPECT_EQ(std::count(view.archive.begin(), view.archive.end(), id), 0);
      const Race& race = view.races.at(*view.find(candidate.duplicate_of.value_or(id))->race);
      EXPECT_LT(candidate.score, race.floor);
      EXPECT_LT(view.result_of(candidate)->workloads.size(), race.workloads.size() + 1);
    }
    for (const auto& [arm, record] : view.arms) EXPECT_GE(record.gain, 0);
  }
  EXPECT_GT(lost, 10);
}

TEST(Races, SeedsAndCompositionsAreEvaluatedWhole) {
  const World world = thrifty_world(42, 4, 2, 1);
  Candidate candidate = *world.state.view().find(0);
  candidate.race = 0;
  EXPECT_EQ(race_of(world.state, candidate), nullptr);
  candidate.origin.op = "compose";
  EXPECT_EQ(race_of(world.state, candidate), nullptr);
  candidate.origin.op = "tune";
  EXPECT_EQ(race_of(world.state, candidate), &world.state.view().races[0]);
}

}  // namespace
}  // namespace warpwright::search::test
