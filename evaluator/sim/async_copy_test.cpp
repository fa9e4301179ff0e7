// cp.async: what is visible when, and what is reported.
#include <numeric>

#include "evaluator/sim/memory_impl.h"
#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

// A kernel k(in, out) of one block of 64 threads: %r0 thread, %r1 its 16 bytes in shared memory, %rd2 its 16
// bytes of in, %rd3 its 16 bytes of out; %r2 the shared address of thread 63 - %r0.
std::string kernel(const std::string& body) {
  return ".version 9.0\n.target sm_90a\n.address_size 64\n.shared .align 16 .b8 tile[4096];\n"
         ".visible .entry k(.param .u64 k_param_0, .param .u64 k_param_1) {\n"
         ".reg .pred %p<10>;\n.reg .b32 %r<20>;\n.reg .b64 %rd<10>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nld.param.u64 %rd1, [k_param_1];\nmov.u32 %r0, %tid.x;\n"
         "shl.b32 %r9, %r0, 4;\nmov.u32 %r3, tile;\nadd.u32 %r1, %r3, %r9;\nsub.u32 %r2, 1008, %r9;\n"
         "add.u32 %r2, %r3, %r2;\nmul.wide.u32 %rd4, %r0, 16;\nadd.s64 %rd2, %rd0, %rd4;\n"
         "add.s64 %rd3, %rd1, %rd4;\n" +
         body + "\nret;\n}\n";
}
const std::string kCopy = "cp.async.cg.shared.global [%r1], [%rd2], 16;\n";
const std::string kCommit = "cp.async.commit_group;\n";
const std::string kLoadOwn = "ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r1];\n";
const std::string kLoadOther = "ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r2];\n";
const std::string kStore = "st.global.v4.u32 [%rd3], {%r4, %r5, %r6, %r7};\n";

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> out;
};
Outcome run(const std::string& body, bool reverse = false, bool races = true) {
  TestLaunch t(kernel(body));
  std::vector<uint32_t> values(1024);
  std::iota(values.begin(), values.end(), 1u);
  const uint64_t in = t.output<uint32_t>("in", values.size());
  std::memcpy(t.memory.bytes(in).data(), values.data(), 4 * values.size());
  t.memory.mark_initialised(in, true);
  const uint64_t out = t.output<uint32_t>("out", 256);
  t.options.reverse_order = reverse;
  t.options.detect_races = races;
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

TEST(AsyncCopies, ArriveAtTheWaitAndAreSeenByOthersBehindABarrier) {
  for (const std::string& wait : {kCommit + "cp.async.wait_group 0;\n", std::string("cp.async.wait_all;\n"),
                                  "cp.async.wait_all;\n" + kCommit}) {
    for (const bool reverse : {false, true}) {
      const auto [report, out] = run(kCopy + wait + "bar.sync 0;\n" + kLoadOther + kStore, reverse);
      ASSERT_TRUE(report.completed);
      EXPECT_TRUE(report.findings.empty()) << messages(report);
      for (uint32_t t = 0; t < 64; ++t) ASSERT_EQ(out[4 * t], 4 * (63 - t) + 1);
    }
  }
}

TEST(AsyncCopies, AreSeenByTheirOwnThreadWithoutABarrier) {
  const auto [report, out] = run(kCopy + "cp.async.wait_all;\n" + kLoadOwn + kStore);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  for (uint32_t k = 0; k < 256; ++k) ASSERT_EQ(out[k], k + 1);
}

TEST(AsyncCopies, ThatNobodyWaitsForReadAsPoisonAndAreReported) {
  for (const std::string& wait : {std::string(), kCommit, std::string("cp.async.wait_group 0;\n"),
                                  kCommit + "cp.async.wait_group 1;\n"}) {
    const auto [report, out] = run(kCopy + wait + "bar.sync 0;\n" + kLoadOwn + kStore);
    EXPECT_TRUE(report.completed);
    EXPECT_TRUE(has(report, "async-copy-read-before-wait")) << wait << messages(report);
    EXPECT_EQ(out[0], 0xa5a5a5a5u) << wait;
  }
  const auto [report, out] = run(kCopy + "bar.sync 0;\n" + kLoadOther + kStore, false, false);
  EXPECT_EQ(out[0], 0xa5a5a5a5u);  // also where races are not looked for
}

TEST(AsyncCopies, WithoutABarrierAreRacesForOtherThreads) {
  const auto [report, out] = run(kCopy + "cp.async.wait_all;\n" + kLoadOther + kStore);
  EXPECT_TRUE(has(report, "shared-race") || has(report, "async-copy-read-before-wait")) << messages(report);
}

TEST(AsyncCopies, GroupsCompleteInOrderByThread) {
  // Two groups; after wait_group 1 the first is there and the second is not.
  const std::string two =
      kCopy + kCommit + "cp.async.ca.shared.global [%r1+1024], [%rd2+1024], 16;\n" + kCommit;
  const auto [first, out] =
      run(two + "cp.async.wait_group 1;\n" + kLoadOwn + kStore + "cp.async.wait_all;\n");
  EXPECT_TRUE(first.findings.empty()) << messages(first);
  EXPECT_EQ(out[4], 5u);
  const auto [second, poison] =
      run(two + "cp.async.wait_group 1;\nld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r1+1024];\n" + kStore);
  EXPECT_TRUE(has(second, "async-copy-read-before-wait"));
  EXPECT_EQ(poison[4], 0xa5a5a5a5u);
  // Odd threads commit an empty group more: for them wait_group 1 completes the copy.
  const auto [mixed, values] =
      run(kCopy + kCommit +
          "and.b32 %r8, %r0, 1;\nsetp.ne.u32 %p0, %r8, 0;\n@%p0 cp.async.commit_group;\n"
          "cp.async.wait_group 1;\n" +
          kLoadOwn + kStore);
  EXPECT_TRUE(has(mixed, "async-copy-read-before-wait"));
  for (uint32_t t = 0; t < 64; ++t) ASSERT_EQ(values[4 * t], t % 2 ? 4 * t + 1 : 0xa5a5a5a5u) << t;
}

TEST(AsyncCopies, AWaitCompletesOnlyTheThreadsOwn) {
  const auto [report, out] =
      run(kCopy + kCommit + "setp.lt.u32 %p0, %r0, 32;\n@%p0 cp.async.wait_group 0;\nbar.sync 0;\n" +
          kLoadOwn + kStore);
  EXPECT_TRUE(has(report, "async-copy-read-before-wait"));
  EXPECT_EQ(out[0], 1u);
  EXPECT_EQ(out[4 * 40], 0xa5a5a5a5u);
}

TEST(AsyncCopies, FillWithZeroBehindTheirSource) {
  const auto [report, out] =
      run("and.b32 %r8, %r0, 15;\ncp.async.cg.shared.global [%r1], [%rd2], 16, %r8;\n"
          "cp.async.wait_all;\n" +
          kLoadOwn + kStore);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  for (uint32_t t = 0; t < 64; ++t) {
    for (uint32_t byte = 0; byte < 16; ++byte) {
      const uint32_t whole = 4 * t + byte / 4 + 1;
      const uint32_t expected = byte < (t & 15) ? whole >> 8 * (byte % 4) & 0xff : 0;
      ASSERT_EQ(out[4 * t + byte / 4] >> 8 * (byte % 4) & 0xff, expected) << t << " " << byte;
    }
  }
  // A predicate that holds reads nothing, not even from an address that does not exist.
  const auto [ignored, zeros] =
      run("mov.u64 %rd2, 0;\nsetp.eq.u32 %p1, %r0, %r0;\n"
          "cp.async.ca.shared.global [%r1], [%rd2], 8, %p1;\ncp.async.wait_all;\n"
          "ld.shared.v2.u32 {%r4, %r5}, [%r1];\nst.global.v2.u32 [%rd3], {%r4, %r5};\n");
  EXPECT_TRUE(ignored.completed && ignored.findings.empty()) << messages(ignored);
}

TEST(AsyncCopies, OverwritingTheirSourceOrDestinationUnderWayIsReported) {
  const auto [source, out] = run(kCopy + "mov.u32 %r4, 7;\nst.global.u32 [%rd2], %r4;\ncp.async.wait_all;\n");
  EXPECT_TRUE(has(source, "async-copy-overwritten")) << messages(source);
  const auto [target, out2] = run(kCopy + "mov.u32 %r4, 7;\nst.shared.u32 [%r1], %r4;\ncp.async.wait_all;\n");
  EXPECT_TRUE(has(target, "async-copy-overwritten")) << messages(target);
  const auto [twice, out3] = run(kCopy + kCopy + "cp.async.wait_all;\n");
  EXPECT_TRUE(has(twice, "async-copy-overwritten")) << messages(twice);
}

TEST(AsyncCopies, OverWhatOthersStillReadAreRaces) {
  const std::string first = kCopy + "cp.async.wait_all;\nbar.sync 0;\n" + kLoadOther;
  const std::string again = kCopy + "cp.async.wait_all;\n" + kStore;
  EXPECT_TRUE(has(run(first + again).report, "shared-race"));
  EXPECT_TRUE(run(first + "bar.sync 0;\n" + again).report.findings.empty());
}

TEST(AsyncCopies, LeftUnderWayDoNotDisturbTheNextBlock) {
  TestLaunch t(
      kernel("mov.u32 %r4, 0;\nst.shared.u32 [%r1], %r4;\nld.shared.u32 %r5, [%r1];\nbar.sync 0;\n" + kCopy));
  t.output<uint32_t>("in", 1024);
  t.memory.mark_initialised(t.memory.impl().buffers[0]->base, true);
  t.output<uint32_t>("out", 256);
  const LaunchReport report = t.run({4, 1, 1}, {64, 1, 1});
  EXPECT_TRUE(report.completed && report.findings.empty()) << messages(report);
}

const std::string kInitialise =
    "mov.u32 %r10, tile;\nadd.u32 %r10, %r10, 2048;\nsetp.ne.u32 %p1, %r0, 0;\n@%p1 bra READY;\n"
    "mbarrier.init.shared.b64 [%r10], 64;\nREADY:\nbar.sync 0;\n";
const std::string kWaitForPhase =
    "WAIT:\nmbarrier.try_wait.parity.shared.b64 %p2, [%r10], 0;\n@!%p2 bra WAIT;\n";

TEST(AsyncCopies, ArriveAtAnMbarrierForAllWhoWaitThere) {
  const std::string arrive = "cp.async.mbarrier.arrive.noinc.shared.b64 [%r10];\n";
  for (const bool reverse : {false, true}) {
    const auto [report, out] =
        run(kInitialise + kCopy + arrive + kWaitForPhase + kLoadOther + kStore, reverse);
    ASSERT_TRUE(report.completed) << messages(report);
    EXPECT_TRUE(report.findings.empty()) << messages(report);
    for (uint32_t t = 0; t < 64; ++t) ASSERT_EQ(out[4 * t], 4 * (63 - t) + 1);
  }
}

TEST(AsyncCopies, AreStillUnderWayBeforeThatMbarriersPhaseIsOver) {
  const std::string arrive = "cp.async.mbarrier.arrive.noinc.shared.b64 [%r10];\n";
  EXPECT_TRUE(has(run(kInitialise + kCopy + arrive + "bar.sync 0;\n" + kLoadOther + kStore).report,
                  "async-copy-read-before-wait"));
}

}  // namespace
}  // namespace warpwright::sim
