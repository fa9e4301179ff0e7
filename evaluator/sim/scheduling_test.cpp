// Blocks that wait for each other, deadlocks and endless loops.
#include <numeric>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

// A kernel k(flags, out) in one dimension: %r0 thread, %r1 block, %rd0 flags, %rd1 out; free are %r2..,
// %rd2.., %p0...
std::string kernel(const std::string& body, const std::string& variables = "") {
  return ".version 9.0\n.target sm_90a\n.address_size 64\n" + variables +
         ".visible .entry k(.param .u64 k_param_0, .param .u64 k_param_1) {\n"
         ".reg .pred %p<10>;\n.reg .b32 %r<20>;\n.reg .b64 %rd<10>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nld.param.u64 %rd1, [k_param_1];\n"
         "mov.u32 %r0, %tid.x;\nmov.u32 %r1, %ctaid.x;\n" +
         body + "\n}\n";
}

struct Waiting {
  explicit Waiting(const std::string& text, uint32_t words) : launch(text) {
    flags = launch.output<uint32_t>("flags", words);
    out = launch.output<uint32_t>("out", words);
    launch.memory.mark_initialised(flags, true);
    launch.memory.mark_initialised(out, true);
    launch.options.warp_instruction_budget = 50'000'000;
  }
  TestLaunch launch;
  uint64_t flags, out;
};

// Thread 0 of each block waits until flags[block + distance] is set, adds its number, stores the sum in out
// and sets its own flag; where there is no such block it does not wait.
std::string chain(int distance) {
  return kernel(
      "setp.ne.u32 %p0, %r0, 0;\n@%p0 bra END;\n"
      "mov.u32 %r2, %nctaid.x;\nadd.s32 %r3, %r1, " +
      std::to_string(distance) +
      ";\nmov.u32 %r5, 0;\nmul.wide.u32 %rd2, %r1, 4;\nadd.s64 %rd3, %rd0, %rd2;\nadd.s64 %rd4, %rd1, %rd2;\n"
      "setp.ge.u32 %p1, %r3, %r2;\n@%p1 bra GO;\n"
      "SPIN:\nld.acquire.gpu.global.u32 %r4, [%rd3+" +
      std::to_string(4 * distance) +
      "];\nsetp.eq.u32 %p2, %r4, 0;\n@%p2 bra SPIN;\n"
      "ld.global.u32 %r5, [%rd4+" +
      std::to_string(4 * distance) +
      "];\nGO:\nadd.u32 %r5, %r5, %r1;\nst.global.u32 [%rd4], %r5;\n"
      "mov.u32 %r6, 1;\nst.release.gpu.global.u32 [%rd3], %r6;\nEND:\nbar.sync 0;\nret;\n");
}

TEST(Blocks, WaitForEarlierOnesInBothOrders) {
  constexpr uint32_t kBlocks = 300;
  for (const bool reverse : {false, true}) {
    Waiting w(chain(-1), kBlocks);
    w.launch.options.reverse_order = reverse;
    w.launch.launch.resident_blocks = 4;
    const LaunchReport report = w.launch.run({kBlocks, 1, 1}, {64, 1, 1});
    ASSERT_TRUE(report.completed) << messages(report);
    EXPECT_EQ(report.counters.blocks, kBlocks);
    const auto sums = w.launch.read<uint32_t>(w.out);
    for (uint32_t b = 0; b < kBlocks; ++b) ASSERT_EQ(sums[b], b * (b + 1) / 2);
  }
}

TEST(Blocks, WaitForLaterOnesAsFarAsTheDeviceHoldsThem) {
  constexpr uint32_t kBlocks = 8;
  Waiting enough(chain(1), kBlocks);
  enough.launch.launch.resident_blocks = kBlocks;
  const LaunchReport good = enough.launch.run({kBlocks, 1, 1}, {64, 1, 1});
  ASSERT_TRUE(good.completed) << messages(good);
  EXPECT_EQ(enough.launch.read<uint32_t>(enough.out)[0], 28u);
  Waiting tight(chain(1), kBlocks);
  tight.launch.launch.resident_blocks = kBlocks - 1;
  const LaunchReport bad = tight.launch.run({kBlocks, 1, 1}, {64, 1, 1});
  ASSERT_NE(bad.fatal(), nullptr);
  EXPECT_EQ(bad.fatal()->kind, Finding::Kind::kDeadlock);
  EXPECT_NE(bad.fatal()->message.find("flags + 4, which holds 0x0"), std::string::npos) << messages(bad);
  EXPECT_NE(bad.fatal()->message.find("1 blocks have not started"), std::string::npos) << messages(bad);
  EXPECT_LT(bad.counters.warp_instructions, 20'000u);
}

// All threads of the grid meet; then each reads what the next block wrote.
const std::string kGridBarrier =
    "mov.u32 %r2, %nctaid.x;\nmul.wide.u32 %rd2, %r1, 4;\nadd.s64 %rd3, %rd1, %rd2;\nadd.u32 %r3, %r1, 100;\n"
    "st.global.u32 [%rd3], %r3;\nbar.sync 0;\nsetp.ne.u32 %p0, %r0, 0;\n@%p0 bra MET;\n"
    "atom.add.release.gpu.global.u32 %r4, [%rd0], 1;\nSPIN:\nld.acquire.gpu.global.u32 %r4, [%rd0];\n"
    "setp.lt.u32 %p1, %r4, %r2;\n@%p1 bra SPIN;\nMET:\nbar.sync 0;\n"
    "add.u32 %r5, %r1, 1;\nrem.u32 %r5, %r5, %r2;\nmul.wide.u32 %rd4, %r5, 4;\nadd.s64 %rd4, %rd1, %rd4;\n"
    "ld.volatile.global.u32 %r6, [%rd4];\nadd.s64 %rd5, %rd0, %rd2;\nst.global.u32 [%rd5+4], %r6;\nret;\n";

TEST(Blocks, OfACooperativeLaunchMeetAtAGridBarrier) {
  constexpr uint32_t kBlocks = 132;
  for (const bool reverse : {false, true}) {
    Waiting w(kernel(kGridBarrier), kBlocks + 1);
    w.launch.options.reverse_order = reverse;
    w.launch.launch.cooperative = true;
    w.launch.launch.resident_blocks = kBlocks;
    const LaunchReport report = w.launch.run({kBlocks, 1, 1}, {96, 1, 1});
    ASSERT_TRUE(report.completed) << messages(report);
    const auto seen = w.launch.read<uint32_t>(w.flags);
    for (uint32_t b = 0; b < kBlocks; ++b) ASSERT_EQ(seen[b + 1], (b + 1) % kBlocks + 100);
  }
}

TEST(Blocks, OfACooperativeLaunchMustFitOnTheDevice) {
  Waiting w(kernel(kGridBarrier), 64);
  w.launch.launch.cooperative = true;
  w.launch.launch.resident_blocks = 10;
  const LaunchReport report = w.launch.run({11, 1, 1}, {96, 1, 1});
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kBadLaunch);
  EXPECT_NE(report.fatal()->message.find("11 blocks"), std::string::npos);
  w.launch.launch.resident_blocks = 0;  // 148 SMs of 2 blocks of 1024 threads
  EXPECT_EQ(w.launch.run({297, 1, 1}, {1024, 1, 1}).fatal()->kind, Finding::Kind::kBadLaunch);
}

TEST(Blocks, OneThatLeavesBeforeTheGridBarrierIsADeadlock) {
  Waiting w(kernel("setp.eq.u32 %p5, %r1, 3;\n@%p5 exit;\n" + kGridBarrier), 64);
  w.launch.launch.cooperative = true;
  const LaunchReport report = w.launch.run({8, 1, 1}, {96, 1, 1});
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock);
  const std::string& message = report.fatal()->message;
  EXPECT_NE(message.find("flags + 0, which holds 0x7"), std::string::npos) << message;
  EXPECT_NE(message.find("ld.acquire.gpu.global.u32"), std::string::npos) << message;
  EXPECT_NE(message.find("waits at barrier 0, where 2 of 3 warps have arrived; missing: warp 0"),
            std::string::npos)
      << message;
  EXPECT_LT(report.counters.warp_instructions, 20'000u);
}

// Runs one block of 64 threads until it ends; the finding that ended it.
LaunchReport run_one(const std::string& body, uint64_t budget = 100'000'000) {
  Waiting w(kernel(body, ".shared .align 4 .b8 cell[128];\n"), 64);
  w.launch.options.warp_instruction_budget = budget;
  return w.launch.run({1, 1, 1}, {64, 1, 1});
}

TEST(Livelock, PollingWhatNobodyWritesEndsSoon) {
  for (const std::string& space : {std::string("global"), std::string("shared")}) {
    const std::string address = space == "global" ? "[%rd0+12]" : "[cell+12]";
    const std::string zero = space == "shared" ? "mov.u32 %r5, 0;\nst.shared.u32 [cell+12], %r5;\n" : "";
    const LaunchReport report = run_one(zero + "SPIN:\nld.volatile." + space + ".u32 %r2, " + address +
                                        ";\nsetp.eq.u32 %p0, %r2, 0;\n@%p0 bra SPIN;\nret;\n");
    ASSERT_NE(report.fatal(), nullptr);
    EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock) << messages(report);
    EXPECT_NE(report.fatal()->message.find(space == "global" ? "flags + 12" : "shared memory + 12"),
              std::string::npos)
        << messages(report);
    EXPECT_LT(report.counters.warp_instructions, 5'000u);
  }
}

TEST(Livelock, ALockThatIsNeverReleasedEndsSoon) {
  const LaunchReport report = run_one(
      "SPIN:\natom.global.cas.b32 %r2, [%rd0], 0, 1;\nsetp.ne.u32 %p0, %r2, 0;\n@%p0 bra SPIN;\nret;\n");
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock) << messages(report);
  EXPECT_NE(report.fatal()->message.find("flags + 0, which holds 0x1"), std::string::npos)
      << messages(report);
  EXPECT_LT(report.counters.warp_instructions, 5'000u);
}

TEST(Livelock, BackingOffBetweenPollsIsStillALivelock) {
  const LaunchReport growing = run_one(
      "mov.u32 %r3, 8;\nSPIN:\nnanosleep.u32 %r3;\nshl.b32 %r3, %r3, 1;\nmin.u32 %r3, %r3, 256;\n"
      "ld.volatile.global.u32 %r2, [%rd0];\nsetp.eq.u32 %p0, %r2, 0;\n@%p0 bra SPIN;\nret;\n");
  ASSERT_NE(growing.fatal(), nullptr);
  EXPECT_EQ(growing.fatal()->kind, Finding::Kind::kDeadlock) << messages(growing);
  EXPECT_LT(growing.counters.warp_instructions, 20'000u);
  const LaunchReport counting = run_one(
      "mov.u32 %r3, 0;\nSPIN:\nadd.u32 %r3, %r3, 1;\nld.volatile.global.u32 %r2, [%rd0];\n"
      "setp.eq.u32 %p0, %r2, 0;\n@%p0 bra SPIN;\nadd.u32 %r2, %r2, %r3;\nst.global.u32 [%rd1], %r2;\nret;\n");
  ASSERT_NE(counting.fatal(), nullptr);
  EXPECT_EQ(counting.fatal()->kind, Finding::Kind::kDeadlock) << messages(counting);
  EXPECT_LT(counting.counters.warp_instructions, 20'000'000u);
}

TEST(Livelock, APollThatGivesUpIsNotOne) {
  const LaunchReport report = run_one(
      "mov.u32 %r3, 0;\nSPIN:\nadd.u32 %r3, %r3, 1;\nld.volatile.global.u32 %r2, [%rd0];\n"
      "setp.eq.u32 %p0, %r2, 0;\nsetp.lt.u32 %p1, %r3, 100000;\nand.pred %p0, %p0, %p1;\n@%p0 bra "
      "SPIN;\nret;\n");
  EXPECT_TRUE(report.completed) << messages(report);
}

TEST(Livelock, AnEndlessLoopWithoutEffectEndsBeforeTheBudget) {
  const LaunchReport report = run_one("mov.u32 %r2, 1;\nLOOP:\nxor.b32 %r2, %r2, 3;\nbra LOOP;\n");
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock);
  EXPECT_NE(report.fatal()->message.find("a loop that does not end"), std::string::npos) << messages(report);
  EXPECT_LT(report.counters.warp_instructions, 200'000u);
}

TEST(Livelock, LongLoopsThatEndAreLeftAlone) {
  // Only registers change for a long time, and then only what is loaded.
  const LaunchReport report = run_one(
      "mov.u32 %r2, 0;\nmov.u32 %r3, 0;\nLOOP:\nld.global.u32 %r4, [%rd0+16];\nadd.u32 %r3, %r3, %r4;\n"
      "add.u32 %r2, %r2, 1;\nsetp.lt.u32 %p0, %r2, 200000;\n@%p0 bra LOOP;\nst.global.u32 [%rd1], "
      "%r3;\nret;\n");
  EXPECT_TRUE(report.completed) << messages(report);
}

TEST(Livelock, AWarpThatWaitsForAnotherOfItsBlockIsServed) {
  // Warp 1 takes thousands of steps before it sets the flag that warp 0 polls.
  for (const bool reverse : {false, true}) {
    Waiting w(
        kernel("setp.lt.u32 %p0, %r0, 32;\n@%p0 bra SPIN;\nmov.u32 %r2, 0;\nWORK:\nadd.u32 %r2, %r2, 1;\n"
               "setp.lt.u32 %p1, %r2, 50000;\n@%p1 bra WORK;\nmov.u32 %r3, 1;\n"
               "st.release.gpu.global.u32 [%rd0], %r3;\nret;\n"
               "SPIN:\nld.acquire.gpu.global.u32 %r4, [%rd0];\nsetp.eq.u32 %p2, %r4, 0;\n@%p2 bra SPIN;\n"
               "st.global.u32 [%rd1], %r4;\nret;\n"),
        64);
    w.launch.options.reverse_order = reverse;
    const LaunchReport report = w.launch.run({1, 1, 1}, {64, 1, 1});
    ASSERT_TRUE(report.completed) << messages(report);
    EXPECT_EQ(w.launch.read<uint32_t>(w.out)[0], 1u);
    EXPECT_LT(report.counters.warp_instructions, 200'000u);
  }
}

TEST(Livelock, LanesThatWaitForLanesOfTheirWarpThatSpinAreNamed) {
  const LaunchReport report = run_one(
      "setp.lt.u32 %p0, %r0, 8;\n@%p0 bra MEET;\nSPIN:\nld.volatile.global.u32 %r2, [%rd0];\n"
      "setp.eq.u32 %p1, %r2, 0;\n@%p1 bra SPIN;\nMEET:\nbar.warp.sync -1;\nmov.u32 %r3, 1;\n"
      "st.global.u32 [%rd0], %r3;\nret;\n");
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock) << messages(report);
  EXPECT_NE(report.fatal()->message.find("waits for lanes 0xffffff00 of its warp"), std::string::npos)
      << messages(report);
}

TEST(Deadlock, NamesTheBarrierAndWhoIsMissing) {
  const LaunchReport report = run_one(
      "setp.lt.u32 %p0, %r0, 32;\n@%p0 bra B;\nbar.sync 3, 64;\nret;\nB:\n"
      "bar.sync 4, 64;\nret;\n");
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock);
  const std::string& message = report.fatal()->message;
  EXPECT_NE(message.find("waits at barrier 3, where 32 of 64 threads have arrived"), std::string::npos)
      << message;
  EXPECT_NE(message.find("waits at barrier 4, where 32 of 64 threads have arrived"), std::string::npos)
      << message;
}

TEST(Grids, TooLargeToBeStartedEndAtOnce) {
  Waiting w(kernel("ret;\n"), 64);
  w.launch.options.warp_instruction_budget = 2'000'000'000;
  const LaunchReport report = w.launch.run({0x7fffffff, 65535, 65535}, {1024, 1, 1});
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kBudget);
  EXPECT_NE(report.fatal()->message.find("blocks"), std::string::npos) << messages(report);
}

}  // namespace
}  // namespace warpwright::sim
