// The promise of the window: a run is a function of configuration, seed, answers and results.
#include <gtest/gtest.h>

#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

TEST(Determinism, AnyNumberOfWorkersAndAnyOrderOfArrivalGiveTheSameRun) {
  for (int window : {1, 2, 3, 5, 8, 16, 32}) {
    World reference(make_run(42, window), 1, 0);
    reference.run(90);
    reference.drain();
    ASSERT_GE(reference.state.applied(), 60) << "the reference run is too short to prove anything";
    for (int workers : {1, 2, 4, 16, 64}) {
      World other(make_run(42, window), workers, 1000u + static_cast<uint64_t>(workers));
      other.run(90);
      other.drain();
      EXPECT_EQ(other.ordered(), reference.ordered()) << "window " << window << ", workers " << workers;
      EXPECT_EQ(other.state.digest(), reference.state.digest());
    }
  }
}

TEST(Determinism, MeasuredRunsAreTheSameTooOnceTheirDuelsAre) {
  for (int window : {1, 5, 16}) {
    World reference(make_measured_run(42, window), 1, 0);
    reference.run(90);
    reference.drain();
    ASSERT_GE(reference.state.applied(), 60);
    ASSERT_GE(reference.state.view().duels.size(), 2u);
    for (int workers : {2, 16}) {
      World other(make_measured_run(42, window), workers, 1000u + static_cast<uint64_t>(workers));
      other.run(90);
      other.drain();
      EXPECT_EQ(other.ordered(), reference.ordered()) << "window " << window << ", workers " << workers;
      EXPECT_EQ(other.state.digest(), reference.state.digest());
    }
  }
}

TEST(Determinism, RunsThatAskModelsAreTheSameWhateverTheOrderOfAnswers) {
  for (const bool has_seeds : {true, false}) {
    for (int window : {1, 5, 16}) {
      World reference(make_agent_run(42, window, has_seeds), 1, 0);
      reference.run(240);
      reference.drain();
      ASSERT_GE(reference.state.applied(), 100);
      ASSERT_GE(reference.state.requests_of("repair"), 2);
      ASSERT_GE(reference.state.requests_of("crossover"), 2);
      ASSERT_GE(reference.state.view().lessons.size(), 2u);
      ASSERT_GE(reference.state.view().counters.follow_ups, 2);
      for (int workers : {2, 16}) {
        World other(make_agent_run(42, window, has_seeds), workers, 1000u + static_cast<uint64_t>(workers));
        other.run(240);
        other.drain();
        EXPECT_EQ(other.ordered(), reference.ordered()) << "window " << window << ", workers " << workers;
        EXPECT_EQ(other.state.digest(), reference.state.digest());
      }
    }
  }
}

TEST(Determinism, AnotherSeedGivesAnotherRun) {
  World a(make_run(1, 8), 2, 0), b(make_run(2, 8), 2, 0);
  a.run(60);
  b.run(60);
  EXPECT_NE(a.ordered(), b.ordered());
}

TEST(Determinism, EveryTicketSeesExactlyItsWindow) {
  for (int window : {1, 4, 16}) {
    World world(make_run(3, window), 8, 5);
    world.run(70);
    int64_t applied = 0, decided = 0;
    for (const Event& event : world.journal) {
      if (std::holds_alternative<Applied>(event)) ++applied;
      Ticket ticket = -1;
      if (const auto* p = std::get_if<Proposed>(&event); p && p->ticket == decided) ticket = p->ticket;
      if (const auto* r = std::get_if<ModelRequested>(&event)) ticket = r->ticket;
      if (const auto* f = std::get_if<ProposalFailed>(&event); f && f->kind == ProposalFailed::Kind::kIdle)
        ticket = f->ticket;
      if (ticket < 0) continue;
      EXPECT_EQ(ticket, decided++);
      EXPECT_EQ(applied, outcomes_needed(ticket, 3, window)) << "ticket " << ticket;
    }
    EXPECT_GT(decided, 40);
  }
}

TEST(Determinism, ResumeAnywhereContinuesTheSameSequence) {
  World whole(make_run(9, 6), 4, 1);
  whole.run(60);
  whole.drain();
  const auto expected = whole.ordered();
  for (size_t cut = 1; cut < whole.journal.size(); cut += 3) {
    World resumed = World::resume(
        {whole.journal.begin(), whole.journal.begin() + static_cast<std::ptrdiff_t>(cut)}, 3, cut);
    resumed.run(60);
    resumed.drain();
    ASSERT_EQ(resumed.ordered(), expected) << "cut after event " << cut;
    ASSERT_EQ(resumed.state.digest(), whole.state.digest());
  }
}

TEST(Determinism, FoldOfEveryPrefixIsTheLiveState) {
  World live(make_run(5, 4), 5, 2);
  std::vector<std::string> digests;
  live.run(50);
  State state;
  std::vector<Record> records;
  for (const Event& event : live.journal) {
    ASSERT_TRUE(state.apply(event));
    // Through the codec, as the journal stores it.
    auto back = event_from_json(kind_of(event), parse_json(dump_json(to_json(event)), "t").value());
    ASSERT_TRUE(back) << back.error().message;
    records.push_back({static_cast<int64_t>(records.size() + 1), 0, std::move(*back)});
    auto folded = State::fold(records);
    ASSERT_TRUE(folded) << folded.error().message;
    ASSERT_EQ(folded->digest(), state.digest());
  }
  EXPECT_EQ(state.digest(), live.state.digest());
}

TEST(Determinism, AFinishedRunGoesOnWhereItStopped) {
  World world(make_run(5, 4), 2, 2);
  world.run(30);
  world.drain();
  world.append(RunFinished{"budget"});
  EXPECT_TRUE(world.state.finished());
  EXPECT_FALSE(ready_to_decide(world.state));
  world.append(RunResumed{"test"});
  world.run(50);
  world.drain();
  EXPECT_EQ(world.state.applied(), 50);
}

}  // namespace
}  // namespace warpwright::search::test
