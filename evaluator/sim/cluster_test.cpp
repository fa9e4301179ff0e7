// Clusters: ranks, each other's shared memory, barrier.cluster.
#include "evaluator/sim/cluster.h"

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

// A kernel k(out) of blocks of 32 threads: %r0 thread, %r1 rank, %r2 blocks in the cluster, %r3 the thread's
// word of shared memory, %rd1 its word of out.
std::string kernel(const std::string& body) {
  return ".version 9.0\n.target sm_90a\n.address_size 64\n.shared .align 16 .b8 pad[64];\n"
         ".shared .align 16 .b8 data[128];\n.visible .entry k(.param .u64 k_param_0) {\n"
         ".reg .pred %p<10>;\n.reg .b32 %r<20>;\n.reg .b64 %rd<10>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nmov.u32 %r0, %tid.x;\nmov.u32 %r1, %cluster_ctarank;\n"
         "mov.u32 %r2, %cluster_nctarank;\nmov.u32 %r9, %ctaid.x;\nmad.lo.u32 %r9, %r9, 32, %r0;\n"
         "mul.wide.u32 %rd2, %r9, 4;\nadd.s64 %rd1, %rd0, %rd2;\nmov.u32 %r3, data;\nmov.u32 %r8, pad;\n"
         "st.shared.u32 [%r8], 1;\nshl.b32 %r9, %r0, 2;\nadd.u32 %r3, %r3, %r9;\n"
         "mad.lo.u32 %r4, %r1, 100, %r0;\nst.shared.u32 [%r3], %r4;\n" +
         body + "\nret;\n}\n";
}
const std::string kMeet = "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
// The word of the next rank, into %r6.
const std::string kNext =
    "add.u32 %r5, %r1, 1;\nrem.u32 %r5, %r5, %r2;\nmapa.shared::cluster.u32 %r7, %r3, %r5;\n";
const std::string kLoad = kNext + "ld.shared::cluster.u32 %r6, [%r7];\n";
const std::string kLoadGeneric =
    kNext +
    "cvt.u64.u32 %rd4, %r3;\ncvta.shared.u64 %rd4, %rd4;\nmapa.u64 %rd5, %rd4, %r5;\nld.u32 %r6, [%rd5];\n";
const std::string kStore = "st.global.u32 [%rd1], %r6;\n";

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> out;
};
Outcome run(const std::string& body, uint32_t blocks = 8, uint32_t cluster = 4, bool reverse = false) {
  TestLaunch t(kernel(body));
  const uint64_t out = t.output<uint32_t>("out", 32 * blocks);
  t.options.reverse_order = reverse;
  t.launch.cluster = {cluster, 1, 1};
  Outcome outcome{t.run({blocks, 1, 1}, {32, 1, 1}), {}};
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}

TEST(Clusters, ReadEachOthersSharedMemoryBetweenBarriers) {
  for (const std::string& load : {kLoad, kLoadGeneric}) {
    for (const bool reverse : {false, true}) {
      const auto [report, out] = run(kMeet + load + kStore + kMeet, 8, 4, reverse);
      ASSERT_TRUE(report.completed) << messages(report);
      EXPECT_TRUE(report.findings.empty()) << messages(report);
      for (uint32_t b = 0; b < 8; ++b) ASSERT_EQ(out[32 * b + 5], (b % 4 + 1) % 4 * 100 + 5) << b;
    }
  }
}

TEST(Clusters, AddIntoEachOthersSharedMemory) {
  const std::string add = kNext + "atom.shared::cluster.add.u32 %r6, [%r7], 1000;\n";
  const auto [report, out] = run(kMeet + add + kMeet + "ld.shared.u32 %r6, [%r3];\n" + kStore);
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  for (uint32_t b = 0; b < 8; ++b) ASSERT_EQ(out[32 * b + 5], b % 4 * 100 + 5 + 1000) << b;
}

TEST(Clusters, TellRanksAndSizes) {
  const auto [report, out] =
      run("mov.u32 %r4, %clusterid.x;\nmad.lo.u32 %r6, %r2, 1000, %r4;\nmov.u32 %r4, %cluster_ctaid.x;\n"
          "mad.lo.u32 %r6, %r4, 10, %r6;\nmov.u32 %r4, %nclusterid.x;\nmad.lo.u32 %r6, %r4, 100, %r6;\n" +
          kStore);
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_EQ(out[32 * 6], 4000u + 1 + 20 + 200);
  const auto ranks = run(kNext + "getctarank.shared::cluster.u32 %r6, %r7;\n" + kStore);
  EXPECT_EQ(ranks.out[32 * 6], 3u);
}

// Without the barrier a block reads what its neighbour has not written, or ends before it is read.
TEST(Clusters, FindBlocksThatDoNotMeet) {
  for (const bool reverse : {false, true}) {
    EXPECT_FALSE(run(kLoad + kStore + kMeet, 8, 4, reverse).report.findings.empty());
    EXPECT_FALSE(run(kMeet + kLoad + kStore, 8, 4, !reverse).report.completed &&
                 run(kMeet + kLoad + kStore, 8, 4, reverse).report.completed);
  }
}

TEST(Clusters, RefuseWhatIsNoBlockOfTheirs) {
  const auto [report, out] =
      run("mapa.shared::cluster.u32 %r7, %r3, 4;\nld.shared::cluster.u32 %r6, [%r7];\n");
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_NE(report.fatal()->message.find("rank 4; the cluster has 4 blocks"), std::string::npos)
      << report.fatal()->message;
}

TEST(Clusters, ThatDoNotFitTheGridAreRefused) {
  EXPECT_NE(messages(run("", 6, 4).report).find("no multiple of the cluster's"), std::string::npos);
  EXPECT_NE(messages(run("", 32, 32).report).find("at most 16"), std::string::npos);
}

TEST(Clusters, ReportWhoNeverComesToTheirBarrier) {
  const auto [report, out] =
      run("setp.eq.u32 %p1, %r1, 2;\n@%p1 bra END;\n" + kMeet + "END:\nbar.sync 1, 64;\n");
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock) << report.fatal()->message;
}

TEST(Clusters, SignalEachOthersMbarriers) {
  // Rank 0 waits for one arrival of every block.
  const std::string body =
      "mov.u32 %r10, pad;\nadd.u32 %r10, %r10, 8;\nor.b32 %r11, %r0, %r1;\nsetp.ne.u32 %p1, %r11, 0;\n@%p1 "
      "bra READY;\n"
      "mbarrier.init.shared::cta.b64 [%r10], 4;\nfence.mbarrier_init.release.cluster;\nREADY:\n" +
      kMeet +
      "mapa.shared::cluster.u32 %r12, %r10, 0;\nsetp.ne.u32 %p2, %r0, 0;\n@%p2 bra SENT;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r12];\nSENT:\nsetp.ne.u32 %p3, %r1, 0;\n@%p3 "
      "bra DONE;\n"
      "WAIT:\nmbarrier.try_wait.parity.shared::cta.b64 %p4, [%r10], 0;\n@!%p4 bra WAIT;\nmov.u32 %r6, 9;\n" +
      kStore + "DONE:\n" + kMeet;
  for (const bool reverse : {false, true}) {
    const auto [report, out] = run(body, 8, 4, reverse);
    ASSERT_TRUE(report.completed) << messages(report);
    EXPECT_TRUE(report.findings.empty()) << messages(report);
    EXPECT_EQ(out[0], 9u);
    EXPECT_EQ(out[128], 9u);
    EXPECT_EQ(out[32], 0u);
  }
}

}  // namespace
}  // namespace warpwright::sim
