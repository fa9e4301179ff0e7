#include "src/report/gpu_check_text.h"

#include <gtest/gtest.h>

namespace warpwright::report {
namespace {

Json document_of(const std::vector<std::pair<std::string, PartResult>>& parts) {
  Json document = {{"title", "GPU check"},   {"date", "2026-11-23"}, {"executor", "cuda"},
                   {"device", "a|b"},        {"times", "measured"},  {"versions", Json::object()},
                   {"parts", Json::object()}};
  int order = 0;
  for (const auto& [name, result] : parts) {
    Json json = to_json(result);
    json["title"] = "Part " + name;
    json["order"] = order++;
    document["parts"][name] = std::move(json);
  }
  return document;
}

PartResult skipped() {
  PartResult result;
  result.outcome = PartResult::Outcome::kSkipped;
  return result;
}

TEST(GpuCheckReport, AFailureIsTheVerdictAndKeepsItsFirstReason) {
  PartResult bad;
  bad.fail("first");
  bad.fail("second");
  const Json document = document_of({{"seeds", bad}, {"bits", {}}, {"tests", skipped()}});
  EXPECT_TRUE(has_failure(document));
  EXPECT_EQ(verdict_of(document), "1 of 2 parts FAILED: seeds; skipped: tests");
  EXPECT_NE(to_markdown(document).find("## Part seeds: FAILED\n\nfirst\n"), std::string::npos);
}

TEST(GpuCheckReport, PartsStandInTheirOrderAndNotInThatOfTheirNames) {
  const std::string text = to_markdown(document_of({{"z", {}}, {"a", {}}}));
  EXPECT_LT(text.find("## Part z"), text.find("## Part a"));
  EXPECT_NE(text.find("all 2 parts that ran passed"), std::string::npos) << text;
}

TEST(GpuCheckReport, WhatACellHoldsCannotBreakItsTable) {
  PartResult result;
  result.tables.push_back({"T", {"one", "two"}, {{"a|b\nc", "d"}}});
  const std::string text = to_markdown(document_of({{"p", result}}));
  EXPECT_NE(text.find("| a\\|b c | d |\n"), std::string::npos) << text;
  EXPECT_NE(text.find("| device | a\\|b |"), std::string::npos) << text;
}

}  // namespace
}  // namespace warpwright::report
