// For tests of tcgen05: a kernel of one or two blocks of 128 threads around a piece of PTX.
#pragma once

#include <string>
#include <vector>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {

// What a test's kernel k(image, out) does: every thread copies a part of the block's image to shared memory
// `data`; warp 0 allocates `columns` of tensor memory; thread 0 initialises the mbarriers at `bar` and `bar`
// + 8; then `work` runs in thread 0 (of `workers`), then all threads run `rest`, write `out_columns` of their
// lane of tensor memory from `out_first` on to out, and warp 0 gives the tensor memory back.
struct TensorKernel {
  uint32_t shared_bytes = 16, columns = 32, out_columns = 0, out_first = 0;
  uint32_t extra_words = 1;  // of out, at least
  int group = 1;             // cta_group; 2: a cluster of two blocks
  std::string work, rest;  // %r1 bar, %r2 data, %r3 tensor memory, %r0 thread, %r4 rank; %p1 true, %p0 false
  std::string fence = "fence.proxy.async.shared::cta;\n";  // behind the stores to shared memory
  std::string after = "tcgen05.fence::after_thread_sync;\n", before = "tcgen05.fence::before_thread_sync;\n";
  std::string dealloc = "";  // by default what was allocated
};

inline std::string wait_at(const std::string& label, const std::string& bar = "%r1", int parity = 0) {
  return label + ":\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [" + bar + "], " + std::to_string(parity) +
         ";\n@!%p2 bra " + label + ";\n";
}

inline std::string commit(int group = 1, const std::string& bar = "%r1") {
  const std::string g = std::to_string(group);
  if (group == 1)
    return "tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [" + bar + "];\n";
  return "mov.b16 %rs0, "
         "3;\ntcgen05.commit.cta_group::2.mbarrier::arrive::one.shared::cluster.multicast::cluster.b64 "
         "[" +
         bar + "], %rs0;\n";
}

inline std::string tensor_text(const TensorKernel& k) {
  const std::string g = "cta_group::" + std::to_string(k.group), columns = std::to_string(k.columns);
  const std::string dealloc =
      k.dealloc.empty() ? "tcgen05.dealloc." + g + ".sync.aligned.b32 %r3, " + columns + ";\n" : k.dealloc;
  const std::string meet =
      k.group == 1 ? "bar.sync 0;\n" : "barrier.cluster.arrive;\nbarrier.cluster.wait;\n";
  return ".version 9.0\n.target sm_100a\n.address_size 64\n.shared .align 16 .b8 bar[16];\n"
         ".shared .align 16 .b8 place[16];\n.shared .align 1024 .b8 data[" +
         std::to_string(k.shared_bytes) + "];\n.visible .entry k(.param .u64 k_image, .param .u64 k_out)" +
         (k.group == 2 ? " .reqnctapercluster 2" : "") +
         " {\n.reg .pred %p<10>;\n.reg .b16 %rs<4>;\n.reg .b32 %r<300>;\n.reg .b64 %rd<20>;\n"
         "ld.param.u64 %rd0, [k_image];\nld.param.u64 %rd1, [k_out];\nmov.u32 %r0, %tid.x;\n"
         "mov.u32 %r1, bar;\nmov.u32 %r2, data;\nmov.u32 %r4, %cluster_ctarank;\n"
         // the image
         "mul.wide.u32 %rd2, %r4, " +
         std::to_string(k.shared_bytes) +
         ";\nadd.s64 %rd0, %rd0, %rd2;\n"
         "shl.b32 %r5, %r0, 4;\nCOPY:\nsetp.ge.u32 %p3, %r5, " +
         std::to_string(k.shared_bytes) +
         ";\n@%p3 bra COPIED;\ncvt.u64.u32 %rd3, %r5;\nadd.s64 %rd3, %rd0, %rd3;\n"
         "ld.global.v4.u32 {%r6,%r7,%r8,%r9}, [%rd3];\nadd.u32 %r10, %r2, %r5;\n"
         "st.shared.v4.u32 [%r10], {%r6,%r7,%r8,%r9};\nadd.u32 %r5, %r5, 2048;\nbra COPY;\nCOPIED:\n" +
         k.fence +
         "setp.ge.u32 %p4, %r0, 32;\nsetp.ne.u32 %p5, %r0, 0;\nsetp.eq.u32 %p1, %r0, %r0;\nsetp.ne.u32 %p0, "
         "%r0, %r0;\n"
         "mov.u32 %r11, place;\n@%p4 bra ALLOCATED;\n"
         "tcgen05.alloc." +
         g + ".sync.aligned.shared::cta.b32 [%r11], " + columns +
         ";\n"
         "tcgen05.relinquish_alloc_permit." +
         g +
         ".sync.aligned;\n@%p5 bra ALLOCATED;\n"
         "mbarrier.init.shared::cta.b64 [%r1], 1;\nmbarrier.init.shared::cta.b64 [%r1+8], 1;\n"
         "fence.mbarrier_init.release.cluster;\nALLOCATED:\n" +
         k.before + meet + k.after + "ld.shared.u32 %r3, [%r11];\n@%p5 bra WORKED;\n" +
         (k.group == 2 ? "setp.ne.u32 %p6, %r4, 0;\n@%p6 bra WORKED;\n" : "") + k.work + "WORKED:\n" +
         k.rest +
         // the lane's columns: the warp's quarter begins at (thread / 32 * 32) << 16
         "and.b32 %r12, %r0, 96;\nshl.b32 %r12, %r12, 16;\nadd.u32 %r12, %r12, %r3;\nadd.u32 %r12, %r12, " +
         std::to_string(k.out_first) +
         ";\nshl.b32 %r13, %r4, 7;\nadd.u32 %r13, %r13, %r0;\n"
         "mul.wide.u32 %rd4, %r13, " +
         std::to_string(4 * k.out_columns) +
         ";\nadd.s64 %rd4, %rd4, %rd1;\nmov.u32 %r14, 0;\nOUT:\nsetp.ge.u32 %p3, %r14, " +
         std::to_string(k.out_columns) +
         ";\n@%p3 bra WRITTEN;\n"
         "tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r15}, [%r12];\ntcgen05.wait::ld.sync.aligned;\n"
         "st.global.u32 [%rd4], %r15;\nadd.s64 %rd4, %rd4, 4;\nadd.u32 %r12, %r12, 1;\nadd.u32 %r14, %r14, "
         "1;\n"
         "bra OUT;\nWRITTEN:\n" +
         k.before + meet + k.after + "@%p4 bra END;\n" + dealloc + "END:\nret;\n}\n";
}

struct TensorOutcome {
  LaunchReport report;
  std::vector<uint32_t> out;  // [block][lane][column]
  uint32_t at(std::size_t lane, std::size_t column, std::size_t columns) const {
    return out[lane * columns + column];
  }
};

inline TensorOutcome run_tensor(const TensorKernel& k, std::vector<uint8_t> image = {}) {
  const auto blocks = static_cast<std::size_t>(k.group);
  image.resize(std::size_t{k.shared_bytes} * blocks);
  if (const char* folder =
          std::getenv("WARPWRIGHT_TEST_PTX")) {  // to let ptxas see what the tests take for PTX
    static int number = 0;
    std::ofstream(std::string(folder) + "/tensor_" + std::to_string(number++) + ".ptx") << tensor_text(k);
  }
  TestLaunch t(tensor_text(k));
  t.input("image", image);
  const uint64_t out =
      t.output<uint32_t>("out", std::max<std::size_t>(k.extra_words, 128 * blocks * k.out_columns));
  t.options.warp_instruction_budget = 20'000'000;
  TensorOutcome outcome{t.run({static_cast<uint32_t>(blocks), 1, 1}, {128, 1, 1}), {}};
  outcome.out = t.read<uint32_t>(out);
  return outcome;
}

inline bool has_rule(const LaunchReport& report, const std::string& rule) {
  for (const Finding& finding : report.findings) {
    if (finding.rule == rule) return true;
  }
  return false;
}

}  // namespace warpwright::sim
