// A bandit that forgets, and prompt sections on trial.
#include "src/search/arm_memory.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "src/search/prompt_trials.h"
#include "src/search/strategy.h"
#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

TEST(ArmMemory, WithoutForgettingItHoldsTheWholeRunsTotals) {
  World world(make_agent_run(5, 4, true), 2, 1);
  world.run(100);
  ASSERT_GE(world.state.view().arms.size(), 4u);
  for (const auto& [arm, record] : world.state.view().arms) {
    const ArmTotals totals = world.state.arms().of(arm.first, arm.second);
    EXPECT_EQ(totals.pulls, static_cast<double>(record.pulls));
    EXPECT_EQ(totals.gain, record.gain);
    EXPECT_EQ(totals.microdollars, static_cast<double>(record.microdollars));
  }
}

TEST(ArmMemory, APullFadesWithEveryLaterOneOfItsRole) {
  ArmMemory memory;
  memory.record("proposer", "diff", "fast", 0.8, 100, 0.5);
  memory.record("researcher", "research", "strong", 0, 70, 0.5);
  memory.record("proposer", "rewrite", "fast", 0, 100, 0.5);
  memory.record("proposer", "diff", "strong", 0.2, 300, 0.5);
  EXPECT_DOUBLE_EQ(memory.of("diff", "fast").pulls, 0.25);
  EXPECT_DOUBLE_EQ(memory.of("diff", "fast").gain, 0.2);
  EXPECT_DOUBLE_EQ(memory.of("diff", "fast").microdollars, 25);
  EXPECT_DOUBLE_EQ(memory.of("research", "strong").pulls, 1) << "another role's calls do not age it";
  EXPECT_DOUBLE_EQ(memory.of_operator("diff").pulls, 1.25);
  EXPECT_DOUBLE_EQ(memory.of_operator("diff").gain, 0.4);
  EXPECT_DOUBLE_EQ(memory.of("plan", "fast").pulls, 0);
}

TEST(ArmMemory, AForgettingRunIsAsReproducibleAsAnyAndDecidesOtherwise) {
  RunStarted run = make_agent_run(5, 4, true);
  World whole(run, 2, 1);
  whole.run(120);
  run.search.bandit_memory = 0.9;
  World reference(run, 1, 0), other(run, 8, 9);
  reference.run(120);
  other.run(120);
  EXPECT_EQ(reference.ordered(), other.ordered());
  EXPECT_EQ(reference.state.digest(), other.state.digest());
  EXPECT_NE(reference.state.digest(), whole.state.digest());
}

RunStarted make_trial_run() {
  RunStarted run = make_agent_run(5, 4, true);
  run.search.trial_sections = {"lessons", "top"};
  run.search.trial_share = 0.25;
  return run;
}

TEST(PromptTrials, EachSectionIsLeftOutOfItsShareAndIndependentlyOfTheOther) {
  const SearchSettings settings = make_trial_run().search;
  int lessons = 0, top = 0, both = 0;
  constexpr int kTickets = 4000;
  for (Ticket ticket = 0; ticket < kTickets; ++ticket) {
    const auto left_out = draw_left_out(settings, 5, ticket, "diff");
    const auto has = [&](const char* name) {
      return std::find(left_out.begin(), left_out.end(), name) != left_out.end();
    };
    lessons += has("lessons") ? 1 : 0;
    top += has("top") ? 1 : 0;
    both += has("lessons") && has("top") ? 1 : 0;
  }
  EXPECT_NEAR(lessons, kTickets / 4, 110);  // four standard deviations
  EXPECT_NEAR(top, kTickets / 4, 110);
  EXPECT_NEAR(both, kTickets / 16, 62);
  EXPECT_TRUE(draw_left_out(settings, 5, 1, "research").empty());
  EXPECT_TRUE(draw_left_out(settings, 5, 1, "scripted").empty());
}

TEST(PromptTrials, TheyMoveNoOtherDraw) {
  World plain(make_agent_run(5, 4, true), 2, 1), tried(make_trial_run(), 2, 1);
  plain.run(80);
  tried.run(80);
  const auto without_trials = [](const World& world) {
    std::vector<std::string> list;
    for (const auto& [id, c] : world.state.view().candidates)
      list.push_back(c.origin.op + c.model + canonical_knobs(c.knobs) + c.source_hash);
    return list;
  };
  EXPECT_EQ(without_trials(plain), without_trials(tried));
}

TEST(PromptTrials, EveryAppliedRequestCountsOnOneSideOfEverySection) {
  World world(make_trial_run(), 3, 7);
  world.run(120);
  world.drain();
  const RunView& view = world.state.view();
  int64_t requests = 0;
  double gain = 0;
  for (const auto& [id, c] : view.candidates)
    if (!c.role.empty() && c.origin.op != "research" && id < view.applied) ++requests;
  for (const auto& [arm, record] : view.arms)
    if (arm.first != "research") gain += record.gain;
  ASSERT_EQ(view.trials.size(), 2u);
  for (const auto& [section, trial] : view.trials) {
    EXPECT_EQ(trial.with.pulls + trial.without.pulls, requests) << section;
    EXPECT_GE(trial.without.pulls, 5) << section;
    EXPECT_NEAR(trial.with.gain + trial.without.gain, gain, 1e-9) << section;
    EXPECT_GE(trial.squares_with * static_cast<double>(trial.with.pulls),
              trial.with.gain * trial.with.gain - 1e-9);
  }
}

TEST(PromptTrials, TheyAreTheSameInAnyOrderOfArrival) {
  World a(make_trial_run(), 1, 0), b(make_trial_run(), 16, 3);
  for (World* world : {&a, &b}) {
    world->run(80);
    world->drain();
  }
  EXPECT_EQ(a.ordered(), b.ordered());
  for (const auto& [section, trial] : a.state.view().trials) {
    EXPECT_EQ(trial.without.pulls, b.state.view().trials.at(section).without.pulls);
    EXPECT_EQ(trial.with.gain, b.state.view().trials.at(section).with.gain);
  }
}

TEST(PromptTrials, BestOfNHasNone) {
  RunStarted run = make_trial_run();
  run.search.strategy = "best-of-n";
  run.search = settle_strategy(run.search).value();
  World world(run, 2, 1);
  world.run(40);
  EXPECT_TRUE(world.state.view().trials.empty());
}

}  // namespace
}  // namespace warpwright::search::test
