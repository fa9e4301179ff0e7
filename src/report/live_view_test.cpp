#include "src/report/live_view.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace warpwright::report {
namespace {

LiveStatus status() {
  LiveStatus s;
  s.definition = "gdn_decode";
  s.executor = "sim";
  s.device = "b200";
  s.method = "sim-estimate";
  s.workers_up = 1;
  s.workers = 2;
  s.in_flight = {{"waiting", 3}, {"validate", 1}, {"compile", 2}};
  s.by_status = {{Status::kPassed, 12}, {Status::kTimeout, 1}};
  s.duplicates = 2;
  s.evaluations = 16;
  s.max_evaluations = 64;
  s.best = "c0007";
  s.best_score = 2.5;
  s.baseline = "plain.cu";
  s.best_origin = "tune, ROWS 4 -> 8";
  s.elapsed_s = 65;
  s.evaluations_per_s = 0.25;
  s.seconds_left = 192;
  return s;
}

TEST(LiveView, BlockShowsStagesStatusesBestRateAndTimeLeft) {
  const std::vector<std::string> expected = {
      "evolving     gdn_decode  on sim b200 (estimated times)",
      "evaluations  [#######.......................] 16/64  0.25/s  1 min 05 s, about 3 min 12 s left",
      "in flight    waiting 3  compile 2  validate 1  |  workers 1/2",
      "candidates   PASSED 12  TIMEOUT 1  duplicates 2",
      "best         c0007  2.500x plain.cu [sim-estimate]  (tune, ROWS 4 -> 8)"};
  EXPECT_EQ(render_block(status(), 120, false), expected);
}

TEST(LiveView, LinesNeverExceedTheTerminal) {
  for (const int width : {1, 10, 40}) {
    for (const std::string& line : render_block(status(), width, false))
      EXPECT_LE(line.size(), static_cast<size_t>(width));
  }
}

TEST(LiveView, ColourAddsNothingButEscapes) {
  const auto plain = render_block(status(), 60, false), colour = render_block(status(), 60, true);
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(colour[i].size(), plain[i].size() + 8);
}

TEST(LiveView, PlainLinesComeEveryFewSecondsAndWithEachNewBest) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  const auto view = make_live_view(file);  // not a terminal
  LiveStatus s = status();
  view->update(s, 0);
  view->update(s, 1000);  // too soon
  s.best = "c0009";
  view->update(s, 1100);
  view->update(s, 6200);
  std::rewind(file);
  int lines = 0;
  for (int c; (c = std::fgetc(file)) != EOF;) {
    EXPECT_NE(c, '\x1b');
    lines += c == '\n' ? 1 : 0;
  }
  EXPECT_EQ(lines, 3);
  std::fclose(file);
}

TEST(FormatDuration, SaysWhatAPersonWould) {
  EXPECT_EQ(format_duration(0.2), "0 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.7), "1 min 00 s");
  EXPECT_EQ(format_duration(7260), "2 h 01 min");
}

}  // namespace
}  // namespace warpwright::report
