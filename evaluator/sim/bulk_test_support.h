// For tests of bulk and tensor copies: the kernels' common text.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {

// A kernel of `parameters` in which thread 0 has initialised an mbarrier with a count of 1 and fenced it, all
// threads have met, and the registers hold: %r0 thread, %r1 the mbarrier, %r2 shared memory `data` (aligned
// to 1024), %r3 rank in the cluster, %p1 "not thread 0", %rd0 and on the parameters (of a tensor map: its
// address).
inline std::string bulk_kernel(const std::vector<std::string>& parameters, const std::string& body,
                               int shared_bytes = 32768) {
  std::string text =
      ".version 9.0\n.target sm_100a\n.address_size 64\n.shared .align 16 .b8 bar[16];\n"
      ".shared .align 1024 .b8 data[" +
      std::to_string(shared_bytes) + "];\n.visible .entry k(";
  std::string loads;
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const std::string name = "p" + std::to_string(k), row = "%rd" + std::to_string(k);
    const bool is_map = parameters[k] == "map";
    text += std::string(k > 0 ? ", " : "") +
            (is_map ? ".param .align 64 .b8 " + name + "[128]" : ".param .u64 " + name);
    loads += is_map ? "mov.b64 " + row + ", " + name + ";\ncvta.param.u64 " + row + ", " + row + ";\n"
                    : "ld.param.u64 " + row + ", [" + name + "];\n";
  }
  return text + ") {\n.reg .pred %p<10>;\n.reg .b16 %h<10>;\n.reg .b32 %r<40>;\n.reg .b64 %rd<20>;\n" +
         loads +
         "mov.u32 %r0, %tid.x;\nmov.u32 %r1, bar;\nmov.u32 %r2, data;\nmov.u32 %r3, %cluster_ctarank;\n"
         "setp.ne.u32 %p1, %r0, 0;\n@%p1 bra READY;\nmbarrier.init.shared::cta.b64 [%r1], 1;\n"
         "fence.mbarrier_init.release.cluster;\nREADY:\nbar.sync 0;\n" +
         body + "\nret;\n}\n";
}

// Thread 0 only, until the label that `end_single` sets.
inline std::string single(const std::string& body, const std::string& label) {
  return "@%p1 bra " + label + ";\n" + body + label + ":\n";
}
inline std::string expect(const std::string& bytes) {
  return "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r1], " + bytes + ";\n";
}
inline std::string wait(const std::string& parity = "0", const std::string& label = "WAIT") {
  return label + ":\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r1], " + parity + ";\n@!%p2 bra " +
         label + ";\n";
}
inline const std::string kCommit = "cp.async.bulk.commit_group;\n";
inline const std::string kWaitGroup = "cp.async.bulk.wait_group 0;\n";
inline const std::string kFence = "fence.proxy.async.shared::cta;\n";
inline const std::string kMeet = "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";

// Every thread's words of `bytes` of shared memory, to (or from) the buffer whose address is in `row`.
inline std::string words_loop(const std::string& row, int bytes, int threads, bool to_global,
                              const std::string& label) {
  const std::string shared = "[%r31]", global = "[%rd18]";
  const std::string move = to_global
                               ? "ld.shared.u32 %r32, " + shared + ";\nst.global.u32 " + global + ", %r32;\n"
                               : "ld.global.u32 %r32, " + global + ";\nst.shared.u32 " + shared + ", %r32;\n";
  return "mov.u32 %r30, %r0;\n" + label + ":\nsetp.ge.u32 %p9, %r30, " + std::to_string(bytes / 4) +
         ";\n@%p9 bra " + label +
         "_END;\nshl.b32 %r31, %r30, 2;\nmul.wide.u32 %rd18, %r30, 4;\nadd.s64 %rd18, " + row +
         ", %rd18;\nadd.u32 %r31, %r2, %r31;\n" + move + "add.u32 %r30, %r30, " + std::to_string(threads) +
         ";\nbra " + label + ";\n" + label + "_END:\n";
}
inline std::string dump(const std::string& row, int bytes, int threads = 64) {
  return words_loop(row, bytes, threads, true, "DUMP");
}
inline std::string fill(const std::string& row, int bytes, int threads = 64) {
  return words_loop(row, bytes, threads, false, "FILL");
}

inline bool has_finding(const LaunchReport& report, const std::string& rule) {
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [&](const Finding& finding) { return finding.rule == rule; });
}
inline std::string without(std::string text, const std::string& part) {
  const std::size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.erase(at, part.size());
}
inline std::string changed(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

inline std::vector<uint32_t> numbers(std::size_t count, uint32_t seed = 1) {
  std::vector<uint32_t> values(count);
  for (uint32_t& value : values) value = seed = seed * 1664525 + 1013904223;
  return values;
}

}  // namespace warpwright::sim
