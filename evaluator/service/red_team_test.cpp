// Cheats that device code can try are refused by the rule that their first lines name; honest kernels that
// resemble them pass; and what a candidate says in its own words stays data in every report.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "evaluator/service/evaluator.h"
#include "src/base/files.h"
#include "src/contract/red_team.h"

namespace warpwright::service {
namespace {

Evaluator& evaluator() {
  static std::unique_ptr<Evaluator> instance = [] {
    EvaluatorOptions options;
    options.home = find_home().value();
    auto created = Evaluator::create(options);
    if (!created) throw std::runtime_error(created.error().message);
    return std::move(*created);
  }();
  return *instance;
}

std::vector<RedTeamKernel> kernels_where(bool is_villain) {
  std::vector<RedTeamKernel> kernels = read_red_team(find_home().value()).value();
  std::erase_if(kernels, [&](const RedTeamKernel& kernel) {
    return kernel.is_villain != is_villain || !kernel.applies_to("sim");
  });
  return kernels;
}

EvaluationReport evaluate(const RedTeamKernel& kernel) {
  EvaluationRequest request = red_team_request(kernel);
  request.executor = "sim";
  return evaluator().evaluate(request, {});
}

const EvaluationReport* twin_report(const std::string& name) {
  static std::map<std::string, EvaluationReport> reports;
  if (name.empty()) return nullptr;
  if (!reports.contains(name)) {
    for (RedTeamKernel& kernel : kernels_where(false)) {
      kernel.selection = "smoke";
      if (kernel.name == name) reports[name] = evaluate(kernel);
    }
  }
  return reports.contains(name) ? &reports[name] : nullptr;
}

// No control character, no text that turns or hides what stands beside it, nothing but whole UTF-8
// characters.
bool is_plain_text(const std::string& text, bool one_line) {
  for (size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == 0x7f || (c < 0x20 && (one_line || (c != '\n' && c != '\t')))) return false;
    if (c == 0xc2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0) return false;
    const std::string_view three = std::string_view(text).substr(at, 3);
    for (const std::string_view hidden :
         {"\u2028", "\u2029", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068",
          "\u2069", "\u200b", "\ufeff"})
      if (three == hidden) return false;
  }
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace).find("\ufffd") == std::string::npos;
}

void expect_quotable(const EvaluationReport& report) {
  EXPECT_TRUE(is_plain_text(report.message, true)) << report.message;
  EXPECT_LE(report.message.size(), kMaxMessageBytes);
  for (const std::string& warning : report.warnings) EXPECT_TRUE(is_plain_text(warning, true)) << warning;
  size_t bytes = 0;
  for (const std::string& evidence : report.evidence) {
    EXPECT_TRUE(is_plain_text(evidence, false)) << evidence;
    bytes += evidence.size();
  }
  EXPECT_LE(bytes, kMaxEvidenceBytes + 100);
}

std::string name_of(const testing::TestParamInfo<RedTeamKernel>& info) {
  return info.param.name;
}

class Villain : public testing::TestWithParam<RedTeamKernel> {};
TEST_P(Villain, IsRefusedByTheRuleItNames) {
  const RedTeamKernel& kernel = GetParam();
  EXPECT_FALSE(kernel.cheat.empty());
  const EvaluationReport report = evaluate(kernel);
  const RedTeamVerdict verdict = judge_red_team(kernel, report, twin_report(kernel.twin), "sim");
  EXPECT_EQ(verdict.standing, Standing::kAsExpected) << verdict.got << ": " << verdict.why;
  EXPECT_EQ(verdict.why, "");
  expect_quotable(report);
}
INSTANTIATE_TEST_SUITE_P(RedTeam, Villain, testing::ValuesIn(kernels_where(true)), name_of);

class LookAlike : public testing::TestWithParam<RedTeamKernel> {};
TEST_P(LookAlike, Passes) {
  const EvaluationReport report = evaluate(GetParam());
  EXPECT_EQ(to_string(report.status), "PASSED") << report.rule << ": " << report.message;
  expect_quotable(report);
}
INSTANTIATE_TEST_SUITE_P(RedTeam, LookAlike, testing::ValuesIn(kernels_where(false)), name_of);

// The list is what the issue of the evaluator's trust rests on: no kind of cheat may get lost.
TEST(RedTeam, HasEveryKindOfCheat) {
  std::set<std::string> kinds;
  const auto kernels = read_red_team(find_home().value());
  ASSERT_TRUE(kernels);
  for (const RedTeamKernel& kernel : *kernels)
    if (kernel.is_villain) kinds.insert(kernel.cheat);
  for (char kind = 'a'; kind <= 'o'; ++kind) EXPECT_TRUE(kinds.contains(std::string(1, kind))) << kind;
}

TEST(RedTeam, EveryVillainStandsInTheTable) {
  const auto home = find_home().value();
  const std::string table = read_file(home / "evaluator/testdata/villains/README.md").value();
  const auto kernels = read_red_team(home);
  ASSERT_TRUE(kernels);
  for (const RedTeamKernel& kernel : *kernels)
    EXPECT_NE(table.find("`" + kernel.name + "`"), std::string::npos) << kernel.name;
}

}  // namespace
}  // namespace warpwright::service
