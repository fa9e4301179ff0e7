// Tensor copies into several blocks of a cluster, and for pairs of them.
#include "evaluator/sim/tensor_copy_test_support.h"

namespace warpwright::sim {
namespace {

TEST(TensorCopies, MulticastIntoEveryBlockOfTheMask) {
  // Rank 0 loads for ranks 0, 1 and 3; each of them expects the box at its own mbarrier.
  const TensorCase c = tensor_matrix();
  const std::string load =
      changed(without(load_text(c), expect("256")), "bytes [%r2]", "bytes.multicast::cluster [%r2]");
  const std::string body =
      "mov.u16 %h0, 11;\nsetp.eq.u32 %p3, %r3, 2;\n@%p3 bra IDLE;\n@!%p1 " + expect("256") + "IDLE:\n" +
      kMeet + "setp.ne.u32 %p4, %r3, 0;\n@%p4 bra OTHERS;\n" + changed(load, "[%r1];", "[%r1], %h0;") +
      "OTHERS:\n@%p3 bra END;\n" + wait() + "mul.wide.u32 %rd5, %r3, 256;\nadd.s64 %rd1, %rd1, %rd5;\n" +
      dump("%rd1", 256) + "END:\n" + kMeet;
  const TensorOutcome outcome = run_tensor(c, body, {4, 1, 1});
  ASSERT_TRUE(outcome.report.completed) << messages(outcome.report);
  EXPECT_TRUE(outcome.report.findings.empty()) << messages(outcome.report);
  for (const std::size_t rank : {0, 1, 3}) {
    for (std::size_t k = 0; k < 64; ++k)
      ASSERT_EQ(outcome.out[rank * 64 + k], outcome.tensor[(8 + k / 16) * 64 + 16 + k % 16])
          << rank << " " << k;
  }
  const TensorOutcome wide = run_tensor(c, changed(body, "%h0, 11", "%h0, 27"), {4, 1, 1});
  EXPECT_TRUE(has_finding(wide.report, "out-of-bounds-write")) << messages(wide.report);
}

// cta_group::2: both blocks of a pair complete at the leader's mbarrier.
TEST(TensorCopies, OfAPairCompleteAtItsLeader) {
  const TensorCase c = tensor_matrix();
  const std::string load =
      changed(without(load_text(c), expect("256")), "bytes [%r2]", "bytes.cta_group::2 [%r2]");
  const std::string body = "setp.ne.u32 %p3, %r3, 0;\n@%p3 bra PEER;\n@!%p1 " + expect("512") + "PEER:\n" +
                           kMeet + "and.b32 %r1, %r1, 0xfeffffff;\n" + load + "@%p3 bra LATER;\n" + wait() +
                           "LATER:\n" + kMeet + "mul.wide.u32 %rd5, %r3, 256;\nadd.s64 %rd1, %rd1, %rd5;\n" +
                           dump("%rd1", 256) + kMeet;
  const TensorOutcome outcome = run_tensor(c, body, {2, 1, 1});
  ASSERT_TRUE(outcome.report.completed) << messages(outcome.report);
  for (std::size_t k = 0; k < 128; ++k)
    ASSERT_EQ(outcome.out[k], outcome.tensor[(8 + k % 64 / 16) * 64 + 16 + k % 16]) << k;
  const TensorOutcome alone = run_tensor(c, changed(body, ".cta_group::2", ""), {2, 1, 1});
  EXPECT_TRUE(has_finding(alone.report, "mbarrier-misuse")) << messages(alone.report);
}

}  // namespace
}  // namespace warpwright::sim
