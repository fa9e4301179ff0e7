#include "src/report/ledger_text.h"

#include <gtest/gtest.h>

namespace warpwright::report {
namespace {

StageLedger ledger(int64_t device_ms, std::map<std::string, int64_t> idle_ms) {
  StageLedger l;
  l.wall_ms = 1'000;
  l.evaluators.slot_ms = 1'000;
  l.evaluators.device_ms = device_ms;
  l.evaluators.idle_ms = std::move(idle_ms);
  l.calls.slot_ms = 16'000;
  l.calls.busy_ms = 15'000;
  l.calls.idle_ms = {{"evaluators", 1'000}};
  l.window = 16;
  l.evaluator_count = 1;
  l.call_limit = 16;
  return l;
}

TEST(LedgerText, SurvivesJsonAndIgnoresWhatItDoesNotKnow) {
  const StageLedger l = ledger(600, {{"window", 300}, {"duel", 100}});
  const auto back = stage_ledger_from_json(parse_json(dump_json(to_json(l)), "test").value());
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), to_json(l));
  EXPECT_FALSE(stage_ledger_from_json(Json()));
  EXPECT_FALSE(stage_ledger_from_json({{"seconds", {{"busy", 3.5}}}}));
  EXPECT_FALSE(stage_ledger_from_json({{"evaluators", 1}, {"calls", {}}}));
  EXPECT_FALSE(stage_ledger_from_json(
      {{"evaluators", {{"idle_ms", {{"window", "long"}}}}}, {"calls", Json::object()}}));
}

TEST(LedgerText, ProcessesOfARunAreSummedAndReportedByTheirLargestReasonFirst) {
  events::RunView view;
  EXPECT_EQ(ledger_text(view), "");
  view.ledgers = {to_json(ledger(600, {{"models", 100}, {"window", 300}})), Json(),
                  to_json(ledger(200, {{"window", 800}}))};
  const std::string text = ledger_text(view);
  EXPECT_NE(text.find("running 40 %"), std::string::npos) << text;
  EXPECT_NE(text.find("idle because of window 55 %, models 5 %"), std::string::npos) << text;
  EXPECT_NE(text.find("raise run.window to 44"), std::string::npos) << text;
  EXPECT_EQ(ledger_json(view)["evaluators"]["slot_ms"], 2'000);
}

TEST(LedgerText, EveryReasonHasAMend) {
  for (const char* reason : {"window", "models", "rate", "money", "starting", "duel", "draining", "program"})
    EXPECT_NE(verdict(ledger(500, {{reason, 500}})).find("device busy 50 %, idle 50 %: "), std::string::npos)
        << reason;
  EXPECT_EQ(verdict(ledger(1'000, {})), "device busy 100 %");
}

}  // namespace
}  // namespace warpwright::report
