#include "src/prompt/knob_table.h"

#include <gtest/gtest.h>

namespace warpwright::prompt {
namespace {

using namespace events;

void add(RunView& view, KnobValues knobs, Status status, double score, bool lost_race = false) {
  Candidate candidate;
  candidate.id = static_cast<CandidateId>(view.candidates.size());
  candidate.phase = Phase::kApplied;
  candidate.source_hash = "source";
  candidate.knobs = std::move(knobs);
  candidate.status = status;
  candidate.score = score;
  candidate.lost_race = lost_race;
  view.candidates[candidate.id] = candidate;
}

TEST(KnobTable, ValuesStandBestFirstWithWhatBecameOfThem) {
  RunView view;
  add(view, {{"SPLITS", "8"}, {"WARPS", "2"}}, Status::kPassed, 1.31);
  add(view, {{"SPLITS", "32"}, {"WARPS", "2"}}, Status::kCompileError, 0);
  add(view, {{"SPLITS", "16"}, {"WARPS", "2"}}, Status::kPassed, 1.42);
  add(view, {{"SPLITS", "64"}, {"WARPS", "2"}}, Status::kPassed, 0.9, true);
  add(view, {{"SPLITS", "32"}, {"WARPS", "2"}}, Status::kTimeout, 0);
  view.candidates[5] = view.candidates[0];  // not settled: the answer of a later time
  view.candidates[5].id = 5;
  view.candidates[5].phase = Phase::kEvaluated;
  view.candidates[5].knobs["SPLITS"] = "4";
  const std::string text = knob_table(view, view.candidates[2]);
  EXPECT_NE(text.find("SPLITS: 16 -> 1.420 (best), 8 -> 1.310, 64 -> below 0.900, 32 -> COMPILE_ERROR\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("WARPS"), std::string::npos) << "a knob that was never moved says nothing";
  EXPECT_NE(text.find("tried 5 settings"), std::string::npos) << text;
}

TEST(KnobTable, OneSettingIsNoTable) {
  RunView view;
  add(view, {{"SPLITS", "8"}}, Status::kPassed, 1.31);
  EXPECT_EQ(knob_table(view, view.candidates[0]), "");
}

}  // namespace
}  // namespace warpwright::prompt
