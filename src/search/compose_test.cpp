#include "src/search/compose.h"

#include <gtest/gtest.h>

#include "src/search/test_world.h"

namespace warpwright::search::test {
namespace {

using namespace events;

// Three candidates: 0 scores 2 alone, 1 and 2 are fast in one band each.
RunView two_champions(double small_score, double large_score) {
  RunView view;
  for (const CandidateId id : {0, 1, 2}) {
    view.candidates[id].id = id;
    view.candidates[id].score = id == 0 ? 2.0 : 1.5;
  }
  view.best = 0;
  view.applied = 3;
  view.champions["large"] = {2, large_score, 1};
  view.champions["small"] = {1, small_score, 3};
  return view;
}

const std::vector<std::string> kBands = {"small", "large"};

TEST(Composition, IsDueWhenTheChampionsTogetherPromiseMoreThanTheBest) {
  const auto due = due_composition(two_champions(2.0, 4.0), {}, kBands);
  ASSERT_TRUE(due);
  EXPECT_DOUBLE_EQ(due->predicted_score, (3 * 2.0 + 4.0) / 4);
  EXPECT_EQ(due->candidates(), (std::vector<CandidateId>{1, 2}));
  EXPECT_EQ(due->note(), "compose of c0001 (small), c0002 (large)");
  EXPECT_FALSE(due_composition(two_champions(2.0, 2.0), {}, kBands)) << "no gain";
  EXPECT_FALSE(due_composition(two_champions(2.0, 2.04), {}, kBands)) << "half a percent";
}

TEST(Composition, NeedsTwoChampionsThatWereNeverComposedAndNoneOutstanding) {
  RunView view = two_champions(2.0, 4.0);
  Compositions compositions;
  compositions.note(1, {1, 2});
  EXPECT_FALSE(due_composition(view, compositions, kBands));
  view.champions["large"].candidate = 0;
  EXPECT_TRUE(due_composition(view, compositions, kBands));
  compositions.note(3, {2, 2});
  EXPECT_FALSE(due_composition(view, compositions, kBands)) << "ticket 3 is not applied yet";
  view.applied = 4;
  EXPECT_TRUE(due_composition(view, compositions, kBands));
  view.champions["large"].candidate = view.champions["small"].candidate;
  EXPECT_FALSE(due_composition(view, compositions, kBands)) << "one champion for all bands";
}

TEST(Composition, AChampionOfSeveralBandsIsNamedOnce) {
  RunView view = two_champions(2.0, 4.0);
  view.champions["medium"] = {1, 3, 1};
  const auto due = due_composition(view, {}, {"small", "medium", "large"});
  ASSERT_TRUE(due);
  EXPECT_EQ(due->candidates(), (std::vector<CandidateId>{1, 1, 2}));
  EXPECT_EQ(due->note(), "compose of c0001 (small, medium), c0002 (large)");
}

struct Seen {
  int64_t composed = 0, applied = 0;
  double best_before = 0;
};

// Every composition of the journal, held against the state that it was decided from.
Seen check_compositions(const std::vector<Event>& journal) {
  Seen seen;
  State state;
  std::set<std::vector<CandidateId>> before;
  std::map<Ticket, double> predicted;
  for (const Event& event : journal) {
    const auto* proposed = std::get_if<Proposed>(&event);
    if (proposed != nullptr && proposed->origin.op == "compose") {
      ++seen.composed;
      const auto due = due_composition(state.view(), state.compositions(), kBands);
      EXPECT_TRUE(due);
      EXPECT_EQ(due->candidates(), proposed->origin.inspirations);
      EXPECT_TRUE(before.insert(proposed->origin.inspirations).second) << "the same champions twice";
      EXPECT_TRUE(predicted.empty()) << "two at once";
      predicted[proposed->ticket] = due->predicted_score;
    }
    const auto* applied = std::get_if<Applied>(&event);
    if (applied != nullptr && predicted.contains(applied->ticket)) {
      ++seen.applied;
      EXPECT_NEAR(applied->score, predicted[applied->ticket], 1e-9) << "each band runs as in its champion";
      EXPECT_FALSE(state.view().find(applied->ticket)->race) << "never raced";
      predicted.erase(applied->ticket);
    }
    EXPECT_TRUE(state.apply(event));
  }
  return seen;
}

TEST(Composition, RunsComposeTheirChampionsAndGetWhatWasPredicted) {
  int64_t composed = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    for (const RunStarted& run :
         {make_run(seed, 8), make_agent_run(seed, 8, true), make_thrifty_run(seed, 8)}) {
      World world(with_compositions(run), 4, seed);
      world.run(100);
      world.drain();
      const Seen seen = check_compositions(world.journal);
      EXPECT_EQ(seen.applied, seen.composed);
      composed += seen.composed;
    }
  }
  EXPECT_GE(composed, 24);
}

TEST(Composition, IsDecidedAlikeWhateverTheOrderOfArrival) {
  for (const RunStarted& run : {make_run(7, 8), make_measured_run(7, 8), make_agent_run(7, 8, true)}) {
    World reference(with_compositions(run), 1, 0);
    reference.run(100);
    reference.drain();
    ASSERT_GE(reference.state.compositions().all().size(), 1u);
    World other(with_compositions(run), 16, 99);
    other.run(100);
    other.drain();
    EXPECT_EQ(other.ordered(), reference.ordered());
    EXPECT_EQ(other.state.digest(), reference.state.digest());
  }
}

TEST(Composition, NeedsItsOperator) {
  World world(make_run(7, 8), 4, 0);
  world.run(100);
  EXPECT_EQ(world.state.requests_of("compose"), 0);
  RunStarted off = with_compositions(make_run(7, 8));
  off.search.operators["compose"] = 0;
  World none(off, 4, 0);
  none.run(100);
  EXPECT_EQ(none.ordered(), world.ordered()) << "nothing else depends on it";
}

}  // namespace
}  // namespace warpwright::search::test
