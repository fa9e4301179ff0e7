// Data races: between lanes, warps and blocks; what orders accesses and what does not.
#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

// %r0 = thread, %r5 = shared words, %r6 = address of the thread's word, %rd0 = out, %rd4 = out + 4 * thread,
// %r20 = block.
std::string kernel(const std::string& body) {
  return ".version 9.0\n.target sm_100a\n.address_size 64\n.shared .align 16 .b8 s[1024];\n"
         ".visible .entry k(.param .u64 k_param_0) {\n"
         ".reg .pred %p<10>;\n.reg .b16 %rs<10>;\n.reg .b32 %r<30>;\n.reg .b64 %rd<20>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nmov.u32 %r0, %tid.x;\nmov.u32 %r20, %ctaid.x;\n"
         "mul.wide.u32 %rd2, %r0, 4;\nadd.s64 %rd4, %rd0, %rd2;\nshl.b32 %r9, %r0, 2;\nmov.u32 %r5, s;\n"
         "add.u32 %r6, %r5, %r9;\n" +
         body + "\nret;\n}\n";
}

LaunchReport run(const std::string& body, uint32_t threads = 32, uint32_t blocks = 1) {
  TestLaunch t(kernel(body));
  const uint64_t out = t.output<uint32_t>("out", 1024);
  t.memory.mark_initialised(out, true);
  return t.run({blocks, 1, 1}, {threads, 1, 1});
}
const Finding* find(const LaunchReport& report, Finding::Kind kind) {
  for (const Finding& finding : report.findings) {
    if (finding.kind == kind) return &finding;
  }
  return nullptr;
}
#define EXPECT_CLEAN(report)                                    \
  do {                                                          \
    EXPECT_TRUE((report).completed);                            \
    EXPECT_TRUE((report).findings.empty()) << messages(report); \
  } while (false)

// Every lane writes its word and reads the one of lane ^ distance.
std::string exchange(const std::string& between, int distance = 1) {
  return "st.shared.u32 [%r6], %r0;\n" + between + "xor.b32 %r7, %r0, " + std::to_string(distance) +
         ";\nshl.b32 %r7, %r7, 2;\nadd.u32 %r7, %r5, %r7;\nld.shared.u32 %r8, [%r7];\nst.global.u32 [%rd4], "
         "%r8;\n";
}

TEST(LaneRaces, LanesThatExchangeWordsNeedASyncwarp) {
  EXPECT_CLEAN(run(exchange("bar.warp.sync 0xffffffff;\n")));
  EXPECT_CLEAN(run(exchange("bar.sync 0;\n")));
  const LaunchReport report = run(exchange(""));
  const Finding* race = find(report, Finding::Kind::kSharedRace);
  ASSERT_NE(race, nullptr) << messages(report);
  // Both accesses are named.
  EXPECT_NE(race->message.find("ld.shared.u32"), std::string::npos) << race->message;
  EXPECT_NE(race->message.find("thread (1, 0, 0) (warp 0, lane 1) wrote at"), std::string::npos)
      << race->message;
  EXPECT_NE(race->message.find("st.shared.u32"), std::string::npos) << race->message;
}

TEST(LaneRaces, AShuffleOrdersNothing) {
  const LaunchReport report = run(exchange("shfl.sync.idx.b32 %r8, %r0, 0, 31, 0xffffffff;\n"));
  EXPECT_NE(find(report, Finding::Kind::kSharedRace), nullptr);
}

TEST(LaneRaces, ASyncOfAGroupOrdersItsLanesOnly) {
  // Groups of eight lanes, each with its own member mask.
  const std::string sync =
      "and.b32 %r10, %r0, 24;\nmov.b32 %r11, 255;\nshl.b32 %r11, %r11, %r10;\n"
      "bar.warp.sync %r11;\n";
  EXPECT_CLEAN(run(exchange(sync, 4)));
  EXPECT_NE(find(run(exchange(sync, 8)), Finding::Kind::kSharedRace), nullptr);
}

TEST(LaneRaces, AWordIsNotOverwrittenBeforeItsReadersAreDone) {
  const std::string start =
      "st.shared.u32 [%r6], %r0;\nbar.warp.sync 0xffffffff;\nxor.b32 %r7, %r9, 4;\n"
      "add.u32 %r7, %r5, %r7;\nld.shared.u32 %r8, [%r7];\n";
  const std::string end = "st.shared.u32 [%r6], %r8;\n";
  EXPECT_CLEAN(run(start + "bar.warp.sync 0xffffffff;\n" + end));
  const LaunchReport report = run(start + end);
  const Finding* race = find(report, Finding::Kind::kSharedRace);
  ASSERT_NE(race, nullptr);
  EXPECT_NE(race->message.find("read at"), std::string::npos) << race->message;
}

TEST(LaneRaces, LanesOfOneStoreMayAgreeButNotDiffer) {
  EXPECT_CLEAN(run("st.shared.u32 [%r5], 7;\n"));
  EXPECT_NE(find(run("st.shared.u32 [%r5], %r0;\n"), Finding::Kind::kSharedRace), nullptr);
  EXPECT_CLEAN(run("st.global.u32 [%rd0], 7;\n"));
  EXPECT_NE(find(run("st.global.u32 [%rd0], %r0;\n"), Finding::Kind::kGlobalRace), nullptr);
}

TEST(LaneRaces, AStmatrixIntoOneRowIsJudgedWithoutItsValues) {  // they are in other lanes' registers
  const LaunchReport report = run("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%r5], {%r0, %r0, %r0, %r0};\n");
  EXPECT_TRUE(report.completed) << messages(report);
}

TEST(LaneRaces, HundredsOfSyncsStayInOrder) {
  EXPECT_CLEAN(
      run("st.shared.u32 [%r6], %r0;\nmov.u32 %r10, 0;\nxor.b32 %r7, %r9, 4;\nadd.u32 %r7, %r5, %r7;\n"
          "L:\nbar.warp.sync 0xffffffff;\nld.shared.u32 %r8, [%r7];\nadd.u32 %r10, %r10, 1;\n"
          "setp.lt.u32 %p0, %r10, 1500;\n@%p0 bra L;\n",
          64));
}

TEST(WarpRaces, AWarpsSyncDoesNotOrderAnotherWarp) {
  EXPECT_CLEAN(run(exchange("bar.sync 0;\n", 32), 64));
  EXPECT_NE(find(run(exchange("bar.warp.sync 0xffffffff;\n", 32), 64), Finding::Kind::kSharedRace), nullptr);
}

TEST(WarpRaces, OneOfManyReadersIsEnough) {
  // All warps read a word; warp 0 then overwrites it.
  const std::string start =
      "setp.eq.u32 %p0, %r0, 0;\n@%p0 st.shared.u32 [%r5], 1;\nbar.sync 0;\nld.shared.u32 %r8, "
      "[%r5];\n";
  EXPECT_CLEAN(run(start + "bar.sync 0;\n@%p0 st.shared.u32 [%r5], 2;\n", 128));
  EXPECT_NE(find(run(start + "@%p0 st.shared.u32 [%r5], 2;\n", 128), Finding::Kind::kSharedRace), nullptr);
}

TEST(GlobalRaces, WarpsOfABlockNeedABarrier) {
  const auto exchange_global = [](const std::string& between) {
    return "st.global.u32 [%rd4], %r0;\n" + between +
           "xor.b32 %r7, %r0, 32;\nmul.wide.u32 %rd5, %r7, 4;\nadd.s64 %rd5, %rd0, %rd5;\n"
           "ld.global.u32 %r8, [%rd5];\nst.global.u32 [%rd4+2048], %r8;\n";
  };
  EXPECT_CLEAN(run(exchange_global("bar.sync 0;\n"), 64));
  EXPECT_NE(find(run(exchange_global(""), 64), Finding::Kind::kGlobalRace), nullptr);
}

TEST(GlobalRaces, TwoBlocksMayNotWriteOneWordDifferently) {
  EXPECT_CLEAN(run("st.global.u32 [%rd4], %r0;\n", 32, 3));  // the same values
  const LaunchReport report = run("st.global.u32 [%rd4], %r20;\n", 32, 3);
  const Finding* race = find(report, Finding::Kind::kGlobalRace);
  ASSERT_NE(race, nullptr) << messages(report);
  EXPECT_NE(race->message.find("of block (0, 0, 0) wrote at"), std::string::npos) << race->message;
  EXPECT_EQ(race->rule, "global-race");
}

TEST(GlobalRaces, HalvesOfAWordByTwoBlocksAreNoRace) {
  EXPECT_CLEAN(
      run("shl.b32 %r7, %r20, 1;\ncvt.u64.u32 %rd5, %r7;\nadd.s64 %rd5, %rd4, %rd5;\n"
          "cvt.u16.u32 %rs1, %r20;\nst.global.u16 [%rd5], %rs1;\n",
          32, 2));
}

TEST(GlobalRaces, AReaderInAnotherBlockIsFoundInEitherOrder) {
  // Block 0 reads what block 1 writes.
  const std::string body =
      "setp.eq.u32 %p0, %r20, 0;\nld.global.u32 %r8, [%rd4];\n@%p0 bra DONE;\n"
      "add.u32 %r8, %r8, 1;\nst.global.u32 [%rd4], %r8;\nDONE:\n";
  EXPECT_NE(find(run(body, 32, 2), Finding::Kind::kGlobalRace), nullptr);
  TestLaunch t(kernel(body));
  t.memory.mark_initialised(t.output<uint32_t>("out", 1024), true);
  t.options.reverse_order = true;
  EXPECT_NE(find(t.run({2, 1, 1}, {32, 1, 1}), Finding::Kind::kGlobalRace), nullptr);
}

// Every block writes its part; the last to count itself sums them all.
std::string last_block(const std::string& fence) {
  return "setp.ne.u32 %p0, %r0, 0;\n@%p0 bra DONE;\nmul.wide.u32 %rd5, %r20, 4;\nadd.s64 %rd5, %rd0, %rd5;\n"
         "st.global.u32 [%rd5+64], %r20;\n" +
         fence +
         "atom.global.add.u32 %r10, [%rd0], 1;\nsetp.ne.u32 %p1, %r10, 3;\n@%p1 bra DONE;\n"
         "ld.global.u32 %r11, [%rd0+64];\nld.global.u32 %r12, [%rd0+68];\nadd.u32 %r11, %r11, %r12;\n"
         "st.global.u32 [%rd0+256], %r11;\nDONE:\n";
}
TEST(GlobalRaces, AFenceAndACounterOrderBlocks) {
  EXPECT_CLEAN(run(last_block("membar.gl;\n"), 32, 4));
  EXPECT_CLEAN(run(last_block("fence.acq_rel.gpu;\n"), 32, 4));
  EXPECT_NE(find(run(last_block(""), 32, 4), Finding::Kind::kGlobalRace), nullptr);
}

TEST(GlobalRaces, AtomicsAreOrderedAmongThemselvesButNotWithStores) {
  EXPECT_CLEAN(run("red.global.add.u32 [%rd0], %r0;\n", 64, 4));
  EXPECT_NE(find(run("red.global.add.u32 [%rd0], 1;\nsetp.eq.u32 %p0, %r0, 0;\nmov.u32 %r8, %r20;\n"
                     "@%p0 st.global.u32 [%rd0], %r8;\n",
                     32, 2),
                 Finding::Kind::kGlobalRace),
            nullptr);
}

TEST(GlobalRaces, LaunchesAreOrdered) {
  TestLaunch t(
      kernel("add.u32 %r8, %r20, %r0;\nmul.wide.u32 %rd5, %r8, 4;\nadd.s64 %rd5, %rd0, %rd5;\n"
             "setp.eq.u32 %p0, %r0, 0;\n@%p0 st.global.u32 [%rd5], %r20;\n"));
  t.output<uint32_t>("out", 1024);
  EXPECT_CLEAN(t.run({4, 1, 1}, {32, 1, 1}));
  EXPECT_CLEAN(t.run({5, 1, 1}, {32, 1, 1}));
}

TEST(LocalMemory, ReadingWhatNobodyWroteIsFound) {
  const auto local = [](const std::string& store) {
    return ".local .align 8 .b8 depot[16];\n" + store +
           "ld.local.u32 %r8, [depot+4];\nst.global.u32 [%rd4], %r8;\n";
  };
  EXPECT_CLEAN(run(local("st.local.u32 [depot+4], %r0;\n")));
  EXPECT_NE(find(run(local("st.local.u32 [depot], %r0;\n")), Finding::Kind::kUninitialisedRead), nullptr);
}

}  // namespace
}  // namespace warpwright::sim
