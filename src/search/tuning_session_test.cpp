// Tuning sessions: budgets, the share of tickets, no assignment twice, and all of it a function of ordered
// events.
#include "src/search/tuning_session.h"

#include <gtest/gtest.h>

#include <set>

#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

RunStarted tuned_run(uint64_t seed, int window, int budget, double share) {
  RunStarted run = make_agent_run(seed, window, true);
  run.search.tuning_budget = budget;
  run.search.tuning_share = share;
  run.search.tuning_margin = 0.5;
  run.search.operators["tune"] = 0;
  return run;
}

bool is_session_ticket(const Candidate& candidate) {
  return candidate.origin.op == "tune" && candidate.note.starts_with("tuning, ");
}

TEST(TuningSession, BudgetsAreNeverExceededAndReopeningsHalve) {
  int64_t reopened = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    RunStarted run = tuned_run(seed, 6, 8, 0.7);
    run.search.operators["tune"] = 2;
    World world(run, 4, seed);
    for (int64_t tickets = 10; tickets <= 150; tickets += 10) {
      world.run(tickets);
      for (const auto& [hash, session] : world.state.view().tuning) {
        EXPECT_LE(session.used + session.in_flight, session.budget);
        EXPECT_LT(session.budget, 16);
        EXPECT_GE(session.best_score, session.score_before);
      }
    }
    world.drain();
    for (const auto& [hash, session] : world.state.view().tuning) {
      EXPECT_EQ(session.in_flight, 0);
      reopened += session.openings - 1;
    }
  }
  EXPECT_GT(reopened, 0);
}

TEST(TuningSession, NoAssignmentTwiceAndNoneThatAreRefused) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    World world(tuned_run(seed, 8, 12, 0.6), 4, seed);
    world.run(150);
    std::set<std::string> seen;
    int64_t count = 0;
    for (const auto& [id, c] : world.state.view().candidates) {
      const bool is_new = seen.insert(c.source_hash + canonical_knobs(c.knobs)).second;
      if (!is_session_ticket(c)) continue;
      ++count;
      EXPECT_TRUE(is_new) << "ticket " << id << " " << canonical_knobs(c.knobs);
      ASSERT_EQ(c.knobs.size(), knobs_of(c.source_hash).size());
      if (!c.knobs.contains("ROWS")) continue;
      EXPECT_LE(std::stoi(c.knobs.at("ROWS")) * std::stoi(c.knobs.at("SPLITS")), 16);
    }
    EXPECT_GT(count, 20);
  }
}

TEST(TuningSession, TheShareHoldsWhileOthersHaveSomethingToPropose) {
  for (double share : {0.0, 0.3, 0.6}) {
    int64_t tuned = 0, tickets = 0;
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      World world(tuned_run(seed, 8, 40, share), 4, seed);
      world.run(120);
      tickets += world.state.next_ticket() - 3;
      for (const auto& [id, c] : world.state.view().candidates) tuned += is_session_ticket(c) ? 1 : 0;
    }
    const double taken = static_cast<double>(tuned) / static_cast<double>(tickets);
    EXPECT_LE(taken, share + 0.05);
    EXPECT_GE(taken, 0.5 * share);  // sometimes no session is awake
  }
}

TEST(TuningSession, OnlyPromisingSourcesAreTuned) {
  World world(tuned_run(3, 4, 12, 0.5), 2, 3);
  world.run(150);
  const RunView& view = world.state.view();
  ASSERT_FALSE(view.tuning.empty());
  for (const auto& [hash, session] : view.tuning) {
    EXPECT_TRUE(view.find(session.opened_by)->passed());
    EXPECT_EQ(view.find(session.best)->source_hash, hash);
  }
  EXPECT_FALSE(view.tuning.contains("broken"));
}

TEST(TuningSession, RunsWithSessionsAreTheSameWhateverTheOrderOfArrivalAndAfterAnyResume) {
  const RunStarted run = tuned_run(11, 8, 12, 0.6);
  World whole(run, 1, 0);
  whole.run(120);
  whole.drain();
  ASSERT_FALSE(whole.state.view().tuning.empty());
  World other(run, 16, 77);
  other.run(120);
  other.drain();
  EXPECT_EQ(other.ordered(), whole.ordered());
  EXPECT_EQ(other.state.digest(), whole.state.digest());
  for (size_t cut = 1; cut < other.journal.size(); cut += 29) {
    World resumed = World::resume(
        {other.journal.begin(), other.journal.begin() + static_cast<std::ptrdiff_t>(cut)}, 3, cut);
    resumed.run(120);
    resumed.drain();
    ASSERT_EQ(resumed.ordered(), whole.ordered()) << "cut after event " << cut;
    EXPECT_EQ(resumed.state.tuning().digest(resumed.state.view()),
              whole.state.tuning().digest(whole.state.view()));
  }
}

TEST(TuningSession, WithoutABudgetNothingIsDifferent) {
  RunStarted run = make_run(4, 6);
  run.search.tuning_budget = 0;
  World plain(run, 2, 1);
  run.search.tuning_share = 0.9;
  run.search.tuning_margin = 0.9;
  World other(run, 2, 1);
  plain.run(100);
  other.run(100);
  EXPECT_EQ(plain.state.digest(), other.state.digest());
  EXPECT_TRUE(plain.state.view().tuning.empty());
}

TEST(TuningSession, ANoteSaysWhatIsTriedAndHowMuchOfTheBudgetItTakes) {
  World world(tuned_run(11, 4, 12, 0.6), 2, 0);
  world.run(60);
  for (const auto& [id, c] : world.state.view().candidates) {
    if (!is_session_ticket(c)) continue;
    EXPECT_NE(c.note.find(" of "), std::string::npos);
    EXPECT_NE(c.note.find(" -> "), std::string::npos) << c.note;
    EXPECT_EQ(world.state.view().find(*c.origin.parent)->source_hash, c.source_hash);
    return;
  }
  FAIL() << "no session in this run";
}

}  // namespace
}  // namespace warpwright::search::test
