// Decisions: seeds first, no assignment twice, a clean end; and journals that contradict themselves.
#include "src/search/decide.h"

#include <gtest/gtest.h>

#include <set>

#include "src/search/test_world.h"
#include "src/search/tune.h"

namespace warpwright::search::test {
namespace {

using namespace events;

TEST(Decide, SeedsComeFirstInTheirOrderWithDefaultKnobs) {
  World world(make_run(1, 4), 1, 0);
  world.run(3);
  const auto& candidates = world.state.view().candidates;
  ASSERT_EQ(candidates.size(), 3u);
  EXPECT_EQ(candidates.at(0).source_hash, "plain");
  EXPECT_EQ(candidates.at(1).source_hash, "good");
  EXPECT_EQ(candidates.at(1).knobs, default_knobs(knobs_of("good")));
  EXPECT_EQ(candidates.at(2).origin.op, "seed");
}

TEST(Decide, NoAssignmentOfASourceIsProposedTwiceByTheTuner) {
  World world(make_run(2, 8), 4, 1);
  world.run(150);
  std::set<std::string> seen;
  for (const auto& [id, c] : world.state.view().candidates) {
    const bool is_new = seen.insert(c.source_hash + canonical_knobs(c.knobs)).second;
    EXPECT_TRUE(is_new || c.origin.op != "tune") << "ticket " << id << " " << canonical_knobs(c.knobs);
  }
}

TEST(Decide, TheTunerKeepsToTheDeclaredValuesAndRequirements) {
  World world(make_run(2, 8), 4, 1);
  world.run(150);
  for (const auto& [id, c] : world.state.view().candidates) {
    if (c.origin.op != "tune") continue;
    const auto declared = knobs_of(c.source_hash);
    ASSERT_EQ(c.knobs.size(), declared.size());
    for (const DeclaredKnob& knob : declared)
      EXPECT_NE(std::find(knob.values.begin(), knob.values.end(), c.knobs.at(knob.name)), knob.values.end());
    if (c.knobs.contains("ROWS")) {
      EXPECT_LE(std::stoi(c.knobs.at("ROWS")) * std::stoi(c.knobs.at("SPLITS")), 16);
    }
  }
}

TEST(Decide, AnExhaustedSpaceEndsTheRunAfterAllOfItWasTried) {
  RunStarted run = make_run(6, 8);
  run.search.operators = {{"tune", 1}};
  World world(run, 4, 1);
  world.run(1000);
  EXPECT_EQ(world.ended, "search space exhausted");
  std::map<std::string, int> count;
  for (const auto& [id, c] : world.state.view().candidates) ++count[c.source_hash];
  EXPECT_EQ(count["plain"], 3);
  const bool good_passed = world.state.view().find(1)->passed();
  EXPECT_EQ(count["good"], good_passed ? 33 : 1);  // 4 * 3 * 3, less ROWS 8 with SPLITS 4: 3
  EXPECT_LE(world.state.view().counters.idle, 8);
}

TEST(Decide, AnOperatorStopsAtItsLimit) {
  World world(make_run(6, 8), 4, 1);
  world.run(200);
  EXPECT_EQ(world.state.requests_of("scripted"), 12);
}

TEST(Decide, WithoutSeedsTheFirstThatPassesIsTheBaseline) {
  World world(make_agent_run(5, 4, false), 2, 1);
  world.run(60);
  const RunView& view = world.state.view();
  ASSERT_TRUE(view.baseline);
  for (const auto& [id, c] : view.candidates) {
    EXPECT_NE(c.origin.op, "seed");
    if (c.passed() && !c.duplicate_of) {
      EXPECT_GE(id, view.baseline->candidate);
    }
  }
  EXPECT_EQ(view.find(view.baseline->candidate)->score, 1.0);
}

TEST(Decide, AFailureIsRepairedOnceAndNoLongerThanItsBudget) {
  RunStarted run = make_agent_run(5, 4, true);
  run.search.repair_attempts = 1;
  World world(run, 2, 1);
  world.run(150);
  std::set<CandidateId> mended;
  for (const auto& [id, c] : world.state.view().candidates) {
    if (c.origin.op != "repair") continue;
    ASSERT_TRUE(c.origin.parent);
    const Candidate& failed = *world.state.view().find(*c.origin.parent);
    EXPECT_TRUE(mended.insert(failed.id).second) << failed.id << " is mended twice";
    EXPECT_NE(failed.status, Status::kPassed);
    EXPECT_NE(failed.origin.op, "repair") << "a repair of a repair, where one in a row is allowed";
    EXPECT_NE(failed.origin.op, "seed");
  }
  EXPECT_GE(mended.size(), 3u);
}

TEST(Decide, ACallThatDiedWithItsProcessIsChargedAndAskedAgain) {
  World whole(make_agent_run(5, 4, true), 2, 1);
  whole.run(40);
  const auto started = std::find_if(whole.journal.begin(), whole.journal.end(), [](const Event& event) {
    return std::holds_alternative<CallStarted>(event);
  });
  ASSERT_NE(started, whole.journal.end());
  World world = World::resume({whole.journal.begin(), started + 1}, 2, 1);
  const auto call = world.state.view().open_calls.begin()->second;
  const int64_t before =
      world.state.view().models.count(call.model) ? world.state.view().models.at(call.model).microdollars : 0;
  EXPECT_FALSE(world.state.wants_call(call.ticket));
  world.append(RunResumed{"0.1.0"});
  EXPECT_TRUE(world.state.wants_call(call.ticket));
  EXPECT_EQ(world.state.view().models.at(call.model).microdollars, before + call.reserved_microdollars);
}

TEST(Decide, WithoutABaselineTheRunEndsAndSaysWhy) {
  RunStarted run = make_run(1, 4);
  run.seeds = {{"broken.cu", "broken"}, {"good.cu", "good"}};
  World world(run, 1, 0);
  world.run(20);
  EXPECT_NE(world.ended.find("broken.cu did not pass (INCORRECT_NUMERICAL"), std::string::npos)
      << world.ended;
}

TEST(Decide, ResultsOfAnotherDeviceAreNobodysAndTheRunGoesOn) {
  World world(make_run(1, 4), 1, 0);
  world.run(3);
  ASSERT_TRUE(world.state.view().baseline);
  State state = world.state;
  ASSERT_TRUE(state.apply(event_of(state, decide(state, {}))));
  ASSERT_TRUE(state.apply(ModelRequested{4, {"scripted", 0, CandidateId{0}, {}}, 0}));
  // whatever ticket 3 is, make it a proposal with a result of another device
  if (state.view().find(3)->phase == Phase::kRequested) {
    ASSERT_TRUE(state.apply(Proposed{3, state.view().find(3)->origin, "other", {}, {}, ""}));
  }
  ResultSummary result = evaluate("plain", {{"THREADS", "64"}});
  result.measure.device = "h100";
  ASSERT_TRUE(state.apply(EvaluationFinished{3, "foreign", "", result}));
  const auto abandoned = next_settlement(state, Drain::kYes);
  ASSERT_TRUE(abandoned && *abandoned);
  ASSERT_TRUE(std::holds_alternative<Abandoned>(**abandoned));
  EXPECT_NE(std::get<Abandoned>(**abandoned).reason.find("results of unlike measures"), std::string::npos);
  ASSERT_TRUE(state.apply(**abandoned));
  const auto applied = next_settlement(state, Drain::kYes);
  ASSERT_TRUE(applied && *applied);
  EXPECT_EQ(std::get<Applied>(**applied).ticket, 3);
  EXPECT_FALSE(std::get<Applied>(**applied).status);
}

TEST(Tune, ExhaustionIsExactAndEveryAssignmentIsReached) {
  const std::vector<DeclaredKnob> declared = knobs_of("good");
  const KnobValues parent = default_knobs(declared);
  std::set<std::string> tried;
  Rng rng(1);
  TuneInput input{&declared, &parent, {{7, {{"ROWS", "8"}, {"SPLITS", "4"}, {"VEC", "1"}}}}, &tried, {}};
  while (auto move = tune(input, rng)) ASSERT_TRUE(tried.insert(canonical_knobs(move->knobs)).second);
  EXPECT_EQ(tried.size(), space_size(declared));
  EXPECT_EQ(tried.size(), 36u);
}

TEST(Tune, NothingToMoveGivesNothing) {
  const std::vector<DeclaredKnob> none, fixed = {{"A", {"1"}, "1"}, {"B", {}, ""}};
  const KnobValues parent;
  const std::set<std::string> tried;
  Rng rng(1);
  EXPECT_FALSE(tune({&none, &parent, {}, &tried, {}}, rng));
  EXPECT_FALSE(tune({&fixed, &parent, {}, &tried, {}}, rng));
  const std::vector<DeclaredKnob> some = {{"A", {"1", "2"}, "1"}};
  EXPECT_FALSE(tune({&some, &parent, {}, &tried, [](const KnobValues&) { return false; }}, rng));
}

TEST(Tune, AHugeSpaceNeitherOverflowsNorHangs) {
  std::vector<DeclaredKnob> declared;
  for (int i = 0; i < 40; ++i) declared.push_back({"K" + std::to_string(i), {"1", "2", "3", "4"}, "1"});
  const KnobValues parent = default_knobs(declared);
  const std::set<std::string> tried;
  Rng rng(1);
  EXPECT_TRUE(tune({&declared, &parent, {}, &tried, {}}, rng));
  EXPECT_FALSE(tune({&declared, &parent, {}, &tried, [](const KnobValues&) { return false; }}, rng));
}

// Whatever the order and content of events, apply refuses or accepts; it never crashes.
TEST(State, ContradictionsAreErrors) {
  auto fresh = [] {
    State state;
    EXPECT_TRUE(state.apply(make_run(1, 4)));
    return state;
  };
  const Origin origin{"tune", 0, {}, {}};
  State unstarted;
  EXPECT_FALSE(unstarted.apply(Applied{}));
  State twice = fresh();
  EXPECT_FALSE(twice.apply(make_run(1, 4)));
  State gap = fresh();
  EXPECT_FALSE(gap.apply(Proposed{5, origin, "s", {}, {}, ""}));
  State island = fresh();
  EXPECT_FALSE(island.apply(Proposed{0, {"tune", 99, {}, {}}, "s", {}, {}, ""}));
  State parent = fresh();
  EXPECT_FALSE(parent.apply(Proposed{0, {"tune", 0, CandidateId{3}, {}}, "s", {}, {}, ""}));
  State early = fresh();
  EXPECT_TRUE(early.apply(Proposed{0, origin, "s", {}, {}, ""}));
  EXPECT_FALSE(early.apply(Applied{0, "k", {}, Status::kPassed, 1}));
  EXPECT_FALSE(early.apply(Proposed{0, origin, "s", {}, {}, ""}));
  State evaluated_twice = fresh();
  EXPECT_TRUE(evaluated_twice.apply(Proposed{0, origin, "plain", {}, {}, ""}));
  EXPECT_TRUE(evaluated_twice.apply(Proposed{1, origin, "plain", {}, {}, ""}));
  const ResultSummary result = evaluate("plain", {});
  EXPECT_TRUE(evaluated_twice.apply(EvaluationFinished{0, "k", "", result}));
  EXPECT_FALSE(evaluated_twice.apply(EvaluationFinished{1, "k", "", result}));
  State lost = fresh();
  EXPECT_TRUE(lost.apply(Proposed{0, origin, "plain", {}, {}, ""}));
  EXPECT_FALSE(lost.apply(EvaluationFinished{0, "k", "", ResultSummary{}}));
  State unknown = fresh();
  EXPECT_FALSE(unknown.apply(Migrated{0, {{3, 0, 1}}}));
  EXPECT_FALSE(unknown.apply(Abandoned{0, 1, ""}));
}

TEST(State, AShuffledJournalNeverCrashesTheFold) {
  World world(make_run(3, 4), 4, 0);
  world.run(40);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    State state;
    ASSERT_TRUE(state.apply(world.journal[0]));
    for (size_t i = 0; i < 60; ++i) {
      const size_t at =
          rng.below(4) == 0 ? rng.below(world.journal.size()) : std::min(i + 1, world.journal.size() - 1);
      if (!state.apply(world.journal[at])) break;
    }
  }
}

}  // namespace
}  // namespace warpwright::search::test
