// The order of accesses between the blocks of a cluster: what is reported in either order of execution, and
// what is not.
#include "evaluator/sim/cluster_order.h"

#include "evaluator/sim/cluster_test_support.h"

namespace warpwright::sim {
namespace {

using namespace cluster_test;

void expect_silent(const std::string& body) {
  for (const bool reverse : {false, true}) {
    const auto [report, out] = run(body, 8, 4, reverse);
    EXPECT_TRUE(report.completed && report.findings.empty()) << messages(report) << body;
  }
}
void expect_finding(Finding::Kind kind, const std::string& text, const std::string& body) {
  for (const bool reverse : {false, true}) {
    const auto [report, out] = run(body, 8, 4, reverse);
    ASSERT_FALSE(report.findings.empty()) << body;
    EXPECT_EQ(report.findings.front().kind, kind) << messages(report);
    EXPECT_NE(report.findings.front().message.find(text), std::string::npos) << messages(report);
  }
}
void expect_race(const std::string& body) {
  expect_finding(Finding::Kind::kSharedRace, "nothing orders the two", body);
}

const std::string kStoreOwn = "st.shared.u32 [%r3], %r6;\n";
const std::string kStoreNext = kNext + "st.shared::cluster.u32 [%r7], %r4;\n";
const std::string kAddNext = kNext + "red.shared::cluster.add.u32 [%r7], 1000;\n";

TEST(ClusterOrder, TouchingABlockThatMayNotHaveBegunIsReported) {
  for (const std::string& access : {kLoad, kStoreNext, kAddNext})
    expect_finding(Finding::Kind::kSharedRace, "before anything says that this block has begun",
                   access + kMeet);
}

// PTX ISA, "barrier.cluster": a relaxed arrival orders no memory accesses, unless a fence comes before it.
TEST(ClusterOrder, ARelaxedArrivalReleasesOnlyWhatWasFenced) {
  expect_race(kMeetRelaxed + kLoad + kMeet);
  expect_race("fence.acq_rel.cta;\n" + kMeetRelaxed + kLoad + kMeet);
  expect_race("fence.mbarrier_init.release.cluster;\n" + kMeetRelaxed + kLoad + kMeet);
  expect_silent("fence.acq_rel.cluster;\n" + kMeetRelaxed + kLoad + kMeet);
  expect_silent("fence.sc.gpu;\n" + kMeetRelaxed + kLoad + kMeet);
  expect_race("fence.acq_rel.cluster;\nst.shared.u32 [%r3], 7;\n" + kMeetRelaxed + kLoad + kMeet);
}

TEST(ClusterOrder, WritesBehindReadsOfOthersNeedABarrier) {
  expect_race(kMeet + kLoad + kStoreOwn + kMeet);
  expect_silent(kMeet + kLoad + kMeet + kStoreOwn + kMeet);
}

TEST(ClusterOrder, ReadsBehindWritesOfOthersNeedABarrier) {
  expect_race(kMeet + kStoreNext + kLoadOwn + kMeet);
  expect_silent(kMeet + kStoreNext + kMeet + kLoadOwn + kMeet);
}

TEST(ClusterOrder, ThirdBlocksAreToldApart) {
  const std::string load_second =
      "add.u32 %r5, %r1, 2;\nrem.u32 %r5, %r5, %r2;\nmapa.shared::cluster.u32 %r7, %r3, %r5;\n"
      "ld.shared::cluster.u32 %r6, [%r7];\n";
  expect_race(kMeet + kStoreNext + load_second + kMeet);
  expect_silent(kMeet + kStoreNext + kMeet + load_second + kMeet);
  // Two that only read.
  expect_silent(kMeet + kLoad + load_second + kMeet);
}

TEST(ClusterOrder, AtomicsRaceWithPlainAccessesOnly) {
  expect_silent(kMeet + kAddNext + "red.shared.add.u32 [%r3], 5;\n" + kMeet + kLoadOwn + kMeet);
  expect_race(kMeet + kAddNext + kLoadOwn + kMeet);
  expect_race(kMeet + kAddNext + "ld.shared::cluster.u32 %r6, [%r7];\n" + kMeet + kAddNext + kStoreOwn +
              kMeet);
}

TEST(ClusterOrder, ABlockMayNotEndBeforeOthersAreDoneWithIt) {
  for (const std::string& access : {kLoad, kStoreNext, kAddNext}) {
    for (const bool reverse : {false, true})
      EXPECT_FALSE(run(kMeet + access, 8, 4, reverse).report.findings.empty()) << access;
    // Also where it comes in time: rank 0's access, before the turn of rank 1.
    const LaunchReport report =
        run(kMeet + "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra DONE;\n" + access + "DONE:\n").report;
    EXPECT_NE(messages(report).find("nothing makes that block wait for it before it ends"), std::string::npos)
        << messages(report);
  }
}

// --- mbarriers. Rank 1 writes to rank 0 and arrives at its mbarrier; rank 0 waits and reads.

const std::string kInit =
    "mov.u32 %r10, barrier;\nor.b32 %r11, %r0, %r1;\nsetp.ne.u32 %p1, %r11, 0;\n@%p1 bra READY;\n"
    "mbarrier.init.shared::cta.b64 [%r10], 32;\n";
const std::string kFenceInit = "fence.mbarrier_init.release.cluster;\n";
std::string signal(const std::string& arrive, const std::string& wait) {
  return "READY:\n" + kMeet +
         "mapa.shared::cluster.u32 %r12, %r10, 0;\nmapa.shared::cluster.u32 %r7, %r3, 0;\n"
         "setp.ne.u32 %p2, %r1, 1;\n@%p2 bra SENT;\nst.shared::cluster.u32 [%r7], 55;\n" +
         arrive + "\nSENT:\nsetp.ne.u32 %p3, %r1, 0;\n@%p3 bra DONE;\nWAIT:\n" + wait + kLoadOwn + kStore +
         "DONE:\n" + kMeet;
}
const std::string kArrive = "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r12];";
const std::string kArriveRelaxed = "mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [%r12];";
const std::string kTry = "mbarrier.try_wait.parity.shared::cta.b64 %p4, [%r10], 0;\n@!%p4 bra WAIT;\n";
const std::string kTryRelaxed =
    "mbarrier.try_wait.parity.relaxed.cluster.shared::cta.b64 %p4, [%r10], 0;\n@!%p4 bra WAIT;\n";

TEST(ClusterOrder, MbarriersReleaseAndAcquire) {
  const std::string begin = kInit + kFenceInit;
  expect_silent(begin + signal(kArrive, kTry));
  expect_race(begin + signal(kArriveRelaxed, kTry));
  expect_silent(begin + signal("fence.release.sync_restrict::shared::cta.cluster;\n" + kArriveRelaxed, kTry));
  expect_race(begin + signal(kArrive, kTryRelaxed));
  expect_silent(begin +
                signal(kArrive, kTryRelaxed + "fence.acquire.sync_restrict::shared::cluster.cluster;\n"));
}

TEST(ClusterOrder, MbarriersOrderGlobalMemoryToo) {
  // Rank 1's thread writes its word of `out`; rank 0 reads it.
  const std::string arrive = "st.global.u32 [%rd1], 3;\n" + kArrive;
  const std::string read = "ld.global.u32 %r6, [%rd1+128];\n";
  expect_silent(kInit + kFenceInit + signal(arrive, kTry + read));
  const std::string relaxed = "st.global.u32 [%rd1], 3;\n" + kArriveRelaxed;
  const LaunchReport report = run(kInit + kFenceInit + signal(relaxed, kTry + read)).report;
  EXPECT_NE(messages(report).find("global-race"), std::string::npos) << messages(report);
}

// --- initialisation: PTX ISA, "fence": .mbarrier_init releases prior mbarrier.inits of the thread, no more.

std::string arrive_behind(const std::string& init, const std::string& meeting) {
  return init + "READY:\n" + meeting +
         "mapa.shared::cluster.u32 %r12, %r10, 0;\nsetp.ne.u32 %p2, %r1, 1;\n@%p2 bra SENT;\n" + kArrive +
         "\nSENT:\nsetp.ne.u32 %p3, %r1, 0;\n@%p3 bra DONE;\nWAIT:\n" + kTry + "DONE:\n" + kMeet;
}

TEST(ClusterOrder, InitsAreReleasedByTheFenceOrByTheArrival) {
  expect_silent(arrive_behind(kInit + kFenceInit, kMeet));
  expect_silent(arrive_behind(kInit, kMeet));
  expect_silent(arrive_behind(kInit + kFenceInit, kMeetRelaxed));
  expect_finding(Finding::Kind::kMissingFence, "nothing makes that visible to other blocks",
                 arrive_behind(kInit, kMeetRelaxed));
}

TEST(ClusterOrder, AnMbarrierOfABlockThatMayNotHaveBegunIsReported) {
  // Whatever the order: in one of them the object is there, in the other it is not.
  for (const bool reverse : {false, true})
    EXPECT_FALSE(run(arrive_behind(kInit + kFenceInit, ""), 8, 4, reverse).report.findings.empty());
}

// --- flags

TEST(ClusterOrder, ReleasesAndAcquiresOfAFlagOrder) {
  const auto body = [](const std::string& store, const std::string& load) {
    return kMeet +
           "mapa.shared::cluster.u32 %r12, %r8, 0;\nmapa.shared::cluster.u32 %r7, %r3, 0;\n"
           "setp.ne.u32 %p2, %r1, 1;\n@%p2 bra SENT;\nst.shared::cluster.u32 [%r7], 55;\n" +
           store + " [%r12], 2;\nSENT:\nsetp.ne.u32 %p3, %r1, 0;\n@%p3 bra DONE;\nWAIT:\n" + load +
           " %r11, [%r8];\nsetp.ne.u32 %p4, %r11, 2;\n@%p4 bra WAIT;\n" + kLoadOwn + "DONE:\n" + kMeet;
  };
  expect_silent(body("st.release.cluster.shared::cluster.u32", "ld.acquire.cluster.shared::cta.u32"));
  expect_race(body("st.relaxed.cluster.shared::cluster.u32", "ld.relaxed.cluster.shared::cta.u32"));
}

// --- the asynchronous proxy

TEST(ClusterOrder, StoresAsyncWaitForTheBlocksOwnReads) {
  const std::string init =
      "mov.u32 %r10, barrier;\nsetp.ne.u32 %p1, %r0, 0;\n@%p1 bra READY;\n"
      "mbarrier.init.shared::cta.b64 [%r10], 1;\nmbarrier.arrive.expect_tx.shared::cta.b64 _, [%r10], 128;\n"
      "READY:\n";
  const std::string send = kNext +
                           "mapa.shared::cluster.u32 %r12, %r10, %r5;\n"
                           "st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r7], %r4, [%r12];\n";
  const std::string take = "WAIT:\n" + kTry + kLoadOwn + kStore;
  expect_silent(init + kMeet + kLoadOwn + kMeet + send + take + kMeet);
  for (const bool reverse : {false, true})
    EXPECT_FALSE(run(init + kMeet + kLoadOwn + send + take + kMeet, 8, 4, reverse).report.findings.empty());
}

}  // namespace
}  // namespace warpwright::sim
