// The text of an event and the two ways to read it.
#include "src/events/event_text.h"

#include <gtest/gtest.h>

namespace warpwright::events {
namespace {

ResultSummary full_summary() {
  ResultSummary s;
  s.status = Status::kPassed;
  s.stage = Stage::kTime;
  s.rule = "rule";
  s.message = "fine";
  s.identity = "id";
  s.launches = 2;
  s.kernels = {{"k<4>", 40, 8, 1024, 2048, 256, 100, 7, 12'345'678'901, 99}, {"merge"}};
  s.workloads = {{"u0", {{"b", 8}, {"n", -1}}, "small", 3, Status::kPassed, 12.5, 0.25},
                 {"", {}, "", 1, Status::kTimeout, 0, -0.0}};
  s.measure = {"sim", "b200", "sim-estimate", "contest", "weights"};
  s.lost_race = true;
  return s;
}

std::vector<Event> samples() {
  const Origin origin{"tune", 2, CandidateId{3}, {0, 1}};
  return {Proposed{5, origin, "src", {{"S", "8"}}, {{"S", {"8", "16"}, "16"}}, "S 16 -> 8"},
          Proposed{},
          Compiled{5, "identity", "key", "print", "sketch", CandidateId{2}},
          Compiled{},
          EvaluationFinished{5, "key", "report", full_summary()},
          EvaluationFinished{},
          Applied{5, "key", CandidateId{2}, Status::kPassed, 1.25, true},
          Applied{5, "key", {}, Status::kRejected, 0},
          Applied{}};
}

Result<Event> read_as_tree(std::string_view kind, std::string_view text) {
  TRY_ASSIGN(const Json json, parse_json(text, "test"));
  return event_from_json(kind, json);
}

TEST(EventText, WhatIsWrittenIsReadBackBothWays) {
  for (const Event& event : samples()) {
    const std::string text = to_json_text(event);
    EXPECT_EQ(text, dump_json(to_json(event)));
    const auto scanned = scan_event(kind_of(event), text);
    ASSERT_TRUE(scanned) << text;
    EXPECT_EQ(to_json_text(*scanned), text);
    const auto read = read_as_tree(kind_of(event), text);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(to_json_text(*read), text);
  }
}

// Whatever became of a text: it is read as the tree's reader reads it, or left to that one.
TEST(EventText, NoDamagedTextIsReadDifferentlyWithoutATree) {
  int accepted = 0;
  for (const Event& event : samples()) {
    const std::string_view kind = kind_of(event);
    const std::string whole = to_json_text(event);
    const auto check = [&](const std::string& text) {
      const auto scanned = scan_event(kind, text);
      if (!scanned) return;
      ++accepted;
      const auto read = read_as_tree(kind, text);
      ASSERT_TRUE(read) << text;
      EXPECT_EQ(to_json_text(*scanned), to_json_text(*read)) << text;
    };
    for (size_t i = 0; i <= whole.size(); ++i) {
      check(whole.substr(0, i));
      check(whole.substr(0, i) + whole.substr(std::min(i + 1, whole.size())));
      for (const char c : std::string("\"\\,:{}[]0-9.e+atfn \n\x80", 23)) {
        check(whole.substr(0, i) + c + whole.substr(i));
        if (i < whole.size()) check(whole.substr(0, i) + c + whole.substr(i + 1));
      }
    }
  }
  EXPECT_GT(accepted, 1000) << "the test must reach what is accepted";
}

TEST(EventText, ASummaryLeavesOutWhatHasItsDefault) {
  ResultSummary plain;
  plain.status = Status::kPassed;
  plain.workloads = {{"u0", {{"b", 8}}, "small"}};
  plain.kernels = {{"k"}};
  EXPECT_EQ(to_json_text(plain),
            R"({"kernels":[{"name":"k"}],"stage":"plan","status":"PASSED","timing":{},)"
            R"("workloads":[{"axes":{"b":8},"band":"small","status":"PASSED","uuids":["u0"]}]})");
}

// As it was written before defaults were left out.
TEST(EventText, AnOlderSummarysTextIsTheSameSummary) {
  const std::string_view old =
      R"({"report":"r","result_key":"key","summary":{"constants":{},"executor":"sim","identity":"id",)"
      R"("kernels":[{"dynamic_shared_bytes":0,"float_operations":85565,"global_bytes":0,"instructions":1363,)"
      R"("max_threads_per_block":64,"name":"k<8>","registers":192,"spill_bytes":0,"static_shared_bytes":0,)"
      R"("tensor_instructions":0}],"launches":4,"message":"","rule":"","stage":"time","status":"PASSED",)"
      R"("timing":{"calibration":"","clock_difference_us":0.0,"clock_disagreement":0.0,"clocks":"",)"
      R"("device":"NVIDIA B200","method":"cupti","profile":"contest"},"workloads":[{"axes":{"batch_size":1},)"
      R"("band":"small","clock_mhz":0.0,"dropped":0,"latency_us":45.4105013322687,"outputs_hash":{},)"
      R"("spread_us":0.0,"status":"PASSED","uuids":["901e"],"weight":1.0}]},"ticket":3000})";
  const auto event = read_as_tree("evaluation-finished/1", old);
  ASSERT_TRUE(event) << event.error().message;
  ResultSummary expected;
  expected.status = Status::kPassed;
  expected.stage = Stage::kTime;
  expected.identity = "id";
  expected.launches = 4;
  expected.kernels = {{"k<8>", 192, 0, 0, 0, 64, 1363, 0, 85565, 0}};
  expected.workloads = {{"901e", {{"batch_size", 1}}, "small", 1, Status::kPassed, 45.4105013322687, 0}};
  expected.measure = {"sim", "NVIDIA B200", "cupti", "contest"};
  EXPECT_EQ(to_json_text(*event), to_json_text(EvaluationFinished{3000, "key", "r", expected}));
}

TEST(EventText, DamageInsideASummaryNamesItsPlace) {
  const Json whole = to_json(Event(EvaluationFinished{5, "key", "report", full_summary()}));
  const auto error_with = [&](const char* pointer, const Json& value) {
    Json broken = whole;
    broken[Json::json_pointer(pointer)] = value;
    const auto event = event_from_json("evaluation-finished/1", broken);
    return event ? std::string("accepted") : event.error().message;
  };
  EXPECT_EQ(error_with("/summary/status", "FINE"), "summary: unknown status 'FINE'");
  EXPECT_EQ(error_with("/summary/status", nullptr), "summary: key 'status' is missing");
  EXPECT_EQ(error_with("/summary/kernels", 3), "summary: key 'kernels' must be an array, not number");
  EXPECT_EQ(error_with("/summary/kernels/1/registers", 1.5),
            "summary.kernels: key 'registers' must be an integer, not number");
  EXPECT_EQ(error_with("/summary/timing", 1), "summary.timing: must be a JSON object");
  EXPECT_EQ(error_with("/summary/workloads/0", "x"), "summary.workloads: must be a JSON object");
  EXPECT_EQ(error_with("/summary/workloads/0/axes/b", "8"),
            "summary.workloads: key 'b' must be an integer, not string");
  EXPECT_EQ(error_with("/summary/workloads/1/uuids", Json::array({7})),
            "summary.workloads: key 'uuids' must be a string, not number");
  EXPECT_EQ(error_with("/summary/race_bound", true),
            "summary: key 'race_bound' must be a number, not boolean");
}

}  // namespace
}  // namespace warpwright::events
