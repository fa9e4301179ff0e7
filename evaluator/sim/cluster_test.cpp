// Clusters: ranks, each other's shared memory, barrier.cluster.
#include "evaluator/sim/cluster.h"

#include "evaluator/sim/cluster_test_support.h"

namespace warpwright::sim {
namespace {

using namespace cluster_test;

const std::string kLoadGeneric =
    kNext +
    "cvt.u64.u32 %rd4, %r3;\ncvta.shared.u64 %rd4, %rd4;\nmapa.u64 %rd5, %rd4, %r5;\nld.u32 %r6, [%rd5];\n";

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
