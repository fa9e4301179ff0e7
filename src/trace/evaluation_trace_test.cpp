#include "src/trace/evaluation_trace.h"

#include <gtest/gtest.h>

namespace warpwright::trace {
namespace {

std::string line(const std::string& status, const std::string& more) {
  return R"({"definition":"d","workload":{"uuid":"u","axes":{"n":3},"inputs":{}},"solution":"s","evaluation":{"status":")" +
         status + R"(","environment":{"hardware":"NVIDIA B200","libs":{}},"timestamp":"t")" + more + "}}\n";
}
const std::string kPassed =
    line("PASSED", R"(,"correctness":{"max_relative_error":"NaN"},"performance":{"latency_ms":0.25})");

std::string error(const std::string& text) {
  const auto parsed = parse_evaluation_traces(text, "t.jsonl");
  return parsed ? "accepted" : parsed.error().message;
}

TEST(EvaluationTraces, KeepWhatAScoreNeeds) {
  const auto traces = parse_evaluation_traces(kPassed + "\n" + line("TIMEOUT", ""), "t.jsonl").value();
  ASSERT_EQ(traces.size(), 2u);
  EXPECT_EQ(traces[0].solution, "s");
  EXPECT_EQ(traces[0].uuid, "u");
  EXPECT_EQ(traces[0].axes, (Axes{{"n", 3}}));
  EXPECT_DOUBLE_EQ(traces[0].latency_us, 250);
  EXPECT_EQ(traces[0].hardware, "NVIDIA B200");
  EXPECT_EQ(traces[1].status, Status::kTimeout);
  EXPECT_EQ(traces[1].where, "t.jsonl:3");
}

TEST(EvaluationTraces, LinesThatOnlyNameAWorkloadArePassedOver) {
  const auto traces = parse_evaluation_traces(
      R"({"definition":"d","workload":{"uuid":"u","axes":{},"inputs":{}},"solution":null,"evaluation":null})",
      "t.jsonl");
  EXPECT_TRUE(traces.value().empty());
}

TEST(EvaluationTraces, ErrorsNameFileAndLine) {
  EXPECT_TRUE(error(kPassed + "{\"definition\":").starts_with("t.jsonl:2: not valid JSON at column"))
      << error("{");
  EXPECT_EQ(error("[]"), "t.jsonl:1: must be a JSON object");
  EXPECT_EQ(error(R"({"definition":"d","workload":{"axes":{}},"solution":"s"})"),
            "t.jsonl:1: workload: 'uuid' is missing (expected a string)");
  EXPECT_EQ(error(line("FINE", "")),
            "t.jsonl:1: evaluation: status must be PASSED, COMPILE_ERROR, RUNTIME_ERROR, INCORRECT_SHAPE, "
            "INCORRECT_DTYPE, INCORRECT_NUMERICAL or TIMEOUT, not 'FINE'");
  EXPECT_EQ(error(line("PASSED", "")),
            "t.jsonl:1: evaluation: 'performance' is missing (expected an object)");
  EXPECT_EQ(error(line("PASSED", R"(,"performance":{"latency_ms":"fast"})")),
            "t.jsonl:1: evaluation: performance.latency_ms must be a number: the status is PASSED");
  EXPECT_EQ(error(line("PASSED", R"(,"performance":{"latency_ms":0})")),
            "t.jsonl:1: evaluation: performance.latency_ms must be positive, not 0");
  EXPECT_EQ(
      error(R"({"definition":"d","workload":{"uuid":"u","axes":{"n":-1}},"solution":"s","evaluation":{}})"),
      "t.jsonl:1: workload.axes: 'n' must be a whole number, not negative");
}

}  // namespace
}  // namespace warpwright::trace
