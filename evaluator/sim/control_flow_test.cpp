// Divergence, barriers, deadlocks and budgets.
#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

// A kernel k(out): `body` may use %tid (r0), the output address (rd0) and its own registers r1..r19, p0..p9,
// rd1..rd9.
std::string kernel(const std::string& body, const std::string& variables = "") {
  return ".version 9.0\n.target sm_100a\n.address_size 64\n" + variables +
         ".visible .entry k(.param .u64 k_param_0) {\n"
         ".reg .pred %p<10>;\n.reg .b32 %r<20>;\n.reg .b64 %rd<10>;\n"
         "ld.param.u64 %rd1, [k_param_0];\ncvta.to.global.u64 %rd0, %rd1;\nmov.u32 %r0, %tid.x;\n" +
         body + "\n}\n";
}
// Stores %r1 at out[tid].
const std::string kStore =
    "mul.wide.u32 %rd2, %r0, 4;\nadd.s64 %rd3, %rd0, %rd2;\nst.global.u32 [%rd3], %r1;\nret;\n";

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> out;
};
Outcome run(const std::string& text, uint32_t threads, uint64_t budget = 1'000'000, bool reverse = false) {
  TestLaunch t(text);
  const uint64_t out = t.output<uint32_t>("out", threads);
  t.options.warp_instruction_budget = budget;
  t.options.reverse_order = reverse;
  Outcome outcome{t.run({1, 1, 1}, {threads, 1, 1}), {}};
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}
const Finding* find(const LaunchReport& report, Finding::Kind kind) {
  for (const Finding& finding : report.findings) {
    if (finding.kind == kind) return &finding;
  }
  return nullptr;
}

TEST(ControlFlow, LanesLoopDifferentNumbersOfTimes) {
  const auto [report, out] = run(kernel("mov.u32 %r1, 0;\nmov.u32 %r2, 0;\n"
                                        "LOOP:\nsetp.ge.u32 %p0, %r2, %r0;\n@%p0 bra DONE;\n"
                                        "add.u32 %r1, %r1, %r2;\nadd.u32 %r2, %r2, 1;\nbra LOOP;\nDONE:\n" +
                                        kStore),
                                 70);
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 70; ++t) EXPECT_EQ(out[t], t == 0 ? 0 : t * (t - 1) / 2);
  EXPECT_GT(report.counters.divergent_branches, 0u);
}

TEST(ControlFlow, NestedBranchesReconverge) {
  // Every path adds its own number; activemask behind the join sees the whole warp again.
  const auto [report, out] = run(
      kernel("and.b32 %r2, %r0, 1;\nand.b32 %r3, %r0, 2;\nsetp.ne.u32 %p0, %r2, 0;\n"
             "setp.ne.u32 %p1, %r3, 0;\nmov.u32 %r1, 0;\n@%p0 bra ODD;\n"
             "@%p1 bra EVEN2;\nadd.u32 %r1, %r1, 1;\nbra JOIN;\nEVEN2:\nadd.u32 %r1, %r1, 2;\nbra JOIN;\n"
             "ODD:\n@!%p1 bra ODD2;\nadd.u32 %r1, %r1, 4;\nbra JOIN;\nODD2:\nadd.u32 %r1, %r1, 8;\n"
             "JOIN:\nactivemask.b32 %r4;\npopc.b32 %r4, %r4;\nshl.b32 %r4, %r4, 8;\nor.b32 %r1, %r1, %r4;\n" +
             kStore),
      32);
  ASSERT_TRUE(report.completed) << messages(report);
  const uint32_t expected[] = {1, 8, 2, 4};
  for (uint32_t t = 0; t < 32; ++t) EXPECT_EQ(out[t], expected[t % 4] | 32u << 8);
}

TEST(ControlFlow, EarlyExitsLeaveTheOthersRunning) {
  const auto [report, out] =
      run(kernel("mov.u32 %r1, 7;\nsetp.lt.u32 %p0, %r0, 5;\n@%p0 exit;\nbar.sync 0;\n" + kStore), 96);
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 96; ++t) EXPECT_EQ(out[t], t < 5 ? 0u : 7u);
  EXPECT_EQ(find(report, Finding::Kind::kDivergentBarrier), nullptr);
}

TEST(ControlFlow, SpinLockInsideAWarpMakesProgress) {
  // Every lane takes the lock, adds one to a plain counter and releases it.
  const auto [report, out] = run(
      kernel(
          "mov.u32 %r5, lock;\nSPIN:\natom.shared.cas.b32 %r2, [%r5], 0, 1;\nsetp.ne.u32 %p0, %r2, 0;\n@%p0 "
          "bra SPIN;\n"
          "ld.volatile.shared.u32 %r1, [%r5+4];\nadd.u32 %r1, %r1, 1;\nst.volatile.shared.u32 [%r5+4], %r1;\n"
          "membar.cta;\natom.shared.exch.b32 %r2, [%r5], 0;\n" +
              kStore,
          ".shared .align 4 .b8 lock[8];\n"),
      64, 50'000'000);
  ASSERT_TRUE(report.completed) << messages(report);
  std::vector<uint32_t> sorted = out;
  std::sort(sorted.begin(), sorted.end());
  for (uint32_t t = 0; t < 64; ++t) EXPECT_EQ(sorted[t], t + 1);
}

TEST(ControlFlow, CallsPassArgumentsAndResultsAndReturnToTheirCallers) {
  const std::string function =
      ".func (.param .b32 out0) twice_plus(.param .b32 in0, .param .b32 in1) {\n.reg .b32 %r<4>;\n"
      "ld.param.u32 %r1, [in0];\nld.param.u32 %r2, [in1];\nadd.u32 %r3, %r1, %r1;\nadd.u32 %r3, %r3, %r2;\n"
      "st.param.b32 [out0], %r3;\nret;\n}\n";
  const std::string call =
      "{ .param .b32 a0; .param .b32 a1; .param .b32 r0;\nst.param.b32 [a0], %r0;\nst.param.b32 [a1], {v};\n"
      "call.uni (r0), twice_plus, (a0, a1);\nld.param.b32 %r1, [r0]; }\n";
  const auto with = [&](const std::string& value) {
    std::string text = call;
    return text.replace(text.find("{v}"), 3, value);
  };
  const auto [report, out] =
      run(kernel("mov.u32 %r6, 100;\nmov.u32 %r7, 200;\nsetp.lt.u32 %p0, %r0, 9;\n@%p0 bra LOW;\n" +
                     with("%r6") + "bra JOIN;\nLOW:\n" + with("%r7") + "JOIN:\n" + kStore,
                 function),
          32);
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 32; ++t) EXPECT_EQ(out[t], 2 * t + (t < 9 ? 200 : 100));
}

TEST(ControlFlow, IndexedBranchesReachTheirTargets) {
  const auto [report, out] =
      run(kernel("and.b32 %r2, %r0, 3;\nmov.u32 %r1, 0;\nTS: .branchtargets A, B, C, D;\nbrx.idx %r2, TS;\n"
                 "A:\nmov.u32 %r1, 10;\nbra E;\nB:\nmov.u32 %r1, 11;\nbra E;\nC:\nmov.u32 %r1, 12;\nbra E;\n"
                 "D:\nmov.u32 %r1, 13;\nE:\n" +
                 kStore),
          32);
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 32; ++t) EXPECT_EQ(out[t], 10 + t % 4);
}

TEST(ControlFlow, PredicatedInstructionsKeepOtherLanes) {
  const auto [report, out] = run(
      kernel(
          "mov.u32 %r1, 5;\nsetp.lt.u32 %p0, %r0, 10;\n@%p0 mov.u32 %r1, 6;\n@!%p0 add.u32 %r1, %r1, 10;\n" +
          kStore),
      32);
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 32; ++t) EXPECT_EQ(out[t], t < 10 ? 6u : 15u);
}

TEST(Barriers, NamedBarriersOrderAProducerAndAConsumer) {
  // Warp 0 writes and arrives at barrier 1; warp 1 waits there and reads. No race, both orders of warps.
  const std::string body =
      "mov.u32 %r5, buffer;\nmov.u32 %r1, 0;\nshl.b32 %r6, %r0, 2;\nadd.u32 %r7, %r5, %r6;\nsetp.ge.u32 %p0, "
      "%r0, 32;\n@%p0 bra CONSUME;\n"
      "add.u32 %r8, %r0, 40;\nst.shared.u32 [%r7], %r8;\nbar.arrive 1, 64;\nbra END;\n"
      "CONSUME:\nbar.sync 1, 64;\nld.shared.u32 %r1, [%r7+-128];\nEND:\n" +
      kStore;
  for (const bool reverse : {false, true}) {
    const auto [report, out] = run(kernel(body, ".shared .align 4 .b8 buffer[128];\n"), 64, 1000, reverse);
    ASSERT_TRUE(report.completed) << messages(report);
    EXPECT_TRUE(report.findings.empty()) << messages(report);
    for (uint32_t t = 32; t < 64; ++t) EXPECT_EQ(out[t], t - 32 + 40);
  }
}

TEST(Barriers, ReductionsCountEveryThread) {
  const auto [report, out] = run(
      kernel("setp.lt.u32 %p0, %r0, 37;\nbar.red.popc.u32 %r1, 0, %p0;\nbar.red.and.pred %p1, 0, %p0;\n"
             "bar.red.or.pred %p2, 0, %p0;\n@%p1 add.u32 %r1, %r1, 1000;\n@%p2 add.u32 %r1, %r1, 2000;\n" +
             kStore),
      96);
  ASSERT_TRUE(report.completed) << messages(report);
  for (const uint32_t value : out) EXPECT_EQ(value, 2037u);
}

TEST(Barriers, ABarrierThatSomeWarpsNeverReachIsADeadlock) {
  const auto [report, out] = run(kernel("mov.u32 %r1, 1;\nsetp.lt.u32 %p0, %r0, 32;\n@%p0 bra "
                                        "SKIP;\nbar.sync 2, 96;\nSKIP:\nbar.sync 0;\n" +
                                        kStore),
                                 96);
  EXPECT_FALSE(report.completed);
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock) << messages(report);
  EXPECT_NE(report.fatal()->message.find("barrier 2"), std::string::npos) << report.fatal()->message;
}

TEST(Barriers, ABarrierInOneBranchOfAWarpIsReported) {
  const auto [report, out] = run(kernel("mov.u32 %r1, 1;\nsetp.lt.u32 %p0, %r0, 16;\n@%p0 bra "
                                        "OTHER;\nbar.sync 0;\nbra END;\nOTHER:\nbar.sync 0;\nEND:\n" +
                                        kStore),
                                 32);
  const Finding* finding = find(report, Finding::Kind::kDivergentBarrier);
  ASSERT_NE(finding, nullptr) << messages(report);
  EXPECT_FALSE(finding->fatal);
}

TEST(Barriers, ShuffleOutsideItsMemberMaskIsReported) {
  const auto [report, out] = run(kernel("mov.u32 %r1, 1;\nsetp.lt.u32 %p0, %r0, 16;\n@%p0 bra "
                                        "END;\nshfl.sync.idx.b32 %r1, %r0, 0, 31, -1;\nEND:\n" +
                                        kStore),
                                 32);
  EXPECT_TRUE(report.completed);
  EXPECT_NE(find(report, Finding::Kind::kDivergentSync), nullptr) << messages(report);
}

TEST(Barriers, LanesThatComeLateAreWaitedFor) {
  // The even lanes reach the vote from a block that lies behind it.
  const auto [report, out] =
      run(kernel("and.b32 %r2, %r0, 1;\nsetp.eq.u32 %p0, %r2, 0;\n@%p0 bra FAR;\nNEAR:\n"
                 "vote.sync.ballot.b32 %r1, %p0, -1;\n" +
                 kStore + "FAR:\nadd.u32 %r3, %r2, 1;\nbra NEAR;\n"),
          32);
  ASSERT_TRUE(report.completed);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  for (const uint32_t value : out) EXPECT_EQ(value, 0x55555555u);
}

TEST(Budget, AnEndlessLoopEndsTheLaunch) {
  const auto [report, out] = run(kernel("LOOP:\nbra LOOP;\n"), 32, 10'000);
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kBudget);
  EXPECT_LE(report.counters.warp_instructions, 10'001u);
}

TEST(Faults, TrapsAndUnknownInstructionsSayWhere) {
  const auto [trapped, unused] = run(kernel("trap;\n"), 32);
  ASSERT_NE(trapped.fatal(), nullptr);
  EXPECT_EQ(trapped.fatal()->kind, Finding::Kind::kTrap);
  const auto [unknown, unused2] =
      run(kernel("multimem.red.relaxed.sys.global.add.u32 [%rd0], 1;\n"), 32);
  ASSERT_NE(unknown.fatal(), nullptr);
  EXPECT_EQ(unknown.fatal()->kind, Finding::Kind::kUnsupported);
  EXPECT_NE(unknown.fatal()->message.find("multimem.red.relaxed.sys.global.add.u32"), std::string::npos);
  EXPECT_NE(unknown.fatal()->message.find("PTX line 11"), std::string::npos) << unknown.fatal()->message;
}

TEST(Faults, RecursionIsReportedAndEmptyKernelsRun) {
  const auto [report, unused] =
      run(kernel("call.uni again, ();\nret;\n", ".func again() {\ncall.uni again, ();\nret;\n}\n"), 32);
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kUnsupported);
  EXPECT_NE(report.fatal()->message.find("recursion"), std::string::npos) << messages(report);
  TestLaunch t(".version 9.0\n.target sm_100a\n.address_size 64\n.visible .entry k() {\n}\n");
  EXPECT_TRUE(t.run({3, 1, 1}, {33, 1, 1}).completed);
}

TEST(Launches, BadOnesAreRefused) {
  TestLaunch t(kernel("ret;\n"));
  EXPECT_EQ(t.run({1, 1, 1}, {32, 1, 1}).fatal()->kind, Finding::Kind::kBadLaunch);  // no parameter
  t.output<int>("out", 1);
  EXPECT_EQ(t.run({1, 1, 1}, {2048, 1, 1}).fatal()->kind, Finding::Kind::kBadLaunch);
  EXPECT_EQ(t.run({1, 0, 1}, {32, 1, 1}).fatal()->kind, Finding::Kind::kBadLaunch);
  t.launch.dynamic_shared_bytes = 300 * 1024;
  EXPECT_EQ(t.run({1, 1, 1}, {32, 1, 1}).fatal()->kind, Finding::Kind::kBadLaunch);
  t.launch.dynamic_shared_bytes = 0;
  t.launch.kernel = "nobody";
  EXPECT_EQ(t.run({1, 1, 1}, {32, 1, 1}).fatal()->kind, Finding::Kind::kBadLaunch);
}

}  // namespace
}  // namespace warpwright::sim
