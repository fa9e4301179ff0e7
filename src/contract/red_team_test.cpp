#include "src/contract/red_team.h"

#include <gtest/gtest.h>

#include "src/base/files.h"

namespace warpwright {
namespace {

RedTeamKernel villain(const std::string& lines) {
  auto kernel = parse_red_team_kernel("x", true, "// Cheats.\n" + lines + "/*@plan\n*/\n");
  EXPECT_TRUE(kernel) << kernel.error().message;
  return kernel ? *kernel : RedTeamKernel();
}

EvaluationReport report_of(Status status, const std::string& rule = "", const std::string& message = "",
                           double latency_us = 10) {
  EvaluationReport report;
  report.status = status;
  report.rule = rule;
  report.message = message;
  report.workloads.emplace_back();
  report.workloads.back().latency_us = latency_us;
  return report;
}

TEST(RedTeam, FirstLinesSayWhatIsExpected) {
  const RedTeamKernel kernel = villain(
      "// beats: nobody\n// cheat: h\n// applies: sim\n// expect: REJECTED out-of-bounds-write\n"
      "// on cuda: RUNTIME_ERROR\n// message: output: + 4\n// workloads: all\n");
  EXPECT_EQ(kernel.title, "Cheats.");
  EXPECT_EQ(kernel.expected_on("sim"), "REJECTED out-of-bounds-write");
  EXPECT_EQ(kernel.expected_on("cuda"), "RUNTIME_ERROR");
  EXPECT_EQ(kernel.message, "output: + 4");
  EXPECT_TRUE(kernel.applies_to("sim"));
  EXPECT_FALSE(kernel.applies_to("cuda"));
  EXPECT_EQ(red_team_request(kernel).selection, "all");
  EXPECT_FALSE(parse_red_team_kernel("x", true, "// Cheats.\n// expect: REFUSED\n"));
  EXPECT_FALSE(parse_red_team_kernel("x", true, "// Cheats.\n// expects: REJECTED\n"));
  EXPECT_FALSE(parse_red_team_kernel("x", true, "// Cheats.\n// applies: gpu\n"));
}

TEST(RedTeam, AVillainThatPassesScores) {
  const RedTeamKernel kernel = villain("// expect: REJECTED data-race\n// message: race\n");
  const auto standing = [&](const EvaluationReport& report) {
    return judge_red_team(kernel, report, nullptr, "sim").standing;
  };
  EXPECT_EQ(standing(report_of(Status::kRejected, "data-race", "a race")), Standing::kAsExpected);
  EXPECT_EQ(standing(report_of(Status::kRejected, "data-race", "other words")), Standing::kOtherwiseRefused);
  EXPECT_EQ(standing(report_of(Status::kTimeout)), Standing::kOtherwiseRefused);
  EXPECT_EQ(standing(report_of(Status::kPassed)), Standing::kScores);
  EXPECT_EQ(standing(report_of(Status::kWorkerLost)), Standing::kNotJudged);
}

TEST(RedTeam, ACheatThatOnlyTheClockCanJudgeIsHeldAgainstItsTwin) {
  const RedTeamKernel kernel = villain("// expect: REJECTED residue\n// on cuda: PASSED\n// twin: plain\n");
  const EvaluationReport twin = report_of(Status::kPassed, "", "", 10);
  const auto standing = [&](double latency_us, const char* executor) {
    return judge_red_team(kernel, report_of(Status::kPassed, "", "", latency_us), &twin, executor).standing;
  };
  EXPECT_EQ(standing(9.5, "cuda"), Standing::kAsExpected);
  EXPECT_EQ(standing(8.5, "cuda"), Standing::kScores);
  EXPECT_EQ(standing(9.5, "sim"), Standing::kScores) << "there it must be refused";
  EXPECT_EQ(judge_red_team(kernel, twin, nullptr, "cuda").standing, Standing::kNotJudged);
}

TEST(RedTeam, AnHonestKernelHasToPass) {
  const RedTeamKernel kernel = parse_red_team_kernel("x", false, "// Honest.\n").value();
  EXPECT_EQ(judge_red_team(kernel, report_of(Status::kPassed), nullptr, "sim").standing,
            Standing::kAsExpected);
  EXPECT_EQ(judge_red_team(kernel, report_of(Status::kRejected, "data-race"), nullptr, "sim").standing,
            Standing::kHonestRefused);
}

TEST(RedTeam, ShippedKernelsCanAllBeRead) {
  const auto kernels = read_red_team(find_home().value());
  ASSERT_TRUE(kernels) << kernels.error().message;
  EXPECT_GT(kernels->size(), 100u);
  for (const RedTeamKernel& kernel : *kernels) {
    EXPECT_EQ(kernel.is_villain, !kernel.cheat.empty()) << kernel.name;
    EXPECT_FALSE(kernel.title.empty()) << kernel.name;
  }
  EXPECT_FALSE(read_red_team("/nonexistent"));
}

}  // namespace
}  // namespace warpwright
