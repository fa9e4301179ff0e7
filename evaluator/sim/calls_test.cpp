// Calls through registers, recursion, exits inside functions, tables of labels, alloca.
#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

const std::string kHead = ".version 9.0\n.target sm_90a\n.address_size 64\n";
// A function of one word.
std::string function(const std::string& name, const std::string& body) {
  return ".func (.param .b32 out0) " + name +
         "(.param .b32 in0) {\n.reg .b32 %r<4>;\n.reg .pred %p<2>;\n"
         "ld.param.u32 %r1, [in0];\n" +
         body + "st.param.b32 [out0], %r1;\nret;\n}\n";
}
// k(out): out[thread] = %r1; %r0 is the thread.
std::string kernel(const std::string& body) {
  return ".visible .entry k(.param .u64 k_param_0) {\n.reg .pred %p<10>;\n.reg .b32 %r<20>;\n.reg .b64 "
         "%rd<10>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nmov.u32 %r0, %tid.x;\n" +
         body +
         "mul.wide.u32 %rd2, %r0, 4;\nadd.s64 %rd3, %rd0, %rd2;\nst.global.u32 [%rd3], %r1;\nret;\n}\n";
}
// %r1 = (*%rd4)(%r0).
const std::string kCall =
    "{ .param .b32 a0; .param .b32 r0;\nst.param.b32 [a0], %r0;\n"
    "proto: .callprototype (.param .b32 _) _ (.param .b32 _);\n"
    "call (r0), %rd4, (a0), proto;\nld.param.b32 %r1, [r0]; }\n";
const std::string kFunctions =
    function("triple", "mul.lo.u32 %r1, %r1, 3;\n") + function("square", "mul.lo.u32 %r1, %r1, %r1;\n");

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> out;
};
Outcome run(const std::string& text, uint32_t blocks = 1) {
  TestLaunch t(kHead + text);
  const uint64_t out = t.output<uint32_t>("out", 64);
  Outcome outcome{t.run({blocks, 1, 1}, {64, 1, 1}), {}};
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}

TEST(Calls, ThroughARegisterReachEachLanesFunction) {
  const auto [report, out] = run(kFunctions + kernel("and.b32 %r2, %r0, 1;\nsetp.eq.u32 %p0, %r2, 0;\n"
                                                     "mov.u64 %rd5, triple;\nmov.u64 %rd6, square;\n"
                                                     "selp.b64 %rd4, %rd5, %rd6, %p0;\n" +
                                                     kCall),
                                 3);
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 64; ++t) EXPECT_EQ(out[t], t % 2 ? t * t : 3 * t);
}

TEST(Calls, ThroughATableInMemoryReachTheirFunctions) {
  const auto [report, out] =
      run(kFunctions + ".global .align 8 .u64 table[2] = {square, triple};\n" +
          kernel("and.b32 %r2, %r0, 1;\nmov.u64 %rd5, table;\nmul.wide.u32 %rd6, %r2, 8;\n"
                 "add.s64 %rd5, %rd5, %rd6;\nld.global.u64 %rd4, [%rd5];\n" +
                 kCall));
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 64; ++t) EXPECT_EQ(out[t], t % 2 ? 3 * t : t * t);
}

TEST(Calls, ThroughWhatIsNoFunctionAreReported) {
  const auto [report, out] = run(kFunctions + kernel("mov.u64 %rd4, 4096;\n" + kCall));
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kTrap);
  EXPECT_NE(report.fatal()->message.find("0x1000, which is not a function's address"), std::string::npos);
}

TEST(Calls, RecursionThroughARegisterIsRefusedByName) {
  const std::string again =
      ".visible .func (.param .b32 out0) again(.param .b32 in0);\n" +
      function("again", "{ .reg .b64 %rd<5>;\n.reg .b32 %r0;\nmov.u32 %r0, %r1;\nmov.u64 %rd4, again;\n" +
                            kCall + "}\n");
  const auto [report, out] = run(again + kernel("mov.u64 %rd4, again;\n" + kCall));
  ASSERT_NE(report.fatal(), nullptr);
  EXPECT_EQ(report.fatal()->kind, Finding::Kind::kUnsupported) << messages(report);
  EXPECT_NE(report.fatal()->message.find("recursion"), std::string::npos);
}

TEST(Calls, LanesMayEndInsideAFunctionAndTheNextBlockStartsAfresh) {
  const std::string ends = function("ends", "setp.gt.u32 %p1, %r1, 40;\n@%p1 exit;\nadd.u32 %r1, %r1, 1;\n");
  const auto [report, out] = run(ends + kernel("mov.u64 %rd4, ends;\n" + kCall), 2);
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 64; ++t) EXPECT_EQ(out[t], t > 40 ? 0 : t + 1);
}

TEST(Calls, ArgumentsLargerThanTheCallersVariableStayInsideTheFrame) {
  const auto [report, out] =
      run(".func wide(.param .align 8 .b8 in0[4096]) {\nret;\n}\n" +
          kernel("{ .param .b32 a0;\nst.param.b32 [a0], %r0;\ncall.uni wide, (a0); }\nmov.u32 %r1, 5;\n"));
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_EQ(out[63], 5u);
}

TEST(Calls, TablesOfLabelsWorkInManyFunctions) {
  // More functions than a byte can count, each with a table.
  std::string text;
  std::string calls;
  for (int k = 0; k < 300; ++k) {
    const std::string name = "f" + std::to_string(k);
    text += function(name,
                     "{ .reg .b32 %i;\nand.b32 %i, %r1, 1;\nT: .branchtargets A, B;\nbrx.idx %i, T;\n"
                     "A:\nadd.u32 %r1, %r1, 1;\nbra C;\nB:\nadd.u32 %r1, %r1, 3;\nC: }\n");
    calls += "{ .param .b32 a0; .param .b32 r0;\nst.param.b32 [a0], %r1;\ncall (r0), " + name +
             ", (a0);\nld.param.b32 %r1, [r0]; }\n";
  }
  const auto [report, out] = run(text + kernel("mov.u32 %r1, %r0;\n" + calls));
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 64; ++t) {
    uint32_t expected = t;
    for (int k = 0; k < 300; ++k) expected += expected % 2 ? 3 : 1;
    ASSERT_EQ(out[t], expected);
  }
}

TEST(Alloca, GivesEachThreadItsOwnMemory) {
  const std::string body =
      "mul.wide.u32 %rd4, %r0, 4;\nadd.u64 %rd4, %rd4, 8;\nalloca.u64 %rd5, %rd4, 16;\nalloca.u64 %rd6, 8, "
      "16;\n"
      "mov.u32 %r2, 77;\nst.local.u32 [%rd6], %r2;\nst.local.u32 [%rd5+4], %r0;\nld.local.u32 %r3, [%rd6];\n"
      "ld.local.u32 %r4, [%rd5+4];\nadd.u32 %r1, %r3, %r4;\n";
  const auto [report, out] = run(kernel(body), 2);
  ASSERT_TRUE(report.completed) << messages(report);
  for (uint32_t t = 0; t < 64; ++t) EXPECT_EQ(out[t], 77 + t);
  const auto [large, unused] =
      run(kernel("mov.u64 %rd4, 1000000;\nalloca.u64 %rd5, %rd4, 16;\nmov.u32 %r1, 0;\n"));
  ASSERT_NE(large.fatal(), nullptr);
  EXPECT_EQ(large.fatal()->kind, Finding::Kind::kUnsupported);
}

}  // namespace
}  // namespace warpwright::sim
