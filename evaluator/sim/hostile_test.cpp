// Modules that nobody would write, or that somebody wrote to do harm: each ends with one clear line, soon.
// What is quadratic in the length of the text shows as a test that takes minutes.
#include <fmt/format.h>

#include <functional>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

const std::string kHead = ".version 9.0\n.target sm_90a\n.address_size 64\n";

std::string repeat(int count, const std::function<std::string(int)>& line) {
  std::string text;
  for (int k = 0; k < count; ++k) text += line(k);
  return text;
}
std::string kernel(const std::string& body, const std::string& before = "", int registers = 1000) {
  return kHead + before +
         fmt::format(
             ".visible .entry k() {{\n.reg .pred %p<100>;\n.reg .b32 %r<{}>;\n.reg .b64 "
             "%rd<100>;\n{}ret;\n}}\n",
             registers, body);
}

// How the first kernel of the text ends: "", or the message of the error, of what ended it, or of the first
// finding.
std::string outcome(const std::string& text, uint64_t budget = 200'000) {
  auto module = ptx::parse(text);
  if (!module) return module.error().message;
  auto program = Program::build(std::move(*module));
  if (!program) return program.error().message;
  Memory memory;
  Launch launch;
  launch.kernel = (*program)->kernel_names().at(0);
  launch.grid = {2, 1, 1};
  launch.block = {64, 1, 1};
  Options options;
  options.warp_instruction_budget = budget;
  const LaunchReport report = run(**program, launch, memory, options);
  if (const Finding* fatal = report.fatal()) return fatal->message;
  return report.findings.empty() ? "" : report.findings[0].message;
}
void expect_said(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << message.substr(0, 300);
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_LT(message.size(), 1500u);
}

TEST(Hostile, AHundredThousandInstructionsRun) {
  const std::string straight = repeat(
      100'000, [](int k) { return fmt::format("add.u32 %r{}, %r{}, {};\n", k % 1000, k * 7 % 1000, k); });
  EXPECT_EQ(outcome(kernel(straight), 1'000'000), "");
}

TEST(Hostile, ManyBlocksAndRegistersAreLaidOut) {
  for (const int registers : {2'000, 20'000}) {
    const std::string body = repeat(20'000, [&](int k) {
      return fmt::format("L{}:\nadd.u32 %r{}, %r{}, 1;\nsetp.eq.u32 %p{}, %r{}, 5;\n@%p{} bra L{};\n", k,
                         k % registers, k * 7 % registers, k % 100, k % registers, k % 100,
                         k * 7919LL % 20'000);
    });
    const std::string said = outcome(kernel(body, "", 20'000));
    EXPECT_TRUE(said.empty() || said.find("budget") != std::string::npos) << said;
  }
  EXPECT_EQ(
      outcome(kernel(repeat(
          20'000, [](int k) { return fmt::format("shfl.sync.idx.b32 %r{}, %r1, 0, 31, -1;\n", k % 1000); }))),
      "");
}

TEST(Hostile, TablesOfThousandsOfLabelsAreResolvedOnce) {
  const auto label = [](int k) { return fmt::format("{}L{}", k == 0 ? "" : ", ", k); };
  const std::string body = "T: .branchtargets " + repeat(5'000, label) + ";\n" +
                           repeat(5'000, [](int k) { return fmt::format("L{}:\nbrx.idx %r1, T;\n", k); });
  expect_said(outcome(kernel(body)), "a loop that does not end");
}

TEST(Hostile, FunctionsThatCallEachOtherAreFollowedOnce) {
  const std::string functions = repeat(10'000, [](int k) {
    return fmt::format(".func f{}() {{\n{}ret;\n}}\n", k,
                       k == 0 ? "" : fmt::format("call f{}, ();\n", k - 1));
  });
  const auto call = [](int k) { return fmt::format("call f{}, ();\n", k); };
  const std::string said = outcome(kernel(repeat(10'000, call), functions));
  EXPECT_TRUE(said.find("budget") != std::string::npos || said.find("the function f") != std::string::npos)
      << said;
}

TEST(Hostile, ThousandsOfVariablesAreLookedUpQuickly) {
  const auto declare = [](const std::string& space) {
    return repeat(10'000, [&](int k) { return fmt::format(".{} .u32 g{};\n", space, k); });
  };
  const std::string stores =
      repeat(20'000, [](int k) { return fmt::format("st.global.u32 [g{}], %r1;\n", k % 10'000); });
  outcome(kernel(stores, declare("global")));
  outcome(kernel(declare("global") + stores));
  const std::string pointers = ".global .u64 t[30000] = {g0" +
                               repeat(29'999, [](int k) { return fmt::format(", g{}", k % 10'000); }) +
                               "};\n";
  EXPECT_EQ(outcome(kernel("", declare("global") + pointers)), "");
  const std::string reads =
      repeat(20'000, [](int k) { return fmt::format("ld.shared.u32 %r1, [g{}];\n", k % 10'000); });
  expect_said(outcome(kernel(reads, declare("shared"))), "which no thread of the block has written");
}

TEST(Hostile, SizesBeyondEveryLimitAreRefused) {
  expect_said(outcome(kernel(".local .b8 x[900000000];\nst.local.u32 [x], %r1;\n")), "bytes of local memory");
  expect_said(outcome(kernel(".shared .b8 x[900000000];\nst.shared.u32 [x], %r1;\n")),
              "bytes of shared memory");
  expect_said(outcome(kernel("", ".global .b8 x[99999999999999];\n")), "out of range");
  expect_said(outcome(kernel(".reg .b32 %x<4000000000>;\n")), "too many registers");
  expect_said(outcome(kernel(repeat(3, [](int k) { return fmt::format(".reg .b32 %x{}<500000>;\n", k); }))),
              "too many registers");
}

TEST(Hostile, DeepNestingIsRefused) {
  expect_said(outcome(kernel(std::string(100'000, '{'))), "scopes nested too deeply");
  expect_said(outcome(kernel("mov.u32 %r1, " + std::string(100'000, '('))), "nested too deeply");
  expect_said(outcome(kernel("mov.u32 %r1, " + repeat(100'000, [](int) { return "-~"; }) + "1;\n")),
              "nested too deeply");
  expect_said(outcome(kernel("call " + std::string(100'000, '(') + ";\n")), "nested too deeply");
  expect_said(outcome(kHead + ".global .b8 x[4] = " + std::string(100'000, '{')), "nested too deeply");
}

TEST(Hostile, EndlessWordsAndCommentsAreCutShort) {
  expect_said(outcome(kernel("mov.u32 %r1, " + std::string(1'000'000, 'a') + ";\n")), "unknown name");
  expect_said(outcome(kernel("add" + repeat(500'000, [](int) { return ".x"; }) + " %r1, %r1;\n")), "add.x.x");
  expect_said(outcome(kHead + repeat(1'000'000, [](int) { return "/*"; })), "ptx line 4");
  expect_said(outcome(kHead + ".file 1 \"" + std::string(1'000'000, 'a')), "ptx line 4");
}

// What decoding once took for granted.
TEST(Hostile, OperandsThatAreMissingOrOfAnotherKindAreRefused) {
  for (const char* line : {"mov.u32;",
                           "mov;",
                           "mov.u32 %r1;",
                           "cvta %rd1, %rd2;",
                           "cvta.to.global.u64;",
                           "isspacep %p1, %rd1;",
                           "setp.eq.u32 %p1;",
                           "setp %p1, %r1, %r2;",
                           "set.eq.u32.u32 %r1;",
                           "cvt.u32.u16 %r1;",
                           "selp.b32 %r1;",
                           "slct.u32.s32 %r1;",
                           "activemask.b32;",
                           "bar.red.popc.u32;",
                           "bar.red.popc.u32 %r1, 0;",
                           "brx.idx %r1;",
                           "mov.b64 {}, %rd1;",
                           "mov.b64 %rd1, {};",
                           "mov.b64 {%r1, %r2, %r3}, %rd1;",
                           "cvt.rn.f32.s64 %p1, %rd1;",
                           "ld.global.u32 %r1;",
                           "st.global.u32 [%rd1];",
                           "atom.global.add.u32 %r1, [%rd1];",
                           "call;",
                           "call ();",
                           "shfl.sync.idx.b32 %r1;",
                           "vote.sync.all.pred %p1;",
                           "match.any.sync.b32 %r1, %r2;",
                           "redux.sync.add.s32 %r1;",
                           "elect.sync %r1;",
                           "cp.async.ca.shared.global [%r1], [%rd1], 3;",
                           "cp.async.ca.shared.global [%r1];",
                           "cp.async.wait_group;",
                           "cp.async.wait_group %r1;",
                           "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1};",
                           "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r1};",
                           "@!%p1 .foo;",
                           "alloca.u64 %rd1;",
                           "alloca.u64 %rd1, 8, 3;",
                           "call (%r1), %rd1, (%r2);",
                           "call k, ();"}) {
    const std::string said = outcome(kernel(std::string(line) + "\n"));
    EXPECT_FALSE(said.empty()) << line;
  }
}

TEST(Hostile, OffsetsAtTheEdgeOfTheNumbersAreRefused) {
  for (const char* offset : {"+9223372036854775807", "-1", "+-9223372036854775808", "+5"}) {
    const std::string text = fmt::format(
        "{}.visible .entry k(.param .u64 p) {{\n.reg .b32 %r<2>;\nld.param.u32 %r1, [p{}];\nret;\n}}\n",
        kHead, offset);
    TestLaunch t(text);
    t.argument(uint64_t{0});
    const LaunchReport report = t.run({1, 1, 1}, {32, 1, 1});
    ASSERT_NE(report.fatal(), nullptr) << offset;
    expect_said(report.fatal()->message, "a load beyond the parameter p");
  }
}

TEST(Hostile, LoopsThatDoNotEndUseTheirBudgetAtMost) {
  for (const char* body :
       {"L:\nadd.u32 %r1, %r1, 1;\nbra L;\n", "L:\nst.shared.u32 [s], %r1;\nbra L;\n",
        "L:\n@%p1 bra M;\nadd.u32 %r2, %r2, 1;\nM:\nadd.u32 %r1, %r1, 3;\nnot.pred %p1, %p1;\nbra L;\n",
        "L:\natom.shared.add.u32 %r1, [s], 1;\nbra L;\n", "L:\nbar.sync 0;\nbra L;\n"}) {
    expect_said(outcome(kernel(body, ".shared .align 4 .b8 s[4];\n")), "budget");
  }
}

}  // namespace
}  // namespace warpwright::sim
