#include <gtest/gtest.h>

#include "src/contract/messages.h"
#include "src/contract/report_text.h"

namespace warpwright {
namespace {

EvaluationReport example_report() {
  EvaluationReport report;
  report.id = "7";
  report.status = Status::kRejected;
  report.stage = Stage::kValidate;
  report.rule = "out-of-bounds-read";
  report.message = "reads past q";
  report.evidence = {"line \xff with bytes that are not UTF-8"};
  report.kernels = {{"k<1>", 32, 8, 128, 256, 64}};
  WorkloadReport workload;
  workload.uuids = {"u1", "u2"};
  workload.axes = {{"batch_size", 4}};
  workload.weight = 2;
  workload.latency_us = 3.5;
  report.workloads = {workload};
  report.timing.method = "sim-estimate";
  report.cost_s = {{"compile", 0.5}};
  return report;
}

TEST(Messages, AReportSurvivesTheRoundTrip) {
  auto message = decode_line(encode_line(ReportMessage{example_report()}));
  ASSERT_TRUE(message) << message.error().message;
  const auto& report = std::get<ReportMessage>(*message).report;
  EXPECT_EQ(report.status, Status::kRejected);
  EXPECT_EQ(report.kernels.at(0).registers, 32);
  EXPECT_EQ(report.workloads.at(0).axes.at("batch_size"), 4);
  EXPECT_EQ(report.workloads.at(0).latency_us, 3.5);
  EXPECT_EQ(dump_json(to_json(report)).find('\xff'), std::string::npos);
}

TEST(ReportText, IsTheDumpOfTheReportsTree) {
  EvaluationReport report = example_report();
  EXPECT_EQ(to_json_text(report), dump_json(to_json(report)));
  report.fingerprint = "f";
  report.sketch = "0123";
  report.lost_race = true;
  report.race_bound = 1.0 / 3;
  report.constants = {{"hidden_size", 512}};
  report.versions = {{"evaluator", "3"}, {"nvrtc", "13.0"}};
  report.warnings = {"tab\t", ""};
  report.duel.emplace();
  report.duel->verdict = "FASTER";
  report.workloads[0].counters = {{"launches", {1, 2.5, nullptr}}};
  report.workloads[0].outputs_hash = {{"output", "ab"}};
  report.workloads[0].spread_us = 1e-7;
  report.timing.clock_disagreement = 0.25;
  EXPECT_EQ(to_json_text(report), dump_json(to_json(report)));
  EXPECT_EQ(to_json_text({}), dump_json(to_json(EvaluationReport{})));
}

TEST(Messages, ARequestSurvivesTheRoundTrip) {
  EvaluationRequest request;
  request.id = "1";
  request.source = "text\nwith lines";
  request.definition = "d";
  request.knobs = {{"ROWS", "4"}};
  request.seed = ~uint64_t{0};
  request.last_stage = Stage::kCompile;
  auto message = decode_line(encode_line(EvaluateMessage{request}));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(to_json(std::get<EvaluateMessage>(*message).request), to_json(request));
}

TEST(Messages, ARequestWithoutARivalNamesNone) {
  EXPECT_FALSE(to_json(EvaluationRequest()).contains("rival"));
  EXPECT_FALSE(to_json(EvaluationReport()).contains("duel"));
}

TEST(Messages, ARivalSurvivesTheRoundTrip) {
  EvaluationRequest request;
  request.rival = Rival{"other\ntext", "b.cu", {{"ROWS", "8"}}, 0.05};
  auto message = decode_line(encode_line(EvaluateMessage{request}));
  ASSERT_TRUE(message) << message.error().message;
  const auto& rival = std::get<EvaluateMessage>(*message).request.rival;
  ASSERT_TRUE(rival);
  EXPECT_EQ(rival->source, "other\ntext");
  EXPECT_EQ(to_json(*rival), to_json(*request.rival));
}

TEST(Messages, ADuelSurvivesTheRoundTrip) {
  EvaluationReport report = example_report();
  DuelReport duel;
  duel.verdict = "FASTER";
  duel.ratio = 0.9, duel.low = 0.89, duel.high = 0.91;
  duel.noise_floor = 0.005;
  duel.pairs = 240;
  duel.method = "cupti";
  duel.workloads = {{{"u1"}, {{"batch_size", 4}}, 2, "SAME", 1.001, 0.999, 1.003, 120, 5.1, 5.0}};
  duel.message = "faster on every workload";
  duel.incumbent_status = Status::kRejected;
  duel.incumbent_rule = "data-race";
  duel.incumbent_evidence = {"line 3"};
  duel.incumbent_identity = "ab12";
  report.duel = duel;
  report.evidence.clear();  // bytes that are not UTF-8 do not read back as they were
  report.workloads.at(0).dropped = 3;
  report.workloads.at(0).clock_mhz = 1965;
  report.workloads.at(0).outputs_hash = {{"output", "0123456789abcdef"}};
  report.timing.clock_difference_us = 0.4;
  report.timing.clock_disagreement = 0.01;
  auto message = decode_line(encode_line(ReportMessage{report}));
  ASSERT_TRUE(message) << message.error().message;
  const auto& decoded = std::get<ReportMessage>(*message).report;
  ASSERT_TRUE(decoded.duel);
  EXPECT_EQ(decoded.duel->workloads.at(0).axes.at("batch_size"), 4);
  EXPECT_EQ(decoded.workloads.at(0).dropped, 3);
  EXPECT_EQ(to_json(decoded), to_json(report));
}

TEST(Messages, EveryCutOfALineIsAnErrorAndNotACrash) {
  const std::string line = encode_line(ReportMessage{example_report()});
  for (size_t size = 0; size + 1 < line.size(); ++size)
    EXPECT_FALSE(decode_line(std::string_view(line).substr(0, size)));
}

TEST(Messages, WrongTypesAreNamed) {
  EXPECT_EQ(decode_line(R"({"kind":"cancel","id":3})").error().message,
            "message: key 'id' must be a string, not number");
  EXPECT_EQ(decode_line(R"({"kind":"dance"})").error().message, "message: unknown kind 'dance'");
}

TEST(LineBuffer, AnOversizedLineIsDroppedAndTheNextOneRead) {
  LineBuffer lines;
  for (size_t sent = 0; sent <= kMaxLineBytes; sent += 1 << 20) lines.append(std::string(1 << 20, 'x'));
  lines.append("xxx\nnext\n");
  std::string line;
  EXPECT_TRUE(lines.overflowed());
  ASSERT_TRUE(lines.next(line));
  EXPECT_EQ(line, "next");
}

TEST(Status, EveryNameReadsBack) {
  for (int i = 0; i <= static_cast<int>(Status::kWorkerLost); ++i) {
    const auto status = static_cast<Status>(i);
    EXPECT_EQ(status_from_string(to_string(status)), status);
  }
}

}  // namespace
}  // namespace warpwright
