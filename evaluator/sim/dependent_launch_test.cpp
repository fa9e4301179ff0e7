// Programmatic dependent launches run beside those before them until they wait; and what a launch inherits.
#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

// %r0 = thread, %rd4 = the thread's word of `data`.
std::string kernel(const std::string& body) {
  return ".version 9.0\n.target sm_100a\n.address_size 64\n.shared .align 16 .b8 s[256];\n"
         ".visible .entry k(.param .u64 k_param_0) {\n.reg .pred %p<4>;\n.reg .b32 %r<10>;\n.reg .b64 "
         "%rd<6>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nmov.u32 %r0, %tid.x;\nmul.wide.u32 %rd2, %r0, 4;\n"
         "add.s64 %rd4, %rd0, %rd2;\n" +
         body + "\nret;\n}\n";
}

constexpr const char* kWrite = "st.global.u32 [%rd4], %r0;\n";
constexpr const char* kRead = "ld.global.u32 %r1, [%rd4];\n";
constexpr const char* kWait = "griddepcontrol.wait;\n";

// `first` as an ordinary launch and `second` as a programmatic one, both on the same words.
LaunchReport run_after(const std::string& first, const std::string& second, uint32_t threads = 64) {
  TestLaunch a(kernel(first)), b(kernel(second));
  const uint64_t data = a.output<uint32_t>("data", 256);
  a.memory.mark_initialised(data, true);
  EXPECT_TRUE(a.run({1, 1, 1}, {threads, 1, 1}).completed);
  b.argument(data);
  b.launch.programmatic = true;
  b.launch.grid = {1, 1, 1};
  b.launch.block = {threads, 1, 1};
  return sim::run(*b.program, b.launch, a.memory, b.options);
}

void expect_early(const LaunchReport& report, const std::string& words) {
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].rule, "pdl-without-wait");
  EXPECT_NE(report.findings[0].message.find(words), std::string::npos) << messages(report);
}

TEST(DependentLaunch, MayTouchWhatEarlierOnesTouchedOnlyAfterItWaited) {
  EXPECT_TRUE(run_after(kWrite, std::string(kWait) + kRead).findings.empty());
  expect_early(run_after(kWrite, std::string(kRead) + kWait), "reads 4 bytes at data + 0");
  expect_early(run_after(kWrite, std::string(kWrite) + kWait), "which a kernel before this one writes");
  expect_early(run_after(kRead, std::string(kWrite) + kWait), "which a kernel before this one reads");
}

TEST(DependentLaunch, HasToWaitSomewhere) {
  expect_early(run_after(kWrite, ""), "no thread executes griddepcontrol.wait");
  expect_early(run_after(kWrite, "griddepcontrol.launch_dependents;\n"), "no thread executes");
}

TEST(DependentLaunch, OneWarpMayWaitForAllIfABarrierFollows) {
  const std::string one_waits = "setp.lt.u32 %p0, %r0, 32;\n@%p0 griddepcontrol.wait;\n";
  EXPECT_TRUE(run_after(kWrite, one_waits + "bar.sync 0;\n" + kRead).findings.empty());
  expect_early(run_after(kWrite, one_waits + kRead), "thread (32, 0, 0): reads");
}

TEST(Launch, InheritsSharedMemoryFromTheOneBeforeIt) {
  TestLaunch a(
      kernel("mov.u32 %r2, s;\nshl.b32 %r3, %r0, 2;\nadd.u32 %r2, %r2, %r3;\nst.shared.u32 [%r2], 77;"));
  TestLaunch b(
      kernel("mov.u32 %r2, s;\nshl.b32 %r3, %r0, 2;\nadd.u32 %r2, %r2, %r3;\nld.shared.u32 %r1, [%r2];\n"
             "st.global.u32 [%rd4], %r1;"));
  const uint64_t out = a.output<uint32_t>("out", 32);
  ASSERT_TRUE(a.run({1, 1, 1}, {32, 1, 1}).completed);
  b.argument(out);
  b.launch.grid = {1, 1, 1};
  b.launch.block = {32, 1, 1};
  const LaunchReport report = sim::run(*b.program, b.launch, a.memory, b.options);
  EXPECT_EQ(a.read<uint32_t>(out)[5], 77u);
  ASSERT_FALSE(report.findings.empty()) << "and it counts as unwritten";
  EXPECT_EQ(report.findings[0].rule, "uninitialised-read");
}

// Each poll releases anew what the poller knew: the order of two blocks is still found at once.
TEST(GlobalRaces, ManyPollsOfAGridBarrierCostNoMoreThanTheirNumber) {
  TestLaunch t(
      kernel("mov.u32 %r2, %ctaid.x;\nmov.u32 %r3, %nctaid.x;\nsetp.ne.u32 %p0, %r0, 0;\n@%p0 bra $out;\n"
             "membar.gl;\natom.global.add.u32 %r4, [%rd0], 1;\n"
             "$poll:\natom.global.add.u32 %r4, [%rd0], 0;\nsetp.lt.u32 %p1, %r4, %r3;\n@%p1 bra $poll;\n"
             // Then a race that no release orders: every block writes the same word.
             "st.global.u32 [%rd0+128], %r2;\n$out:"));
  const uint64_t data = t.output<uint32_t>("data", 256);
  t.memory.mark_initialised(data, true);
  t.launch.cooperative = true;
  const LaunchReport report = t.run({64, 1, 1}, {32, 1, 1});
  EXPECT_TRUE(report.completed);
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].rule, "global-race");
}

}  // namespace
}  // namespace warpwright::sim
