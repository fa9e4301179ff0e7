// For tests of matrix instructions: one warp runs one instruction on given fragments.
#pragma once

#include <array>
#include <cmath>
#include <functional>
#include <random>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {

using LaneValues = std::array<uint64_t, 32>;
using Fragment = std::vector<LaneValues>;  // by register

struct FragmentOperand {
  Fragment values = {};
  int bytes = 4;          // of a register: 4 or 8
  std::string text = {};  // instead of registers: as written
  bool bare = false;      // without braces
};

inline std::string fragment_text(const std::string& prefix, std::size_t count, bool bare) {
  std::string text;
  for (std::size_t r = 0; r < count; ++r) text += (r == 0 ? "" : ", ") + prefix + std::to_string(r);
  return bare ? text : "{" + text + "}";
}

// The kernel: in holds the sources register by register, 8 bytes a lane; out takes the results.
inline std::string matrix_kernel(const std::string& opcode, int results, int result_bytes,
                                 const std::vector<FragmentOperand>& sources,
                                 const std::string& before = "") {
  const auto type = [](int bytes) { return std::string(bytes == 8 ? "b64" : "b32"); };
  std::string registers = ".reg ." + type(result_bytes) + " %d<" + std::to_string(results + 1) + ">;\n",
              loads, operands;
  std::size_t at = 0;
  for (std::size_t k = 0; k < sources.size(); ++k) {
    const FragmentOperand& source = sources[k];
    if (!source.text.empty()) {
      operands += ", " + source.text;
      continue;
    }
    const std::string prefix = "%s" + std::to_string(k) + "_";
    registers +=
        ".reg ." + type(source.bytes) + " " + prefix + "<" + std::to_string(source.values.size()) + ">;\n";
    for (std::size_t r = 0; r < source.values.size(); ++r, ++at) {
      loads += "ld.global." + type(source.bytes) + " " + prefix + std::to_string(r) + ", [%in+" +
               std::to_string(256 * at) + "];\n";
    }
    operands += ", " + fragment_text(prefix, source.values.size(), source.bare);
  }
  std::string stores;
  for (int r = 0; r < results; ++r) {
    stores += "st.global." + type(result_bytes) + " [%out+" + std::to_string(256 * r) + "], %d" +
              std::to_string(r) + ";\n";
  }
  return ".version 9.0\n.target sm_120a\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 b) "
         "{\n"
         ".reg .b32 %t;\n.reg .pred %p<4>;\n.reg .b64 %in, %out, %o;\n" +
         registers +
         "ld.param.u64 %in, [a];\nld.param.u64 %out, [b];\nmov.u32 %t, %tid.x;\nmul.wide.u32 %o, %t, 8;\n"
         "add.s64 %in, %in, %o;\nadd.s64 %out, %out, %o;\n" +
         loads + before + opcode + " " + fragment_text("%d", static_cast<std::size_t>(results), false) +
         operands + ";\n" + stores + "ret;\n}\n";
}

inline Fragment run_matrix(const std::string& opcode, int results, int result_bytes,
                           const std::vector<FragmentOperand>& sources) {
  TestLaunch test(matrix_kernel(opcode, results, result_bytes, sources));
  std::vector<uint64_t> in;
  for (const FragmentOperand& source : sources) {
    for (const LaneValues& values : source.values) in.insert(in.end(), values.begin(), values.end());
  }
  test.input("in", in);
  const uint64_t out = test.output<uint64_t>("out", static_cast<std::size_t>(32 * results));
  const LaunchReport report = test.run({1, 1, 1}, {32, 1, 1});
  EXPECT_TRUE(report.completed && report.findings.empty()) << opcode << "\n" << messages(report);
  const auto raw = test.read<uint64_t>(out);
  Fragment fragment(static_cast<std::size_t>(results));
  for (std::size_t r = 0; r < fragment.size(); ++r) {
    for (std::size_t lane = 0; lane < 32; ++lane)
      fragment[r][lane] = result_bytes == 8 ? raw[32 * r + lane] : raw[32 * r + lane] & 0xffffffffu;
  }
  return fragment;
}

}  // namespace warpwright::sim
