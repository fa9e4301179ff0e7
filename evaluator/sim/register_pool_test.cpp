// setmaxnreg: increases wait for registers of the block, and are found when they wait for ever.
#include "evaluator/sim/register_pool.h"

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

// 384 threads: the first 128 give back, the others take.
LaunchReport run(const std::string& directives, int less, int more) {
  TestLaunch t(".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry k()\n" + directives +
               "\n{\n.reg .pred %p<2>;\n.reg .b32 %r<2>;\nmov.u32 %r0, %tid.x;\nsetp.lt.u32 %p0, %r0, 128;\n"
               "@%p0 bra GIVE;\nsetmaxnreg.inc.sync.aligned.u32 " +
               std::to_string(more) + ";\nbar.sync 0;\nret;\nGIVE:\nsetmaxnreg.dec.sync.aligned.u32 " +
               std::to_string(less) + ";\nbar.sync 0;\nret;\n}\n");
  return t.run({2, 1, 1}, {384, 1, 1});
}
const std::string kBounds = ".maxntid 384, 1, 1 .minnctapersm 1";

TEST(Registers, AreHandedOver) {
  const LaunchReport report = run(kBounds, 40, 232);  // 168 each, as ptxas has it
  EXPECT_TRUE(report.completed && report.findings.empty()) << messages(report);
}

TEST(Registers, ThatNobodyGivesBackAreADeadlock) {
  for (const LaunchReport& report :
       {run(kBounds, 40, 240), run(kBounds, 48, 232), run(".maxnreg 160", 40, 232),
        run(".maxntid 384, 1, 1 .minnctapersm 2", 40, 232)}) {
    ASSERT_NE(report.fatal(), nullptr);
    EXPECT_EQ(report.fatal()->kind, Finding::Kind::kDeadlock);
    EXPECT_NE(report.fatal()->message.find("waits for registers that the block does not have"),
              std::string::npos)
        << report.fatal()->message;
  }
}

TEST(Registers, WithoutAKnownCountAtTheStartAreIgnored) {
  const LaunchReport report = run(".maxntid 384, 1, 1", 40, 240);
  EXPECT_TRUE(report.completed && report.findings.empty()) << messages(report);
}

TEST(Registers, OutOfRangeAreRefused) {
  for (const int count : {8, 41, 264}) EXPECT_FALSE(run(kBounds, 40, count).completed) << count;
}

}  // namespace
}  // namespace warpwright::sim
