// cp.async.bulk: what arrives when, and what is reported.
#include "evaluator/sim/bulk_copy.h"

#include <set>

#include "evaluator/sim/bulk_test_support.h"

namespace warpwright::sim {
namespace {

constexpr int kBytes = 1024;
const std::string kLoad =
    "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%r2], [%rd0], 1024, [%r1];\n";
const std::string kLoading = single(expect("1024") + kLoad, "ISSUED");
const std::string kRoundTrip = kLoading + wait() + dump("%rd1", kBytes);
const std::string kStore = "cp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r2], 1024;\n";
const std::string kStoring =
    fill("%rd0", kBytes) + kFence + "bar.sync 0;\n" + single(kStore + kCommit + kWaitGroup, "STORED");

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> in, out;
};
// k(in, out) of 64 threads; out begins with all ones.
Outcome run(const std::string& body, bool reverse = false) {
  TestLaunch t(bulk_kernel({"in", "out"}, body));
  Outcome outcome{{}, numbers(kBytes / 4), {}};
  t.input("in", outcome.in);
  const uint64_t out = t.output<uint32_t>("out", kBytes / 4);
  t.options.reverse_order = reverse;
  t.options.warp_instruction_budget = 2'000'000;
  outcome.report = t.run({1, 1, 1}, {64, 1, 1});
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}
std::set<std::string> rules(const Outcome& outcome) {
  std::set<std::string> found;
  for (const Finding& finding : outcome.report.findings) found.insert(finding.rule);
  return found;
}
using Rules = std::set<std::string>;

TEST(BulkCopies, ArriveWhereTheirMbarrierWasWaitedFor) {
  for (const bool reverse : {false, true}) {
    const Outcome outcome = run(kRoundTrip, reverse);
    ASSERT_TRUE(outcome.report.completed) << messages(outcome.report);
    EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
    EXPECT_EQ(outcome.out, outcome.in);
    EXPECT_EQ(outcome.report.counters.copy_engine_bytes, 1024u);
    EXPECT_GT(outcome.report.counters.critical_mbarrier_cycles, 500);
    EXPECT_EQ(outcome.report.counters.tensor_pipe_cycles, 0);
    EXPECT_EQ(outcome.report.counters.global_sectors_read, 32u);
    EXPECT_EQ(outcome.report.counters.unique_sectors_read, 32u);
    EXPECT_GT(outcome.report.counters.critical_path_cycles, 600);
  }
}

TEST(BulkCopies, WithoutTheWaitAreReadAsPoison) {
  const Outcome outcome = run(kLoading + "bar.sync 0;\n" + dump("%rd1", kBytes));
  EXPECT_TRUE(rules(outcome).contains("async-copy-read-before-wait")) << messages(outcome.report);
  EXPECT_EQ(outcome.out[7], 0xa5a5a5a5u);
}

TEST(BulkCopies, WithAWrongByteCountNeverComplete) {
  for (const char* bytes : {"1008", "1040"}) {
    const Outcome outcome = run(changed(kRoundTrip, "[%r1], 1024", std::string("[%r1], ") + bytes));
    EXPECT_EQ(rules(outcome), Rules{"deadlock"}) << messages(outcome.report);
  }
}

TEST(BulkCopies, IntoGlobalMemoryArriveAtTheWaitForTheirGroup) {
  for (const bool reverse : {false, true}) {
    const Outcome outcome = run(kStoring, reverse);
    ASSERT_TRUE(outcome.report.completed) << messages(outcome.report);
    EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
    EXPECT_EQ(outcome.out, outcome.in);
    EXPECT_EQ(outcome.report.counters.global_sectors_written, 32u);
  }
  // Their sources are free at wait_group.read, their results there only at the launch's end.
  const std::string look = "ld.global.u32 %r9, [%rd1];\nst.shared.u32 [%r2], %r9;\n";
  const Outcome early = run(changed(kStoring, kWaitGroup, "cp.async.bulk.wait_group.read 0;\n" + look));
  EXPECT_TRUE(rules(early).contains("uninitialised-read")) << messages(early.report);
  EXPECT_EQ(early.out, early.in);
  const Outcome late = run(changed(kStoring, kWaitGroup, kWaitGroup + look));
  EXPECT_TRUE(late.report.findings.empty()) << messages(late.report);
}

TEST(BulkCopies, MissingStepsOfAStoreAreReported) {
  EXPECT_EQ(rules(run(without(kStoring, kFence))), Rules{"missing-fence"});
  EXPECT_EQ(rules(run(without(kStoring, "bar.sync 0;\n"))), Rules{"shared-race"});
  EXPECT_EQ(rules(run(without(kStoring, kWaitGroup))), Rules{"async-copy-overwritten"});
  EXPECT_EQ(rules(run(without(kStoring, kCommit))), Rules{"async-copy-overwritten"});
  const std::string reuse = "st.shared.u32 [%r2], 5;\n";
  const Outcome too_soon = run(changed(kStoring, kWaitGroup, reuse + kWaitGroup));
  EXPECT_EQ(rules(too_soon), Rules{"async-copy-overwritten"});
  EXPECT_EQ(too_soon.out[0], 5u);
  const Outcome after_read =
      run(changed(kStoring, kWaitGroup, "cp.async.bulk.wait_group.read 0;\n" + reuse + kWaitGroup));
  EXPECT_TRUE(after_read.report.findings.empty()) << messages(after_read.report);
  EXPECT_EQ(after_read.out, after_read.in);
}

TEST(BulkCopies, OfTheNewestGroupsMayStayUnderWay) {
  const std::string two = changed(kStoring, kStore + kCommit + kWaitGroup,
                                  changed(kStore, "1024;", "512;") + kCommit +
                                      "add.s64 %rd5, %rd1, 512;\nadd.u32 %r5, %r2, 512;\n"
                                      "cp.async.bulk.global.shared::cta.bulk_group [%rd5], [%r5], 512;\n" +
                                      kCommit + "cp.async.bulk.wait_group 1;\nst.shared.u32 [%r2], 9;\n" +
                                      "cp.async.bulk.wait_group.read 0;\nst.shared.u32 [%r5], 9;\n");
  const Outcome outcome = run(two);
  EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
  EXPECT_EQ(outcome.out, outcome.in);
}

TEST(BulkCopies, WriteTheMaskedBytesOnly) {
  const std::string masked =
      changed(kStoring, kStore,
              "mov.u16 %h0, 0x00f3;\n"
              "cp.async.bulk.global.shared::cta.bulk_group.cp_mask [%rd1], [%r2], 1024, %h0;\n");
  const Outcome outcome = run(masked);
  EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
  for (std::size_t k = 0; k < outcome.in.size(); ++k) {
    const uint32_t mask = k % 4 == 0 ? 0xffffu : k % 4 == 1 ? ~0u : 0u;
    ASSERT_EQ(outcome.out[k], outcome.in[k] & mask) << k;
  }
}

TEST(BulkCopies, AreHeldToTheirRules) {
  const std::vector<std::pair<std::string, std::string>> kCases = {
      {changed(kLoad, "1024,", "1032,"), "multiples of 16"},
      {changed(kLoad, "[%rd0]", "[%rd0+8]"), "not a multiple of 16"},
      {changed(kLoad, "[%r2]", "[%r2+8]"), "not a multiple of 16"},
      {changed(kLoad, "[%rd0]", "[%rd0+16]"), "past its end"},
      {changed(kLoad, "[%r2]", "[%r2+32768]"), "not all in the block's own"},
      {changed(kLoad, "[%r1]", "[%r1+4]"), "8 aligned bytes"},
      {changed(kLoad, "[%r1]", "[%r1+8]"), "no mbarrier at"},
      {changed(kStore, "[%rd1]", "[%rd0]"), "which is an input"},
      {changed(kStore, "[%rd1]", "[%rd1+16]"), "past its end"},
      {changed(kStore, "[%r2]", "[%r2+65536]"), "own shared memory"},
  };
  for (const auto& [body, message] : kCases) {
    const LaunchReport report = run(single(body, "ISSUED")).report;
    ASSERT_NE(report.fatal(), nullptr) << body;
    EXPECT_NE(report.fatal()->message.find(message), std::string::npos) << report.fatal()->message;
  }
}

TEST(BulkCopies, OfAWritableSourceSeeItsLastValue) {
  // out is written by the kernel, fenced, copied in, and written again before the wait.
  const std::string body =
      "mul.wide.u32 %rd6, %r0, 4;\nadd.s64 %rd6, %rd1, %rd6;\nst.global.u32 [%rd6], %r0;\n"
      "fence.proxy.async;\nbar.sync 0;\n" +
      single(expect("256") + changed(changed(kLoad, "%rd0", "%rd1"), "1024", "256"), "ISSUED") +
      "OVERWRITE\n" + wait() + dump("%rd1", 256);
  const Outcome good = run(changed(body, "OVERWRITE\n", ""));
  EXPECT_TRUE(good.report.findings.empty()) << messages(good.report);
  EXPECT_EQ(good.out[33], 33u);
  const Outcome bad = run(changed(body, "OVERWRITE\n", "st.global.u32 [%rd6], 77;\n"));
  EXPECT_TRUE(rules(bad).contains("async-copy-overwritten")) << messages(bad.report);
}

}  // namespace
}  // namespace warpwright::sim
