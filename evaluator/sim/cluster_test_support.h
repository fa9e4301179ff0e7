// For tests: kernels of blocks of one warp in clusters.
#pragma once

#include <string>
#include <vector>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim::cluster_test {

// A kernel k(out) of blocks of 32 threads: %r0 thread, %r1 rank, %r2 blocks in the cluster, %r3 the thread's
// word of shared memory, which holds 100 rank + thread, %rd1 its word of out. Shared: pad, data, barrier.
inline std::string kernel(const std::string& body) {
  return ".version 9.0\n.target sm_90a\n.address_size 64\n.shared .align 16 .b8 pad[64];\n"
         ".shared .align 16 .b8 data[128];\n.shared .align 8 .b64 barrier;\n"
         ".visible .entry k(.param .u64 k_param_0) {\n"
         ".reg .pred %p<10>;\n.reg .b32 %r<20>;\n.reg .b64 %rd<10>;\n"
         "ld.param.u64 %rd0, [k_param_0];\nmov.u32 %r0, %tid.x;\nmov.u32 %r1, %cluster_ctarank;\n"
         "mov.u32 %r2, %cluster_nctarank;\nmov.u32 %r9, %ctaid.x;\nmad.lo.u32 %r9, %r9, 32, %r0;\n"
         "mul.wide.u32 %rd2, %r9, 4;\nadd.s64 %rd1, %rd0, %rd2;\nmov.u32 %r3, data;\nmov.u32 %r8, pad;\n"
         "st.shared.u32 [%r8], 1;\nshl.b32 %r9, %r0, 2;\nadd.u32 %r3, %r3, %r9;\n"
         "mad.lo.u32 %r4, %r1, 100, %r0;\nst.shared.u32 [%r3], %r4;\n" +
         body + "\nret;\n}\n";
}
inline const std::string kWait = "barrier.cluster.wait.aligned;\n";
inline const std::string kMeet = "barrier.cluster.arrive.aligned;\n" + kWait;
inline const std::string kMeetRelaxed = "barrier.cluster.arrive.relaxed.aligned;\n" + kWait;
// Rank + 1, modulo the blocks, in %r5; its word of the thread in %r7.
inline const std::string kNext =
    "add.u32 %r5, %r1, 1;\nrem.u32 %r5, %r5, %r2;\nmapa.shared::cluster.u32 %r7, %r3, %r5;\n";
inline const std::string kLoad = kNext + "ld.shared::cluster.u32 %r6, [%r7];\n";
inline const std::string kLoadOwn = "ld.shared.u32 %r6, [%r3];\n";
inline const std::string kStore = "st.global.u32 [%rd1], %r6;\n";

struct Outcome {
  LaunchReport report;
  std::vector<uint32_t> out;
};
inline Outcome run(const std::string& body, uint32_t blocks = 8, uint32_t cluster = 4, bool reverse = false) {
  TestLaunch t(kernel(body));
  const uint64_t out = t.output<uint32_t>("out", 32 * blocks);
  t.options.reverse_order = reverse;
  t.launch.cluster = {cluster, 1, 1};
  Outcome outcome{t.run({blocks, 1, 1}, {32, 1, 1}), {}};
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}

}  // namespace warpwright::sim::cluster_test
