#include "src/prompt/lessons.h"

#include "src/prompt/test_run.h"

namespace warpwright::prompt {
namespace {

using events::Lesson;
using Outcome = Lesson::Outcome;

const Lesson* find(const std::vector<Lesson>& lessons, std::string_view idea) {
  for (const Lesson& lesson : lessons)
    if (lesson.idea == idea) return &lesson;
  return nullptr;
}

events::Candidate& add(TestRun& run, int64_t id, std::string op, int64_t parent, std::string note,
                       double score) {
  events::Candidate& candidate = run.view.candidates[id];
  candidate.id = id;
  candidate.phase = events::Phase::kApplied;
  candidate.origin.op = std::move(op);
  candidate.origin.parent = parent;
  candidate.note = std::move(note);
  candidate.status = score > 0 ? Status::kPassed : Status::kIncorrectNumerical;
  candidate.score = score;
  run.view.applied = std::max(run.view.applied, id + 1);
  return candidate;
}

TEST(Lessons, TellWhatCameOfEachIdeaAgainstItsParent) {
  const TestRun run;
  const std::vector<Lesson> lessons = lessons_of(run.view, {}, 20);
  ASSERT_EQ(lessons.size(), 4u);  // not of the seed, not of the tuned one
  const Lesson* gain = find(lessons, "one warp per row: coalesced loads");
  ASSERT_NE(gain, nullptr);
  EXPECT_EQ(gain->outcome, Outcome::kGain);
  EXPECT_EQ(gain->evidence, "c0001: 1.60x of the baseline in all, then the best");
  const Lesson* no_gain = find(lessons, "persistent blocks: one wave");
  ASSERT_NE(no_gain, nullptr);
  EXPECT_EQ(no_gain->outcome, Outcome::kNoGain);
  EXPECT_EQ(no_gain->evidence, "c0005: 0.94x of c0001, 1.50x of the baseline in all");
  EXPECT_EQ(no_gain->structure, "scale x1");
  const Lesson* failed = find(lessons, "four rows per block: fewer blocks");
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->outcome, Outcome::kFailed);
  EXPECT_EQ(failed->evidence, "c0004: INCORRECT_NUMERICAL: y: 64 of 256 elements wrong (rows=4)");
}

TEST(Lessons, ARepairTellsTheIdeaThatItRepaired) {
  TestRun run;
  add(run, 6, "repair", 3, "a typo in the conversion", 0);
  add(run, 7, "repair", 6, "another typo", 2.4);
  const std::vector<Lesson> lessons = lessons_of(run.view, {}, 20);
  const Lesson* idea = find(lessons, "convert in pairs: half the conversions");
  ASSERT_NE(idea, nullptr);
  EXPECT_EQ(idea->outcome, Outcome::kGain);
  EXPECT_EQ(idea->evidence, "c0007: 1.50x of c0001, 2.40x of the baseline in all, then the best");
  EXPECT_EQ(find(lessons, "another typo"), nullptr);
}

TEST(Lessons, OfEqualIdeasTheLatestTrialCounts) {
  TestRun run;
  add(run, 6, "diff", 1, "Persistent blocks - one wave!", 2.0);
  const std::vector<Lesson> lessons = lessons_of(run.view, {}, 20);
  EXPECT_EQ(find(lessons, "persistent blocks: one wave"), nullptr);
  EXPECT_EQ(find(lessons, "Persistent blocks - one wave!")->outcome, Outcome::kGain);
}

TEST(Lessons, WhatIsNotAppliedIsNotKnown) {
  TestRun run;
  add(run, 6, "diff", 1, "arrived early", 9).phase = events::Phase::kEvaluated;
  add(run, 7, "diff", 1, "the same program again", 9).duplicate_of = 1;
  const std::vector<Lesson> lessons = lessons_of(run.view, {}, 20);
  EXPECT_EQ(find(lessons, "arrived early"), nullptr);
  EXPECT_EQ(find(lessons, "the same program again"), nullptr);
}

TEST(Lessons, OpenDirectionsComeFirstAndDoNotCrowdOut) {
  const TestRun run;
  std::vector<Lesson> research;
  for (int i = 0; i < 9; ++i)
    research.push_back({"direction " + std::to_string(i), Outcome::kOpen, "", "", 10 + i});
  research.push_back({"PERSISTENT BLOCKS, one wave", Outcome::kOpen, "", "", 20});  // tried since
  const std::vector<Lesson> lessons = lessons_of(run.view, research, 6);
  ASSERT_EQ(lessons.size(), 6u);
  EXPECT_EQ(lessons[0].idea, "direction 8");
  EXPECT_EQ(lessons[1].idea, "direction 7");
  EXPECT_NE(lessons[2].outcome, Outcome::kOpen);
  EXPECT_EQ(find(lessons, "PERSISTENT BLOCKS, one wave"), nullptr);
  EXPECT_EQ(lessons_of(run.view, research, 100).size(), 10u);
  EXPECT_TRUE(lessons_of(run.view, research, 0).empty());
}

TEST(Lessons, ADirectionIsOpenUntilItIsNamedOrOld) {
  TestRun run;
  const std::vector<Lesson> research = {{"first", Outcome::kOpen, "", "", 2},
                                        {"known now", Outcome::kGain, "", "", 2},
                                        {"third", Outcome::kOpen, "", "", 5}};
  EXPECT_EQ(find(lessons_of(run.view, research, 20), "third")->evidence, "D3");
  add(run, 6, "diff", 1, "ID3 and D31 name none", 2);
  EXPECT_NE(find(lessons_of(run.view, research, 20), "third"), nullptr);
  add(run, 7, "diff", 1, "two rows a warp (D3)", 2);
  EXPECT_EQ(find(lessons_of(run.view, research, 20), "third"), nullptr);
  EXPECT_EQ(find(lessons_of(run.view, research, 20), "first")->evidence, "D1");
  run.view.applied = 27;
  EXPECT_EQ(find(lessons_of(run.view, research, 20), "first"), nullptr);
  EXPECT_NE(find(lessons_of(run.view, research, 20), "known now"), nullptr);
}

TEST(Lessons, WhatTellsMostComesFirst) {
  TestRun run;
  add(run, 6, "diff", 1, "twice as fast", 3.2);
  add(run, 7, "diff", 1, "no difference", 1.6);
  const std::vector<Lesson> lessons = lessons_of(run.view, {}, 20);
  EXPECT_EQ(lessons[0].idea, "twice as fast");
}

TEST(Lessons, AChangeOfStructureReopensThem) {
  events::ResultSummary result;
  result.launches = 2;
  result.kernels = {{"split<4>", 0, 0, 0, 0, 0}, {"merge<128>", 0, 0, 0, 0, 0}, {"split<8>", 0, 0, 0, 0, 0}};
  EXPECT_EQ(structure_of(result), "merge, split x2");
  const Lesson lesson = {"idea", Outcome::kNoGain, "", "split x1", 3};
  EXPECT_TRUE(is_reopened(lesson, "merge, split x2"));
  EXPECT_FALSE(is_reopened(lesson, "split x1"));
  EXPECT_FALSE(is_reopened(lesson, ""));
  EXPECT_FALSE(is_reopened({"idea", Outcome::kOpen, "", "split x1", 3}, "merge x1"));
}

}  // namespace
}  // namespace warpwright::prompt
