// mbarrier: phases, transactions, order, and what is reported.
#include "evaluator/sim/mbarrier.h"

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

// A kernel k(out) of one block of 64 threads: %r0 thread, %r1 the mbarrier (initialised with `count` by
// thread 0), %r2 the thread's word of shared memory, %r3 the word of thread 63 - %r0, %rd1 its word of out.
std::string kernel(const std::string& body, int count) {
  return ".version 9.0\n.target sm_100a\n.address_size 64\n.shared .align 16 .b8 bar[16];\n"
         ".shared .align 16 .b8 data[256];\n.visible .entry k(.param .u64 k_param_0) {\n"
         ".reg .pred %p<10>;\n.reg .b32 %r<20>;\n.reg .b64 %rd<10>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nmov.u32 %r0, %tid.x;\nmul.wide.u32 %rd2, %r0, 4;\n"
         "add.s64 %rd1, %rd0, %rd2;\nmov.u32 %r1, bar;\nmov.u32 %r2, data;\nshl.b32 %r9, %r0, 2;\n"
         "sub.u32 %r3, 252, %r9;\nadd.u32 %r3, %r2, %r3;\nadd.u32 %r2, %r2, %r9;\nsetp.ne.u32 %p1, %r0, 0;\n"
         "@%p1 bra READY;\nmbarrier.init.shared::cta.b64 [%r1], " +
         std::to_string(count) + ";\nREADY:\nbar.sync 0;\n" + body + "\nret;\n}\n";
}
const std::string kStoreOwn = "st.shared.u32 [%r2], %r0;\n";
const std::string kArrive = "mbarrier.arrive.shared::cta.b64 %rd3, [%r1];\n";
const std::string kLoadOther = "ld.shared.u32 %r4, [%r3];\nst.global.u32 [%rd1], %r4;\n";
std::string wait(const std::string& parity = "0", const std::string& label = "WAIT") {
  return label + ":\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r1], " + parity + ";\n@!%p2 bra " +
         label + ";\n";
}

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> out;
};
Outcome run(const std::string& body, int count = 64, bool reverse = false) {
  TestLaunch t(kernel(body, count));
  const uint64_t out = t.output<uint32_t>("out", 64);
  t.options.reverse_order = reverse;
  t.options.warp_instruction_budget = 2'000'000;
  Outcome outcome{t.run({1, 1, 1}, {64, 1, 1}), {}};
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}
bool has(const LaunchReport& report, const std::string& rule) {
  for (const Finding& finding : report.findings) {
    if (finding.rule == rule) return true;
  }
  return false;
}

TEST(Mbarriers, OrderWhatWasStoredBeforeAnArrival) {
  const std::string by_state =
      "WAIT:\nmbarrier.test_wait.shared::cta.b64 %p2, [%r1], %rd3;\n@!%p2 bra WAIT;\n";
  for (const std::string& waiting : {wait(), by_state}) {
    for (const bool reverse : {false, true}) {
      const auto [report, out] = run(kStoreOwn + kArrive + waiting + kLoadOther, 64, reverse);
      ASSERT_TRUE(report.completed) << messages(report);
      EXPECT_TRUE(report.findings.empty()) << messages(report);
      for (uint32_t t = 0; t < 64; ++t) ASSERT_EQ(out[t], 63 - t);
    }
  }
}

// Warp 1 comes late and goes on longest: the path is its own, and warp 0's waiting is not on it.
TEST(Mbarriers, CountHowLongWarpsStandThere) {
  const std::string slow =
      "mov.u32 %r5, 200;\nLOOP#:\nsub.u32 %r5, %r5, 1;\nsetp.ne.u32 %p3, %r5, 0;\n"
      "@%p3 bra LOOP#;\n";
  const auto late = [&](const std::string& number) {
    std::string text = "setp.lt.u32 %p4, %r0, 32;\n@%p4 bra DONE#;\n" + slow + "DONE#:\n";
    for (std::size_t at; (at = text.find('#')) != std::string::npos;) text.replace(at, 1, number);
    return text;
  };
  for (const bool reverse : {false, true}) {
    const Counters c = run(late("1") + kArrive + wait() + late("2"), 64, reverse).report.counters;
    EXPECT_GT(c.longest_mbarrier_wait_cycles, 1000);
    EXPECT_LT(c.critical_mbarrier_cycles, 100);
    EXPECT_EQ(c.mbarrier_wait_cycles, c.longest_mbarrier_wait_cycles + c.critical_mbarrier_cycles);
    EXPECT_GT(c.critical_path_cycles, c.longest_mbarrier_wait_cycles);
  }
  EXPECT_EQ(run(late("1")).report.counters.mbarrier_wait_cycles, 0);
}

TEST(Mbarriers, OrderNothingWithoutTheWait) {
  EXPECT_TRUE(has(run(kStoreOwn + kArrive + kLoadOther).report, "shared-race"));
}

// The wait for the phase before this one passes at once.
TEST(Mbarriers, OrderNothingWithAWrongPhase) {
  EXPECT_TRUE(has(run(kStoreOwn + kArrive + wait("1") + kLoadOther).report, "shared-race"));
}

TEST(Mbarriers, GoThroughPhasesInTurn) {
  std::string body;
  for (int phase = 0; phase < 4; ++phase) {
    const std::string label = "W" + std::to_string(phase);
    body += "add.u32 %r5, %r0, " + std::to_string(100 * phase) + ";\nst.shared.u32 [%r2], %r5;\n" + kArrive +
            wait(std::to_string(phase & 1), label) + "ld.shared.u32 %r4, [%r3];\nbar.sync 0;\n";
  }
  const auto [report, out] = run(body + "st.global.u32 [%rd1], %r4;\n");
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  for (uint32_t t = 0; t < 64; ++t) ASSERT_EQ(out[t], 300 + 63 - t);
}

TEST(Mbarriers, WaitForTransactionsToo) {
  // Thread 0 expects 16 bytes with its arrival; thread 33 brings them.
  const std::string roles =
      "setp.ne.u32 %p3, %r0, 0;\n@%p3 bra OTHERS;\nmbarrier.arrive.expect_tx.shared::cta.b64 %rd3, [%r1], "
      "16;\n"
      "OTHERS:\nsetp.ne.u32 %p4, %r0, 33;\n@%p4 bra DONE;\n"
      "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r1], 16;\nDONE:\n";
  const auto whole = run(roles + wait() + "st.global.u32 [%rd1], 7;\n", 1);
  ASSERT_TRUE(whole.report.completed) << messages(whole.report);
  EXPECT_EQ(whole.out[40], 7u);
  std::string short_by_4 = roles;
  short_by_4.replace(short_by_4.rfind("16;"), 2, "12");
  const auto part = run(short_by_4 + wait(), 1);
  ASSERT_NE(part.report.fatal(), nullptr);
  EXPECT_EQ(part.report.fatal()->kind, Finding::Kind::kDeadlock);
  EXPECT_NE(part.report.fatal()->message.find("0 of 1 arrivals and 4 bytes of transactions"),
            std::string::npos)
      << part.report.fatal()->message;
}

TEST(Mbarriers, ThatNeverCompleteAreADeadlockThatSaysSo) {
  const auto [report, out] = run(kArrive + wait(), 65);
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock);
  EXPECT_NE(report.fatal()->message.find("phase 0 (parity 0), for 1 of 65 arrivals"), std::string::npos)
      << report.fatal()->message;
}

// try_wait may answer no: code that does something else then is right.
TEST(Mbarriers, AnswerNoWhenNothingElseCanGoOn) {
  const auto [report, out] =
      run("mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r1], 0;\nselp.u32 %r4, 1, 2, %p2;\nst.global.u32 "
          "[%rd1], %r4;\n" +
          kArrive + wait());
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 64; ++t) ASSERT_EQ(out[t], 2u);
}

TEST(Mbarriers, AreMisusedByName) {
  const std::vector<std::pair<std::string, std::string>> kCases = {
      {"add.u32 %r1, %r1, 8;\n" + kArrive, "no mbarrier at shared memory + 8"},
      {"mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r1], 16;\n" + kArrive, "expects only 0 more"},
      {"st.shared.u32 [%r1], 3;\nbar.sync 0;\n" + kArrive, "was overwritten"},
      {"add.u32 %r1, %r1, 4;\n" + kArrive, "8 aligned bytes"},
      {"mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r1], 1048000;\n", "beyond 1048575 bytes"},
      {"mbarrier.arrive.noComplete.release.cta.shared::cta.b64 %rd3, [%r1], 1;\n",
       "would complete the phase"},
  };
  for (const auto& [body, message] : kCases) {
    const auto report = run(body, 1).report;
    ASSERT_NE(report.fatal(), nullptr) << body;
    EXPECT_TRUE(report.fatal()->message.find(message) != std::string::npos) << report.fatal()->message;
  }
}

TEST(Mbarriers, NeedABarrierAfterTheirInitialisation) {
  std::string text = kernel(kArrive + wait(), 64);
  text.erase(text.find("bar.sync 0;\n"), 12);
  TestLaunch t(text);
  t.output<uint32_t>("out", 64);
  EXPECT_FALSE(t.run({1, 1, 1}, {64, 1, 1}).findings.empty());
}

TEST(Mbarriers, CountWhoDropsOut) {
  const std::string body =
      "setp.lt.u32 %p3, %r0, 32;\n@%p3 bra STAYS;\nmbarrier.arrive_drop.shared::cta.b64 %rd3, "
      "[%r1];\nret;\nSTAYS:\n" +
      kArrive + wait("0", "W0") + kArrive + wait("1", "W1") + "st.global.u32 [%rd1], 5;\n";
  const auto [report, out] = run(body);
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_EQ(out[31], 5u);
}

}  // namespace
}  // namespace warpwright::sim
