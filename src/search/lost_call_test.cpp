// A run that is killed at any event and taken up again decides, and ends, as the undisturbed one. Calls that
// died in flight cost the run's account once, and no decision sees it.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>

#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

struct Case {
  const char* name;
  RunStarted run;
};

std::vector<Case> runs_with_models() {
  return {{"agent", make_agent_run(42, 5, true)},
          {"full-agent", make_agent_run(7, 3, false)},
          {"one at a time", make_agent_run(11, 1, true)},
          {"rich", make_rich_run(5, 8)}};
}

constexpr int64_t kTickets = 50;

World to_the_end(World world) {
  world.run(kTickets);
  world.drain();
  return world;
}

std::string arms_of(const RunView& view) {
  std::string text;
  for (const auto& [arm, record] : view.arms)
    text += fmt::format("{} {}: {} pulls, {} microdollars\n", arm.first, arm.second, record.pulls,
                        record.microdollars);
  return text;
}

World resumed_at(const World& whole, size_t cut) {
  World world = World::resume(
      {whole.journal.begin(), whole.journal.begin() + static_cast<std::ptrdiff_t>(cut)}, 3, cut);
  world.append(RunResumed{"test"});
  return world;
}

TEST(LostCalls, AKillAtAnyEventChangesNoDecisionAndNoArm) {
  for (const Case& one : runs_with_models()) {
    const World whole = to_the_end(World(one.run, 4, 1));
    for (size_t cut = 1; cut <= whole.journal.size(); ++cut) {
      const World resumed = to_the_end(resumed_at(whole, cut));
      ASSERT_EQ(resumed.ordered(), whole.ordered()) << one.name << ", cut after event " << cut;
      ASSERT_EQ(arms_of(resumed.state.view()), arms_of(whole.state.view())) << one.name << ", cut " << cut;
      ASSERT_EQ(resumed.state.digest(), whole.state.digest()) << one.name << ", cut after event " << cut;
    }
  }
}

int64_t spent_on_calls(const RunView& view) {
  int64_t sum = 0;
  for (const auto& [model, usage] : view.models) sum += usage.microdollars;
  return sum;
}

int64_t lost_calls(const RunView& view) {
  int64_t sum = 0;
  for (const auto& [model, usage] : view.models) sum += usage.lost;
  return sum;
}

// Killed, or left in haste (RunPaused) and then taken up, twice: each lost call costs its worst case once.
TEST(LostCalls, EachIsChargedOnceAndToTheAccountAlone) {
  for (const Case& one : runs_with_models()) {
    const World whole = to_the_end(World(one.run, 4, 1));
    int64_t most = 0;
    for (const bool is_paused : {false, true}) {
      for (size_t cut = 1; cut <= whole.journal.size(); cut += 7) {
        World world = resumed_at(whole, cut);
        const int64_t lost = lost_calls(world.state.view());
        State state;
        for (size_t i = 0; i < cut; ++i) ASSERT_TRUE(state.apply(whole.journal[i]));
        ASSERT_EQ(lost, static_cast<int64_t>(state.view().open_calls.size()));
        if (is_paused) world.append(RunPaused{"Ctrl-C"});
        world.append(RunResumed{"test"});
        ASSERT_EQ(lost_calls(world.state.view()), lost) << "charged twice";
        const World resumed = to_the_end(std::move(world));
        ASSERT_EQ(spent_on_calls(resumed.state.view()), spent_on_calls(whole.state.view()) + 900 * lost)
            << one.name << ", cut " << cut;
        ASSERT_EQ(resumed.state.digest(), whole.state.digest());
        most = std::max(most, lost);
      }
    }
    EXPECT_GT(most, 0) << one.name;
  }
}

// The report of a run that was left tells of them at once.
TEST(LostCalls, ThoseOfARunThatIsLeftAreChargedWhenItIsLeft) {
  const World whole = to_the_end(World(make_agent_run(42, 5, true), 4, 1));
  const auto called = std::find_if(whole.journal.begin(), whole.journal.end(), [](const Event& event) {
    return std::holds_alternative<CallStarted>(event);
  });
  for (const Event& left : {Event(RunPaused{"Ctrl-C"}), Event(RunFinished{"time"})}) {
    World world = World::resume({whole.journal.begin(), called + 1}, 1, 0);
    world.append(left);
    EXPECT_EQ(lost_calls(world.state.view()), 1);
    EXPECT_EQ(spent_on_calls(world.state.view()), 900);
    EXPECT_TRUE(world.state.view().open_calls.empty());
  }
}

}  // namespace
}  // namespace warpwright::search::test
