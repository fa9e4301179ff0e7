// Copies between the blocks of a cluster, st.async and red.async; reductions.
#include "evaluator/sim/bulk_copy.h"
#include "evaluator/sim/bulk_test_support.h"

namespace warpwright::sim {
namespace {

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> in, out;
};
// k(in, out) of one cluster; every block has 256 bytes of out, initialised with `first`.
Outcome run(const std::string& body, uint32_t blocks, std::vector<uint32_t> in = numbers(64),
            std::vector<uint32_t> first = {}, bool reverse = false) {
  TestLaunch t(bulk_kernel({"in", "out"}, body));
  Outcome outcome{{}, std::move(in), {}};
  t.input("in", outcome.in);
  const uint64_t out = t.output<uint32_t>("out", 64 * blocks);
  if (!first.empty()) {
    std::memcpy(t.memory.bytes(out).data(), first.data(), 4 * first.size());
    t.memory.mark_initialised(out, true);
  }
  t.launch.cluster = {blocks, 1, 1};
  t.options.reverse_order = reverse;
  t.options.warp_instruction_budget = 1'000'000;
  outcome.report = t.run({blocks, 1, 1}, {64, 1, 1});
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}

// %r10 the next block's data, %r11 its mbarrier, %rd1 the own part of out; %r5 the thread's own word.
const std::string kPlaces =
    "add.u32 %r12, %r3, 1;\nmov.u32 %r13, %cluster_nctarank;\nrem.u32 %r12, %r12, %r13;\n"
    "mapa.shared::cluster.u32 %r10, %r2, %r12;\nmapa.shared::cluster.u32 %r11, %r1, %r12;\n"
    "mul.wide.u32 %rd5, %r3, 256;\nadd.s64 %rd1, %rd1, %rd5;\nshl.b32 %r6, %r0, 2;\nadd.u32 %r5, %r2, %r6;\n";

TEST(BlocksOfACluster, CopyTheirSharedMemoryToEachOther) {
  // Every block sends 256 bytes, plus its rank, to the next one's data + 1024.
  const std::string body =
      kPlaces + "mad.lo.u32 %r7, %r3, 1000, %r0;\nst.shared.u32 [%r5], %r7;\n" + kFence +
      single(expect("256"), "EXPECTED") + kMeet +
      single(
          "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r10+1024], [%r2], 256, "
          "[%r11];\n",
          "SENT") +
      wait() +
      "ld.shared.u32 %r8, [%r5+1024];\ncvt.u64.u32 %rd6, %r6;\nadd.s64 %rd6, %rd1, %rd6;\n"
      "st.global.u32 [%rd6], %r8;\n" +
      kMeet;
  for (const bool reverse : {false, true}) {
    const Outcome outcome = run(body, 4, numbers(64), {}, reverse);
    ASSERT_TRUE(outcome.report.completed) << messages(outcome.report);
    EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
    for (uint32_t k = 0; k < 256; ++k) ASSERT_EQ(outcome.out[k], (k / 64 + 3) % 4 * 1000 + k % 64) << k;
  }
  EXPECT_TRUE(has_finding(run(without(body, kFence), 4).report, "missing-fence"));
  EXPECT_TRUE(has_finding(run(without(body, wait()), 4).report, "async-copy-read-before-wait"));
  EXPECT_TRUE(has_finding(run(changed(body, "[%r11]", "[%r1]"), 4).report, "mbarrier-misuse"));
  const Outcome overwritten =
      run(changed(body, "SENT:\n", "SENT:\nbar.sync 0;\nst.shared.u32 [%r5], 7;\n"), 4);
  EXPECT_TRUE(has_finding(overwritten.report, "async-copy-overwritten")) << messages(overwritten.report);
}

TEST(BlocksOfACluster, ReduceIntoEachOthersSharedMemory) {
  // Blocks 1 to 3 add their words to block 0's, which begin with 5.
  const std::string body =
      kPlaces + "st.shared.u32 [%r5], %r0;\nst.shared.u32 [%r5+1024], 5;\n" + kFence +
      "mov.u32 %r14, 0;\nmapa.shared::cluster.u32 %r10, %r2, %r14;\nmapa.shared::cluster.u32 %r11, %r1, "
      "%r14;\n"
      "setp.ne.u32 %p3, %r3, 0;\n@%p3 bra EXPECTED;\n" +
      single(expect("768"), "EXPECTED") + kMeet + "@!%p3 bra SENT;\n" +
      single(
          "cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.add.u32 "
          "[%r10+1024], "
          "[%r2], 256, [%r11];\n",
          "SENT") +
      "@%p3 bra LAST;\n" + wait() +
      "ld.shared.u32 %r8, [%r5+1024];\ncvt.u64.u32 %rd6, %r6;\nadd.s64 %rd6, %rd1, %rd6;\n"
      "st.global.u32 [%rd6], %r8;\nLAST:\n" +
      kMeet;
  const Outcome outcome = run(body, 4);
  ASSERT_TRUE(outcome.report.completed) << messages(outcome.report);
  EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
  for (uint32_t k = 0; k < 64; ++k) ASSERT_EQ(outcome.out[k], 5 + 3 * k) << k;
}

TEST(BlocksOfACluster, StoreAsynchronously) {
  // Every thread sends its pair of words, then a sum, to the next block.
  const std::string send =
      "shl.b32 %r15, %r0, 3;\nadd.u32 %r15, %r10, %r15;\n"
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.u32 [%r15], {%r7, %r0}, [%r11];\n"
      "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%r10+2048], %r0, "
      "[%r11];\n";
  const std::string body =
      kPlaces + "mad.lo.u32 %r7, %r3, 1000, %r0;\n" +
      single("st.shared.u32 [%r2+2048], 0;\n" + expect("768"), "EXPECTED") + kMeet + send + wait() +
      "add.u32 %r16, %r5, %r6;\nld.shared.v2.u32 {%r8, %r9}, [%r16];\nld.shared.u32 %r17, [%r2+2048];\n"
      "add.u32 %r8, %r8, %r17;\nsub.u32 %r8, %r8, %r9;\ncvt.u64.u32 %rd6, %r6;\nadd.s64 %rd6, %rd1, %rd6;\n"
      "st.global.u32 [%rd6], %r8;\n" +
      kMeet;
  for (const bool reverse : {false, true}) {
    const Outcome outcome = run(body, 2, numbers(64), {}, reverse);
    ASSERT_TRUE(outcome.report.completed) << messages(outcome.report);
    EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
    for (uint32_t k = 0; k < 128; ++k) ASSERT_EQ(outcome.out[k], (1 - k / 64) * 1000 + 63 * 32) << k;
  }
  EXPECT_TRUE(has_finding(run(without(body, wait()), 2).report, "async-copy-read-before-wait"));
  EXPECT_TRUE(has_finding(run(changed(body, "[%r1], 768", "[%r1], 772"), 2).report, "deadlock"));
  // The phase ends without the last four bytes, which are on their way still.
  EXPECT_TRUE(
      has_finding(run(changed(body, "[%r1], 768", "[%r1], 764"), 2).report, "async-copy-read-before-wait"));
  EXPECT_TRUE(has_finding(run(changed(body, "%r0}, [%r11]", "%r0}, [%r1]"), 2).report, "mbarrier-misuse"));
}

uint32_t bits(float value) {
  return __builtin_bit_cast(uint32_t, value);
}
uint32_t bf16_pair(float value) {
  return (bits(value) >> 16) * 0x10001u;
}

TEST(BulkReductions, CombineByOperationAndType) {
  struct Form {
    const char* name;
    uint32_t in, first, expected;
  };
  const std::vector<Form> kForms = {
      {"add.u32", 7, 0xfffffffe, 5},
      {"add.s32", static_cast<uint32_t>(-7), 5, static_cast<uint32_t>(-2)},
      {"min.s32", static_cast<uint32_t>(-7), 5, static_cast<uint32_t>(-7)},
      {"min.u32", static_cast<uint32_t>(-7), 5, 5},
      {"max.u32", static_cast<uint32_t>(-7), 5, static_cast<uint32_t>(-7)},
      {"inc.u32", 5, 5, 0},
      {"dec.u32", 5, 0, 5},
      {"and.b32", 12, 10, 8},
      {"or.b32", 12, 10, 14},
      {"xor.b32", 12, 10, 6},
      {"add.f32", bits(1.5f), bits(2.25f), bits(3.75f)},
      {"add.noftz.bf16", bf16_pair(1.5f), bf16_pair(-4.0f), bf16_pair(-2.5f)},
      {"add.noftz.f16", 0x3c003c00, 0x40004000, 0x42004200},
      {"max.bf16", bf16_pair(1.5f), bf16_pair(-4.0f), bf16_pair(1.5f)},
  };
  for (const Form& form : kForms) {
    const std::string body =
        fill("%rd0", 256) + kFence + "bar.sync 0;\n" +
        single("cp.reduce.async.bulk.global.shared::cta.bulk_group." + std::string(form.name) +
                   " [%rd1], [%r2], 256;\n" + kCommit + kWaitGroup,
               "STORED");
    const Outcome outcome =
        run(body, 1, std::vector<uint32_t>(64, form.in), std::vector<uint32_t>(64, form.first));
    ASSERT_TRUE(outcome.report.completed) << form.name << messages(outcome.report);
    EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
    for (const uint32_t value : outcome.out) ASSERT_EQ(value, form.expected) << form.name;
  }
  const std::string wide =
      fill("%rd0", 256) + kFence + "bar.sync 0;\n" +
      single("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u64 [%rd1], [%r2], 256;\n" + kCommit +
                 kWaitGroup,
             "STORED");
  const Outcome outcome = run(wide, 1, std::vector<uint32_t>(64, ~0u), std::vector<uint32_t>(64, 1));
  for (std::size_t k = 0; k < 64; ++k) ASSERT_EQ(outcome.out[k], k % 2 == 0 ? 0u : 1u) << k;
}

TEST(BulkReductions, ThatDoNotExistAreRefused) {
  for (const char* form : {"and.u32", "add.b32", "inc.s32", "min.f32", "add.s64", "xor.f16"}) {
    const LaunchReport report = run(std::string("cp.reduce.async.bulk.global.shared::cta.bulk_group.") +
                                        form + " [%rd1], [%r2], 256;\n",
                                    1)
                                    .report;
    EXPECT_TRUE(has_finding(report, "unsupported")) << form;
  }
}

// Blocks that add into the same place need no order between them; blocks that write it do.
TEST(BulkReductions, OfSeveralBlocksDoNotRace) {
  const std::string body =
      fill("%rd0", 256) + kFence + "bar.sync 0;\n" +
      single("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%rd1], [%r2], 256;\n" + kCommit +
                 kWaitGroup,
             "STORED");
  const Outcome sums = run(body, 4, numbers(64), std::vector<uint32_t>(256, 0));
  EXPECT_TRUE(sums.report.findings.empty()) << messages(sums.report);
  for (std::size_t k = 0; k < 64; ++k) ASSERT_EQ(sums.out[k], 4 * sums.in[k]) << k;
  const Outcome writes = run(changed(changed(body, "cp.reduce", "cp"), ".add.u32", ""), 4);
  EXPECT_TRUE(has_finding(writes.report, "global-race")) << messages(writes.report);
}

}  // namespace
}  // namespace warpwright::sim
