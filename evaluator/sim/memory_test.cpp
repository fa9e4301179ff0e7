// Memory accesses: bounds, marks, spaces, races.
#include <array>
#include <span>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

std::string kernel(const std::string& body, const std::string& variables = "") {
  return ".version 9.0\n.target sm_100a\n.address_size 64\n" + variables +
         ".visible .entry k(.param .u64 k_param_0, .param .u64 k_param_1) {\n"
         ".reg .pred %p<10>;\n.reg .b16 %rs<10>;\n.reg .b32 %r<20>;\n.reg .f32 %f<10>;\n.reg .b64 %rd<20>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nld.param.u64 %rd1, [k_param_1];\nmov.u32 %r0, %tid.x;\n"
         "mul.wide.u32 %rd2, %r0, 4;\nadd.s64 %rd3, %rd0, %rd2;\nadd.s64 %rd4, %rd1, %rd2;\nshl.b32 %r9, "
         "%r0, 2;\n" +
         body + "\nret;\n}\n";
}

struct Case {
  LaunchReport report;
  std::vector<uint32_t> out;
};
// in: 32 words 100, 101, ...; out: `threads` words.
Case run(const std::string& text, uint32_t threads = 32) {
  TestLaunch t(text);
  std::vector<uint32_t> in(32);
  for (uint32_t i = 0; i < 32; ++i) in[i] = 100 + i;
  t.input("in", in);
  const uint64_t out = t.output<uint32_t>("out", threads);
  Case result{t.run({1, 1, 1}, {threads, 1, 1}), {}};
  result.out = t.read<uint32_t>(out);
  return result;
}
const Finding* find(const LaunchReport& report, Finding::Kind kind) {
  for (const Finding& finding : report.findings) {
    if (finding.kind == kind) return &finding;
  }
  return nullptr;
}

TEST(GlobalMemory, MappedBuffersAreTheCallersStorageAndMayTouch) {
  TestLaunch t(kernel("ld.global.u32 %r1, [%rd3];\nadd.u32 %r1, %r1, 1;\nst.global.u32 [%rd4], %r1;\n"));
  alignas(256) std::array<uint32_t, 64> first = {}, second = {};
  for (uint32_t i = 0; i < 64; ++i) first[i] = 100 + i;
  const uint64_t base = uint64_t{1} << 44;
  t.memory.map("second", base + 256, std::as_writable_bytes(std::span(second)), Access::kReadWrite);
  t.memory.map("first", base, std::as_writable_bytes(std::span(first)), Access::kReadWrite);
  t.argument(base + 128);
  t.argument(base + 192);  // 16 words in the first, 16 in the second
  const LaunchReport report = t.run({1, 1, 1}, {32, 1, 1});
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  EXPECT_EQ(first[48], 133u);
  EXPECT_EQ(second[15], 164u);
  EXPECT_EQ(second[16], 0u);
  t.memory.free(base + 256);
  const LaunchReport after = t.run({1, 1, 1}, {32, 1, 1});
  EXPECT_NE(find(after, Finding::Kind::kOutOfBoundsWrite), nullptr);
}

TEST(GlobalMemory, ReadsPastTheEndAreFoundWithBufferAndThread) {
  const auto [report, out] = run(kernel("ld.global.u32 %r1, [%rd3+4];\nst.global.u32 [%rd4], %r1;\n"));
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kOutOfBoundsRead);
  EXPECT_NE(report.fatal()->message.find("in + 128, 0 bytes past its end"), std::string::npos)
      << messages(report);
  EXPECT_NE(report.fatal()->message.find("thread (31, 0, 0)"), std::string::npos) << messages(report);
}

TEST(GlobalMemory, WritesBeforeTheStartAreFound) {
  const auto [report, out] = run(kernel("st.global.u32 [%rd4+-8], %r0;\n"));
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kOutOfBoundsWrite);
  EXPECT_NE(report.fatal()->message.find("out - 8"), std::string::npos) << messages(report);
}

TEST(GlobalMemory, InputsCannotBeWrittenAndAddressesMustBeAligned) {
  const auto [written, unused] = run(kernel("st.global.u32 [%rd3], %r0;\n"));
  ASSERT_NE(written.fatal(), nullptr);
  EXPECT_EQ(written.fatal()->kind, Finding::Kind::kWriteToReadOnly);
  const auto [misaligned, unused2] =
      run(kernel("add.s64 %rd5, %rd0, 4;\nld.global.v2.u32 {%r1, %r2}, [%rd5];\n"));
  ASSERT_NE(misaligned.fatal(), nullptr);
  EXPECT_EQ(misaligned.fatal()->kind, Finding::Kind::kMisaligned);
}

TEST(GlobalMemory, ReadingWhatNobodyWroteIsReportedAndGoesOn) {
  const auto [report, out] =
      run(kernel("ld.global.u32 %r1, [%rd4];\nst.global.u32 [%rd4], %r0;\nld.global.u32 %r2, [%rd4];\n"));
  EXPECT_TRUE(report.completed);
  ASSERT_EQ(report.findings.size(), 1u) << messages(report);
  EXPECT_EQ(report.findings[0].kind, Finding::Kind::kUninitialisedRead);
  EXPECT_EQ(out[31], 31u);
}

TEST(GlobalMemory, SectorsAndFootprintAreCounted) {
  const auto [report, out] =
      run(kernel("ld.global.u32 %r1, [%rd3];\nld.global.u32 %r2, [%rd0];\nxor.b32 %r3, %r0, 8;\n"
                 "mul.wide.u32 %rd5, %r3, 4;\nadd.s64 %rd6, %rd1, %rd5;\nst.global.u32 [%rd6], %r1;\n"));
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_EQ(report.counters.global_loads, 2u);
  EXPECT_EQ(report.counters.global_sectors_read, 5u);
  EXPECT_EQ(report.counters.unique_sectors_read, 4u);
  EXPECT_EQ(report.counters.global_sectors_written, 4u);
  EXPECT_EQ(out[8], 100u);
}

TEST(SharedMemory, BankConflictsAreCounted) {
  // A stride of 2 words needs 2 wavefronts, one of 33 words none extra, a broadcast one.
  const auto [report, out] = run(kernel(
      "mov.u32 %r5, s;\nmad.lo.u32 %r6, %r0, 8, %r5;\nst.shared.u32 [%r6], %r0;\n"
      "mad.lo.u32 %r7, %r0, 132, %r5;\nst.shared.u32 [%r7], %r0;\nbar.sync 0;\nld.shared.u32 %r8, [%r5];\n",
      ".shared .align 16 .b8 s[8192];\n"));
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_EQ(report.counters.shared_accesses, 3u);
  EXPECT_EQ(report.counters.shared_wavefronts, 2u + 1u + 1u);
}

TEST(SharedMemory, OutOfBoundsIsFound) {
  const auto [report, out] =
      run(kernel("mov.u32 %r5, s;\nadd.u32 %r6, %r5, %r9;\nst.shared.u32 [%r6+4], %r0;\n",
                 ".shared .align 16 .b8 s[128];\n"));
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kOutOfBoundsWrite);
  EXPECT_NE(report.fatal()->message.find("shared memory + 128"), std::string::npos) << messages(report);
}

// Two warps: each thread writes its word and reads the one of the thread in the other warp.
std::string exchange(const std::string& barrier) {
  return kernel("mov.u32 %r5, s;\nadd.u32 %r6, %r5, %r9;\nst.shared.u32 [%r6], %r0;\n" + barrier +
                    "xor.b32 %r7, %r0, 32;\nshl.b32 %r7, %r7, 2;\nadd.u32 %r7, %r5, %r7;\nld.shared.u32 %r8, "
                    "[%r7];\nst.global.u32 [%rd4], %r8;\n",
                ".shared .align 16 .b8 s[256];\n");
}
TEST(Races, AMissingBarrierIsFoundAndAPresentOneIsNot) {
  const auto [right, out] = run(exchange("bar.sync 0;\n"), 64);
  ASSERT_TRUE(right.completed);
  EXPECT_TRUE(right.findings.empty()) << messages(right);
  for (uint32_t t = 0; t < 64; ++t) EXPECT_EQ(out[t], t ^ 32);
  const auto [wrong, unused] = run(exchange(""), 64);
  EXPECT_TRUE(wrong.completed);
  ASSERT_NE(find(wrong, Finding::Kind::kSharedRace), nullptr) << messages(wrong);
}

TEST(Races, ABufferReusedWithoutABarrierIsFound) {
  // Loop: write own word, barrier, read the other warp's word. The next iteration's write races with this
  // read.
  const std::string loop =
      "mov.u32 %r5, s;\nadd.u32 %r6, %r5, %r9;\nxor.b32 %r7, %r0, 32;\nshl.b32 %r7, %r7, 2;\nadd.u32 %r7, "
      "%r5, %r7;\nmov.u32 %r10, 0;\n"
      "L:\nst.shared.u32 [%r6], %r0;\nbar.sync 0;\nld.shared.u32 %r8, [%r7];\n{second}add.u32 %r10, %r10, "
      "1;\nsetp.lt.u32 %p0, %r10, 3;\n@%p0 bra L;\n";
  const auto with = [&](const std::string& second) {
    std::string text = loop;
    return kernel(text.replace(text.find("{second}"), 8, second), ".shared .align 16 .b8 s[256];\n");
  };
  EXPECT_TRUE(run(with("bar.sync 0;\n"), 64).report.findings.empty());
  EXPECT_NE(find(run(with(""), 64).report, Finding::Kind::kSharedRace), nullptr);
}

TEST(Races, HalvesOfOneWordByTwoWarpsAreNoRace) {
  const auto [report, out] = run(
      kernel("mov.u32 %r5, s;\nshr.u32 %r6, %r0, 5;\nand.b32 %r7, %r0, 31;\nshl.b32 %r6, %r6, 1;\nshl.b32 "
             "%r7, %r7, 2;\n"
             "add.u32 %r6, %r6, %r7;\nadd.u32 %r6, %r6, %r5;\ncvt.u16.u32 %rs1, %r0;\nst.shared.u16 [%r6], "
             "%rs1;\n"
             "bar.sync 0;\nadd.u32 %r7, %r7, %r5;\nld.shared.u32 %r8, [%r7];\nst.global.u32 [%rd4], %r8;\n",
             ".shared .align 16 .b8 s[128];\n"),
      64);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  EXPECT_EQ(out[5], 5u | 37u << 16);
}

TEST(Races, AtomicsAreOrderedAmongThemselves) {
  const std::string body =
      "mov.u32 %r5, s;\nsetp.eq.u32 %p0, %r0, 0;\n@%p0 st.shared.u32 [%r5], 0;\nbar.sync "
      "0;\nred.shared.add.u32 [%r5], %r0;\n";
  const std::string read = "ld.shared.u32 %r8, [%r5];\nst.global.u32 [%rd4], %r8;\n";
  const auto [right, out] = run(kernel(body + "bar.sync 0;\n" + read, ".shared .align 16 .b8 s[16];\n"), 96);
  EXPECT_TRUE(right.findings.empty()) << messages(right);
  EXPECT_EQ(out[95], 95u * 96 / 2);
  EXPECT_NE(
      find(run(kernel(body + read, ".shared .align 16 .b8 s[16];\n"), 96).report, Finding::Kind::kSharedRace),
      nullptr);
}

TEST(Spaces, GenericAddressesReachEverySpace) {
  const auto [report, out] = run(
      kernel(".local .align 4 .b8 depot[16];\nmov.u64 %rd5, s;\ncvta.shared.u64 %rd6, %rd5;\nmul.wide.u32 "
             "%rd7, %r0, 4;\nadd.s64 %rd8, %rd6, %rd7;\n"
             "st.u32 [%rd8], %r0;\nld.u32 %r1, [%rd8];\nmov.u64 %rd9, depot;\ncvta.local.u64 %rd10, %rd9;\n"
             "st.u32 [%rd10], %r1;\nld.local.u32 %r2, [depot];\nld.u32 %r3, [%rd3];\nadd.u32 %r4, %r2, %r3;\n"
             "isspacep.shared %p0, %rd8;\nisspacep.global %p1, %rd8;\n@%p0 add.u32 %r4, %r4, 1000;\n@%p1 "
             "add.u32 %r4, %r4, 5000;\n"
             "st.u32 [%rd4], %r4;\n",
             ".shared .align 16 .b8 s[128];\n"));
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 32; ++t) EXPECT_EQ(out[t], t + 100 + t + 1000);
}

TEST(Spaces, ConstantAndGlobalVariablesHoldTheirInitialisers) {
  const auto [report, out] = run(kernel(
      "mov.u64 %rd5, table;\nadd.s64 %rd6, %rd5, 4;\nld.const.u32 %r1, [%rd6];\nld.const.u32 %r2, "
      "[table+8];\n"
      "ld.global.u32 %r3, [words+4];\nadd.u32 %r4, %r1, %r2;\nadd.u32 %r4, %r4, %r3;\nst.global.u32 [%rd4], "
      "%r4;\n",
      ".const .align 4 .u32 table[3] = {1, 20, 300};\n.global .align 4 .u32 words[2] = {4000, 50000};\n"));
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_EQ(out[3], 50320u);
}

TEST(Spaces, VectorsAndNarrowElementsKeepTheirValues) {
  const auto [report, out] =
      run(kernel("ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd0+16];\nld.global.s8 %rs1, "
                 "[%rd0];\nld.global.u16 %rs2, [%rd0+4];\n"
                 "cvt.u32.u16 %r5, %rs2;\ncvt.s32.s16 %r6, %rs1;\nadd.u32 %r7, %r1, %r4;\nadd.u32 %r7, %r7, "
                 "%r5;\nadd.u32 %r7, %r7, %r6;\n"
                 "st.global.u32 [%rd4], %r7;\n"));
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_EQ(out[9], 104u + 107u + 101u + 100u);
}

TEST(Memory, AddressesAreReproducibleAndGuarded) {
  Memory a, b;
  const uint64_t first = a.allocate("x", 100, Access::kReadWrite),
                 second = a.allocate("y", 5, Access::kReadWrite);
  EXPECT_EQ(first, b.allocate("x", 100, Access::kReadWrite));
  EXPECT_EQ(first % 256, 0u);
  EXPECT_GE(second - (first + 100), uint64_t{64} * 1024);
  a.free(first);
  EXPECT_EQ(a.bytes(second).size(), 5u);
}

}  // namespace
}  // namespace warpwright::sim
