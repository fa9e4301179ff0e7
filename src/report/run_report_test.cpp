#include "src/report/run_report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "src/base/files.h"

namespace warpwright::report {
namespace {

events::ResultSummary result(Status status, double small_us, double large_us) {
  events::ResultSummary summary;
  summary.status = status;
  summary.stage = Stage::kTime;
  summary.kernels = {{"step<4>", 40, 0, 1024, 512, 256}};
  summary.workloads = {{"u1", {{"batch_size", 1}}, "small", 45, Status::kPassed, small_us, 0},
                       {"u2", {{"batch_size", 64}}, "large", 9, Status::kPassed, large_us, 0}};
  summary.measure = {"sim", "b200", "sim-estimate", "contest"};
  return summary;
}

void add(events::RunView& view, events::CandidateId id, const std::string& key, double score,
         std::string note, std::optional<events::CandidateId> parent) {
  events::Candidate candidate;
  candidate.id = id;
  candidate.phase = events::Phase::kApplied;
  candidate.origin = {parent ? "tune" : "seed", 0, parent, {}};
  candidate.note = std::move(note);
  candidate.result_key = key;
  candidate.status = view.results.at(key).status;
  candidate.score = score;
  ++view.counters.by_status[candidate.status];
  view.candidates[id] = candidate;
}

events::RunView finished_run() {
  events::RunView view;
  view.started = events::RunStarted{};
  view.started->definition = "gdn_decode";
  view.started->dataset = "configs/trace";
  view.results = {{"k0", result(Status::kPassed, 8, 100)},
                  {"k1", result(Status::kPassed, 4, 110)},
                  {"k2", result(Status::kPassed, 5, 50)},
                  {"k3", result(Status::kRejected, 0, 0)}};
  view.results["k3"].rule = "out-of-bounds-read";
  view.results["k3"].message = "kernel step reads past q";
  add(view, 0, "k0", 1, "seed plain.cu", {});
  add(view, 1, "k1", 1.818, "neighbour: ROWS 16 -> 8", 0);
  add(view, 2, "k2", 1.667, "neighbour: ROWS 16 -> 4", 0);
  add(view, 3, "k3", 0, "neighbour: ROWS 16 -> 2", 0);
  add(view, 4, "k3", 0, "neighbour: ROWS 4 -> 2", 2);
  add(view, 5, "k1", 1.818, "neighbour: COMMENT 0 -> 1", 1);
  view.candidates[5].duplicate_of = 1;
  view.candidates[1].knobs = {{"ROWS", "8"}};
  view.baseline = events::Baseline{"plain.cu", 0, view.results["k0"].measure, view.results["k0"].workloads};
  view.best = 1;
  view.counters.evaluations = 4;
  view.counters.duplicates = 1;
  view.finished_reason = "4 evaluations";
  return view;
}

RunReportOptions options() {
  RunReportOptions options;
  options.run_directory = "runs/first";
  return options;
}

// WARPWRIGHT_ACCEPT=1 writes the file anew, and the test then counts as skipped, not as passed.
void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = "src/report/testdata/" + name;
  if (std::getenv("WARPWRIGHT_ACCEPT") != nullptr) {
    ASSERT_TRUE(write_file_atomic(path, text));
    GTEST_SKIP() << "wrote " << path;
  }
  const auto golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().message;
  EXPECT_EQ(text, *golden) << "WARPWRIGHT_ACCEPT=1 accepts the new text";
}

TEST(RunReport, TextOfAFinishedRun) {
  expect_golden("finished_run.txt", render_text(finished_run(), options()));
}

TEST(RunReport, JsonOfAFinishedRun) {
  expect_golden("finished_run.json", dump_json(to_json(finished_run(), options()), 1) + "\n");
}

TEST(RunReport, MeansAreWeightedByHowManyWorkloadsARowStandsFor) {
  const events::RunView view = finished_run();
  const auto rows = compare_with_baseline(view, *view.find(1));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_DOUBLE_EQ(arithmetic_mean(rows), (45 * 2.0 + 9 * 100.0 / 110) / 54);
  EXPECT_NEAR(geometric_mean(rows), std::pow(2.0, 45.0 / 54) * std::pow(10.0 / 11, 9.0 / 54), 1e-12);
}

TEST(RunReport, UnlikeRecordsAreNotCompared) {
  events::RunView view = finished_run();
  view.results["k1"].measure.method = "cupti";
  EXPECT_TRUE(compare_with_baseline(view, *view.find(1)).empty());
  view = finished_run();
  view.results["k1"].workloads.pop_back();
  EXPECT_TRUE(compare_with_baseline(view, *view.find(1)).empty());
}

TEST(RunReport, MeasuredTimesAreNotCalledEstimates) {
  events::RunView view = finished_run();
  for (auto& [key, one] : view.results) one.measure.method = "cupti";
  view.baseline->measure.method = "cupti";
  const std::string text = render_text(view, options());
  EXPECT_EQ(text.find("stimate"), std::string::npos);
  EXPECT_NE(text.find("us, cupti"), std::string::npos);
}

TEST(RunReport, ARunWithoutAPassedCandidateSaysSo) {
  events::RunView view;
  EXPECT_NE(render_text(view, options()).find("nothing was started"), std::string::npos);
  view.started = events::RunStarted{};
  EXPECT_NE(render_text(view, options()).find("no candidate passed"), std::string::npos);
  EXPECT_NE(render_text(view, options()).find("evolve --resume runs/first\n"), std::string::npos);
}

}  // namespace
}  // namespace warpwright::report
