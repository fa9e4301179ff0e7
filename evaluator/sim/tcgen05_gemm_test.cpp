// A bf16 GEMM by tcgen05: operands brought to shared memory with a swizzle of 128 bytes, two stages, each
// freed by a tcgen05.commit.
#include <cmath>
#include <random>

#include "evaluator/sim/tensor_test_support.h"

namespace warpwright::sim {
namespace {

// k(a, b, d): d[m][n] = sum a[m][k] b[n][k]; a tile of 128 x 256 to a block of 128 threads, K by 64.
std::string gemm(int k, int n) {
  const std::string row_bytes = std::to_string(2 * k);
  // Thread t brings chunk t % 8 of rows t / 8, t / 8 + 16, ...
  const auto bring = [&](const std::string& label, const std::string& from, const std::string& to, int rows) {
    return "mov.u32 %r20, %r5;\n" + label + ":\nmul.wide.u32 %rd5, %r20, " + row_bytes +
           ";\nadd.s64 %rd5, %rd5, " + from +
           ";\nld.global.v4.u32 {%r21,%r22,%r23,%r24}, [%rd5];\nand.b32 %r25, %r20, 7;\nxor.b32 %r25, %r25, "
           "%r6;\nshl.b32 %r25, %r25, 4;\nshl.b32 %r26, %r20, 7;\nadd.u32 %r25, %r25, %r26;\nadd.u32 %r25, "
           "%r25, " +
           to +
           ";\nst.shared.v4.u32 [%r25], {%r21,%r22,%r23,%r24};\nadd.u32 %r20, %r20, 16;\nsetp.lt.u32 %p3, "
           "%r20, " +
           std::to_string(rows) + ";\n@%p3 bra " + label + ";\n";
  };
  const std::string wait = "mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r31], %r32;\n@!%p2 bra ";
  std::string multiply;
  for (int step = 0; step < 4; ++step) {
    multiply +=
        "tcgen05.mma.cta_group::1.kind::f16 [%r3], %rd6, %rd7, %r33, %p6;\nsetp.eq.u32 %p6, %r0, %r0;\n"
        "add.s64 %rd6, %rd6, 2;\nadd.s64 %rd7, %rd7, 2;\n";
  }
  const uint32_t idesc = 1 << 4 | 1 << 7 | 1 << 10 | 256 / 8 << 17 | 128 / 16 << 24;
  return ".version 9.0\n.target sm_100a\n.address_size 64\n.extern .shared .align 1024 .b8 data[];\n"
         ".shared .align 8 .b8 bar[16];\n.shared .align 8 .b8 place[8];\n"
         ".visible .entry k(.param .u64 a, .param .u64 b, .param .u64 d) {\n.reg .pred %p<10>;\n.reg .b32 "
         "%r<200>;\n"
         ".reg .b64 %rd<20>;\nld.param.u64 %rd0, [a];\nld.param.u64 %rd1, [b];\nld.param.u64 %rd2, [d];\n"
         "mov.u32 %r0, %tid.x;\nmov.u32 %r1, bar;\nmov.u32 %r2, data;\nmov.u32 %r11, place;\n"
         "setp.ge.u32 %p4, %r0, 32;\nsetp.ne.u32 %p5, %r0, 0;\n@%p4 bra READY;\n"
         "tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r11], 256;\n"
         "tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;\n@%p5 bra READY;\n"
         "mbarrier.init.shared::cta.b64 [%r1], 1;\nmbarrier.init.shared::cta.b64 [%r1+8], 1;\n"
         "fence.mbarrier_init.release.cluster;\nREADY:\ntcgen05.fence::before_thread_sync;\nbar.sync 0;\n"
         "tcgen05.fence::after_thread_sync;\nld.shared.u32 %r3, [%r11];\n"
         // the block's rows of a and b, and the thread's chunk of them
         "mov.u32 %r7, %ctaid.x;\nmov.u32 %r8, %ctaid.y;\nshr.u32 %r5, %r0, 3;\nand.b32 %r6, %r0, 7;\n"
         "mul.wide.u32 %rd3, %r7, " +
         std::to_string(128 * 2 * k) +
         ";\nadd.s64 %rd0, %rd0, %rd3;\n"
         "mul.wide.u32 %rd3, %r8, " +
         std::to_string(256 * 2 * k) +
         ";\nadd.s64 %rd1, %rd1, %rd3;\n"
         "mul.wide.u32 %rd3, %r6, 16;\nadd.s64 %rd0, %rd0, %rd3;\nadd.s64 %rd1, %rd1, %rd3;\n"
         "mov.u32 %r33, " +
         std::to_string(idesc) +
         ";\nsetp.ne.u32 %p6, %r0, %r0;\nmov.u32 %r30, 0;\nLOOP:\n"
         // stage r30 % 2: free once the product before the last is done
         "and.b32 %r34, %r30, 1;\nshl.b32 %r31, %r34, 3;\nadd.u32 %r31, %r31, %r1;\nshr.u32 %r32, %r30, 1;\n"
         "xor.b32 %r32, %r32, 1;\nand.b32 %r32, %r32, 1;\nFREE:\n" +
         wait +
         "FREE;\n"
         "mul.lo.u32 %r35, %r34, 49152;\nadd.u32 %r35, %r35, %r2;\nadd.u32 %r36, %r35, 16384;\n" +
         bring("A", "%rd0", "%r35", 128) + bring("B", "%rd1", "%r36", 256) +
         "fence.proxy.async.shared::cta;\nbar.sync 0;\n@%p5 bra ISSUED;\nshr.u32 %r37, %r35, 4;\n"
         "shr.u32 %r38, %r36, 4;\ncvt.u64.u32 %rd6, %r37;\ncvt.u64.u32 %rd7, %r38;\n"
         "or.b64 %rd6, %rd6, 0x4000404000010000;\nor.b64 %rd7, %rd7, 0x4000404000010000;\n" +
         multiply +
         "tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%r31];\nISSUED:\n"
         "add.s64 %rd0, %rd0, 128;\nadd.s64 %rd1, %rd1, 128;\nadd.u32 %r30, %r30, 1;\nsetp.lt.u32 %p3, "
         "%r30, " +
         std::to_string(k / 64) +
         ";\n@%p3 bra LOOP;\n"
         // the last commit: of stage (steps - 1) % 2
         "mov.u32 %r32, " +
         std::to_string((k / 64 - 1) / 2 % 2) + ";\nDONE:\n" + wait +
         "DONE;\n"
         "tcgen05.fence::after_thread_sync;\nmul.lo.u32 %r40, %r7, 128;\nadd.u32 %r40, %r40, %r0;\n"
         "mul.wide.u32 %rd3, %r40, " +
         std::to_string(4 * n) +
         ";\nmul.wide.u32 %rd4, %r8, 1024;\n"
         "add.s64 %rd3, %rd3, %rd4;\nadd.s64 %rd3, %rd3, %rd2;\nand.b32 %r41, %r0, 96;\nshl.b32 %r41, %r41, "
         "16;\n"
         "add.u32 %r41, %r41, %r3;\nmov.u32 %r42, 0;\nOUT:\n"
         "tcgen05.ld.sync.aligned.32x32b.x8.b32 {%r50,%r51,%r52,%r53,%r54,%r55,%r56,%r57}, [%r41];\n"
         "tcgen05.wait::ld.sync.aligned;\nst.global.v4.u32 [%rd3], {%r50,%r51,%r52,%r53};\n"
         "st.global.v4.u32 [%rd3+16], {%r54,%r55,%r56,%r57};\nadd.s64 %rd3, %rd3, 32;\nadd.u32 %r41, %r41, "
         "8;\n"
         "add.u32 %r42, %r42, 8;\nsetp.lt.u32 %p3, %r42, 256;\n@%p3 bra OUT;\n"
         "tcgen05.fence::before_thread_sync;\nbar.sync 0;\n@%p4 bra END;\n"
         "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r3, 256;\nEND:\nret;\n}\n";
}

uint16_t bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>(bits >> 16);
}

TEST(Tcgen05Gemm, IsRightAndWithoutFindings) {
  const char* wanted = std::getenv("WARPWRIGHT_TEST_GEMM");  // 1024 to measure
  const int m = wanted == nullptr ? 128 : std::atoi(wanted), n = std::max(256, m), k = std::max(256, m);
  std::mt19937 random(1);
  const auto values = [&](int count) {
    std::vector<float> v(static_cast<std::size_t>(count));
    for (float& x : v) x = static_cast<float>(static_cast<int>(random() % 17) - 8) / 8;
    return v;
  };
  const std::vector<float> a = values(m * k), b = values(n * k);
  const auto encode = [](const std::vector<float>& v) {
    std::vector<uint16_t> codes;
    for (const float x : v) codes.push_back(bf16(x));
    return codes;
  };
  const std::string text = gemm(k, n);
  if (const char* folder = std::getenv("WARPWRIGHT_TEST_PTX"))
    std::ofstream(std::string(folder) + "/gemm.ptx") << text;
  TestLaunch t(text);
  t.input("a", encode(a));
  t.input("b", encode(b));
  const uint64_t out = t.output<float>("d", static_cast<std::size_t>(m * n));
  t.launch.dynamic_shared_bytes = 98304;
  const LaunchReport report =
      t.run({static_cast<uint32_t>(m / 128), static_cast<uint32_t>(n / 256), 1}, {128, 1, 1});
  ASSERT_TRUE(report.completed) << messages(report);
  EXPECT_TRUE(report.findings.empty()) << messages(report);
  const std::vector<float> d = t.read<float>(out);
  for (int r = 0; r < m; r += 5) {
    for (int c = 0; c < n; c += 3) {
      double sum = 0;
      for (int i = 0; i < k; ++i)
        sum += static_cast<double>(a[static_cast<std::size_t>(r * k + i)]) *
               b[static_cast<std::size_t>(c * k + i)];
      ASSERT_EQ(d[static_cast<std::size_t>(r * n + c)], sum) << r << " " << c;
    }
  }
  // One product of 128 x 256 x 16 takes 128 cycles of the pipe.
  EXPECT_GT(report.counters.critical_path_cycles, 128.0 * k / 16);
  const double tiles = static_cast<double>(m) / 128 * n / 256;
  EXPECT_EQ(report.counters.tensor_pipe_cycles, tiles * 128 * k / 16);
  EXPECT_GT(report.counters.mbarrier_wait_cycles, 0);
}

}  // namespace
}  // namespace warpwright::sim
