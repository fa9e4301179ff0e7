#include "src/estimate/measurements.h"

#include <gtest/gtest.h>

namespace warpwright::estimate {
namespace {

constexpr const char* kGood =
    R"({"definition": "d", "source": "k.cu", "axes": {"n": 4}, "device": "b200", "latency_us": 3.5, )"
    R"("method": "cupti", "knobs": {"ROWS": 8, "FAST": true}})";

std::string error_of(const std::string& text, const std::string& path) {
  const auto records = parse_measurements(text, path);
  return records ? "parsed" : records.error().message;
}

void expect_the_good_one(const Measurement& record) {
  EXPECT_EQ(record.definition, "d");
  EXPECT_EQ(record.source, "data/k.cu");
  EXPECT_EQ(record.axes, (std::map<std::string, int64_t>{{"n", 4}}));
  EXPECT_EQ(record.knobs.at("ROWS"), "8");
  EXPECT_EQ(record.latency_us, 3.5);
  EXPECT_EQ(record.method, "cupti");
}

TEST(Measurements, AreReadFromLinesArraysAndTables) {
  const auto lines = parse_measurements(std::string(kGood) + "\n\n" + kGood + "\n", "data/x.jsonl");
  ASSERT_TRUE(lines) << lines.error().message;
  ASSERT_EQ(lines->size(), 2u);
  expect_the_good_one((*lines)[1]);
  EXPECT_EQ((*lines)[1].at, "data/x.jsonl:3");
  const auto array = parse_measurements("[" + std::string(kGood) + "]", "data/x.json");
  ASSERT_TRUE(array) << array.error().message;
  expect_the_good_one(array->at(0));
  const auto table = parse_measurements(
      "definition,source,axes,knobs,device,latency_us,method\nd,k.cu,n=4,ROWS=8;FAST=true,b200,3.5,cupti\n",
      "data/x.csv");
  ASSERT_TRUE(table) << table.error().message;
  expect_the_good_one(table->at(0));
}

TEST(Measurements, MayCarryTheirCounters) {
  const auto records = parse_measurements(
      R"({"definition": "d", "axes": {}, "device": "b200", "latency_us": 1, "launches": [{"counters": )"
      R"({"blocks": 7, "threads_per_block": 128, "issue_slots": 9, "warps": 28}}]})",
      "x.jsonl");
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_EQ(records->at(0).launches.at(0).blocks, 7);
  EXPECT_EQ(records->at(0).launches.at(0).issue_slots, 9);
}

TEST(Measurements, EachMalformedRecordIsNamedByFileAndLine) {
  const std::string good = kGood;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_EQ(error_of(good + "\n" + with("3.5", "0"), "x.jsonl"),
            "x.jsonl:2: 'latency_us' must be above zero");
  EXPECT_EQ(error_of(with("\"k.cu\"", "\"\""), "x.jsonl"),
            "x.jsonl:1: needs 'source' (the kernel's file) or 'launches' (its counters)");
  EXPECT_EQ(error_of(with("4", "4.5"), "x.jsonl"), "x.jsonl:1: axis 'n' must be an integer");
  EXPECT_TRUE(error_of(with("\"device\"", "\"devise\""), "x.jsonl").starts_with("x.jsonl:1: "));
  EXPECT_TRUE(error_of("{", "x.jsonl").starts_with("x.jsonl:1:"));
  EXPECT_EQ(error_of("", "x.jsonl"), "x.jsonl: no records");
  EXPECT_EQ(error_of("definition,source\nd\n", "x.csv"), "x.csv:2: 1 cells, but the header has 2");
  EXPECT_EQ(error_of("definition,source,axes,device,latency_us\nd,k.cu,n=4,b200,fast\n", "x.csv"),
            "x.csv:2: latency_us 'fast' is not a number");
  EXPECT_TRUE(error_of("[1]", "x.json").starts_with("x.json: record 1"));
  EXPECT_EQ(error_of("{}", "x.json"), "x.json: must be an array of records");
}

TEST(Measurements, TenComplaintsAreEnough) {
  std::string text;
  for (int k = 0; k < 30; ++k) text += "{}\n";
  const std::string error = error_of(text, "x.jsonl");
  EXPECT_NE(error.find("x.jsonl:10:"), std::string::npos);
  EXPECT_EQ(error.find("x.jsonl:11:"), std::string::npos);
  EXPECT_NE(error.find("and 20 more"), std::string::npos);
}

}  // namespace
}  // namespace warpwright::estimate
