#include "src/engine/ledger.h"

#include <gtest/gtest.h>

namespace warpwright::engine {
namespace {

LoopMoment moment(int on_device, int calls_in_flight) {
  LoopMoment m;
  m.evaluators = m.ready = 1;
  m.on_device = on_device;
  m.calls_allowed = 16;
  m.calls_in_flight = calls_in_flight;
  m.window = 16;
  return m;
}

TEST(Ledger, EveryMomentIsBookedOnceForEveryEvaluatorAndEveryCall) {
  Ledger ledger;
  LoopMoment m = moment(1, 10);
  m.evaluators = m.ready = 3;
  m.compiling = 1;
  ledger.note(m, 1'000);
  m.ready = 2;
  ledger.note(m, 1'400);
  ledger.note(m, 2'000);
  const report::StageLedger& t = ledger.totals();
  EXPECT_EQ(t.wall_ms, 1'000);
  EXPECT_EQ(t.evaluators.slot_ms, 3'000);
  EXPECT_EQ(t.evaluators.device_ms, 1'000);
  EXPECT_EQ(t.evaluators.compile_ms, 1'000);
  EXPECT_EQ(t.evaluators.idle_ms.at("starting"), 600);
  int64_t idle_ms = 0;
  for (const auto& [reason, ms] : t.evaluators.idle_ms) idle_ms += ms;
  EXPECT_EQ(idle_ms, 1'000);
  EXPECT_EQ(t.calls.slot_ms, 16'000);
  EXPECT_EQ(t.calls.busy_ms, 10'000);
  EXPECT_EQ(t.calls.idle_ms.at("unwanted"), 6'000);
}

TEST(Ledger, TheReasonIsWhatAMendWouldChange) {
  LoopMoment m = moment(0, 4);
  EXPECT_EQ(why_evaluators_idle(m), "program");
  m.window_is_full = true;
  EXPECT_EQ(why_evaluators_idle(m), "window");
  EXPECT_EQ(why_calls_idle(m), "window");
  m.calls_in_flight = 16;
  EXPECT_EQ(why_evaluators_idle(m), "models") << "a larger window would not help: no further call may go out";
  m.calls_in_flight = 4;
  m.calls_at_gate = 2;
  EXPECT_EQ(why_evaluators_idle(m), "models");
  m.calls_at_gate = 0;
  m.calls_held_back = 1;
  EXPECT_EQ(why_evaluators_idle(m), "rate");
  EXPECT_EQ(why_calls_idle(m), "rate");
  m.calls_held_back = 0;
  m.calls_without_money = 1;
  EXPECT_EQ(why_evaluators_idle(m), "money");
  m.calls_without_money = 0;
  m.has_duel = true;
  EXPECT_EQ(why_calls_idle(m), "duel");
  m.is_draining = true;
  EXPECT_EQ(why_evaluators_idle(m), "draining");
  EXPECT_EQ(why_calls_idle(m), "draining");
}

TEST(Ledger, CallsThatWaitForTheDeviceAreNotTheWindowsFault) {
  LoopMoment m = moment(1, 4);
  m.window_is_full = true;
  EXPECT_EQ(why_calls_idle(m), "evaluators");
}

// The loop of the issue: 59 % busy, and the rest of the time 16 open tickets all wait for a model.
TEST(Ledger, ItsVerdictNamesTheOptionAndAValueThatIsEnough) {
  Ledger ledger;
  LoopMoment busy = moment(1, 12), idle = moment(0, 12);
  busy.window_is_full = idle.window_is_full = true;
  ledger.note(busy, 0);
  ledger.note(idle, 590);
  ledger.note(idle, 1'000);
  EXPECT_EQ(verdict(ledger.totals()),
            "device busy 59 %, idle 41 %: too few tickets open; raise run.window to 30");
}

TEST(Ledger, AClockThatStandsStillBooksNothing) {
  Ledger ledger;
  for (int i = 0; i < 3; ++i) ledger.note(moment(1, 16), 77);
  EXPECT_EQ(ledger.totals().wall_ms, 0);
  EXPECT_EQ(verdict(ledger.totals()), "");
}

}  // namespace
}  // namespace warpwright::engine
