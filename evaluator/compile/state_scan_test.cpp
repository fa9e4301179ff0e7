#include "evaluator/compile/state_scan.h"

#include <gtest/gtest.h>

#include "src/base/files.h"
#include "src/base/rng.h"

namespace warpwright::compile {
namespace {

ptx::Module load(const std::string& name) {
  const auto text = read_file("evaluator/compile/testdata/state/" + name + ".ptx");
  EXPECT_TRUE(text.has_value()) << name;
  auto module = ptx::parse(text.value_or(""));
  EXPECT_TRUE(module.has_value()) << module.error().message;
  return module.value_or(ptx::Module{});
}

std::vector<std::string> all_entries(const ptx::Module& module) {
  std::vector<std::string> names;
  for (const ptx::Function& function : module.functions) {
    if (function.is_entry) names.push_back(function.name);
  }
  return names;
}

std::vector<StateFinding> scan(const std::string& name) {
  const ptx::Module module = load(name);
  return scan_for_state(module, all_entries(module));
}

// The message of the only refusal, which must be of this rule.
std::string refusal(const std::vector<StateFinding>& findings, const std::string& rule) {
  std::string message;
  int refusals = 0;
  for (const StateFinding& finding : findings) {
    if (finding.severity != Severity::kRefused) continue;
    EXPECT_EQ(finding.rule, rule) << finding.message;
    EXPECT_GT(finding.ptx_line, 0);
    message = finding.message;
    ++refusals;
  }
  EXPECT_EQ(refusals, 1);
  return message;
}

bool has_rule(const std::vector<StateFinding>& findings, const std::string& rule, Severity severity) {
  for (const StateFinding& finding : findings) {
    if (finding.rule == rule && finding.severity == severity) return true;
  }
  return false;
}

TEST(StateScan, RefusesACounterInADeviceVariable) {
  const std::string message = refusal(scan("device_variable"), "state-between-calls");
  EXPECT_NE(message.find("'calls_so_far' may be written by kernel(float*)"), std::string::npos) << message;
  EXPECT_NE(message.find("workspace"), std::string::npos);
}

TEST(StateScan, IgnoresStateThatNoReachableKernelUses) {
  const ptx::Module module = load("device_variable");
  EXPECT_TRUE(scan_for_state(module, {"_Z5cleanPf"}).empty());
  EXPECT_TRUE(scan_for_state(module, {"no_such_kernel"}).empty());
}

TEST(StateScan, SeesThroughAPointerInAConstant) {
  const std::string message = refusal(scan("constant_pointer"), "state-between-calls");
  EXPECT_NE(message.find("'hidden_cache'"), std::string::npos) << message;
}

TEST(StateScan, RefusesDeclarationsInsideInlineAssembly) {
  const std::string message = refusal(scan("inline_assembly"), "state-between-calls");
  EXPECT_NE(message.find("'cell' is declared inside"), std::string::npos) << message;
}

TEST(StateScan, FollowsCallsAndNamesStaticLocals) {
  const std::string message = refusal(scan("static_local"), "state-between-calls");
  EXPECT_NE(message.find("'next()::ticket'"), std::string::npos) << message;
}

TEST(StateScan, TellsTheMendForATableWhoseAddressEscapes) {
  const std::vector<StateFinding> findings = scan("escaping_table");
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].rule, "state-between-calls");
  EXPECT_NE(findings[0].message.find("__constant__"), std::string::npos);
}

TEST(StateScan, RefusesTheDeviceRuntimeByName) {
  const std::vector<StateFinding> findings = scan("runtime_calls");
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].rule, "device-runtime-call");
  EXPECT_NE(findings[0].message.find("printf"), std::string::npos);
  EXPECT_NE(findings[1].message.find("malloc"), std::string::npos);
}

TEST(StateScan, RefusesClocksAndSystemScopeAndWarnsOfSleep) {
  const std::vector<StateFinding> findings = scan("registers");
  int forbidden = 0;
  for (const StateFinding& finding : findings) forbidden += finding.rule == "forbidden-register";
  EXPECT_EQ(forbidden, 3);
  EXPECT_TRUE(has_rule(findings, "system-scope", Severity::kRefused));
  EXPECT_TRUE(has_rule(findings, "sleep", Severity::kWarning));
  EXPECT_TRUE(has_rule(findings, "sm-id", Severity::kWarning));
  EXPECT_FALSE(has_rule(findings, "breakpoint", Severity::kRefused));
}

TEST(StateScan, PassesCubCooperativeGroupsAndReadOnlyTables) {
  const ptx::Module module = load("clean");
  EXPECT_EQ(all_entries(module).size(), 3u);
  for (const StateFinding& finding : scan("clean")) ADD_FAILURE() << finding.rule << ": " << finding.message;
}

std::vector<StateFinding> scan_body(const std::string& body) {
  auto module = ptx::parse(
      ".version 9.0\n.target sm_100a\n.address_size 64\n.global .u64 cell;\n.const .u64 table = 1;\n.global "
      ".u64 link = "
      "generic(cell);\n"
      ".entry k(.param .u64 out){ .reg .b64 %rd<9>; .reg .b32 %r<9>; .reg .pred %p<9>;\n" +
      body + " ret; }");
  EXPECT_TRUE(module.has_value()) << module.error().message;
  return module ? scan_for_state(*module, {"k"}) : std::vector<StateFinding>{};
}

TEST(StateScan, FollowsAddressesThroughArithmeticInAnyOrder) {
  EXPECT_TRUE(scan_body("mov.u64 %rd1, cell; add.s64 %rd2, %rd1, 8; ld.global.u32 %r1, [%rd2];").empty());
  EXPECT_FALSE(
      scan_body(
          "BACK: st.global.u32 [%rd2+4], %r1; add.s64 %rd2, %rd1, 8; mov.u64 %rd1, cell; @%p1 bra BACK;")
          .empty());
  EXPECT_FALSE(scan_body("mov.u64 %rd1, cell; mov.b64 {%r1, %r2}, %rd1; st.shared.u32 [0], %r1;").empty());
  EXPECT_FALSE(
      scan_body("mov.u64 %rd1, link; ld.global.u64 %rd2, [%rd1]; red.global.add.u32 [%rd2], 1;").empty());
}

TEST(StateScan, RefusesStoresToConstants) {
  EXPECT_FALSE(scan_body("mov.u64 %rd1, table; cvta.const.u64 %rd2, %rd1; st.u32 [%rd2], %r1;").empty());
  EXPECT_TRUE(scan_body("mov.u64 %rd1, table; cvta.const.u64 %rd2, %rd1; ld.u32 %r1, [%rd2];").empty());
  // A register that may hold either address is held to the stricter rule.
  EXPECT_FALSE(scan_body("mov.u64 %rd1, table; @%p1 mov.u64 %rd1, cell; st.shared.u64 [0], %rd1;").empty());
}

TEST(StateScan, RefusesPickingAnAddressApartByComparison) {
  EXPECT_FALSE(scan_body("mov.u64 %rd1, cell; and.b64 %rd2, %rd1, 64; setp.eq.s64 %p1, %rd2, 0;").empty());
  EXPECT_TRUE(scan_body("mov.u64 %rd1, cell; add.s64 %rd2, %rd1, 64; setp.eq.s64 %p1, %rd2, %rd1;").empty());
}

TEST(StateScan, RefusesMultimemAndWarnsOfCachePolicies) {
  EXPECT_TRUE(
      has_rule(scan_body("multimem.red.global.add.u32 [%rd1], %r1;"), "multimem", Severity::kRefused));
  EXPECT_TRUE(
      has_rule(scan_body("ld.global.L2::evict_last.u32 %r1, [%rd1];"), "cache-policy", Severity::kWarning));
  EXPECT_TRUE(has_rule(scan_body("mov.u32 %r1, %envreg2;"), "grid-workspace", Severity::kWarning));
  EXPECT_TRUE(has_rule(scan_body("brkpt;"), "breakpoint", Severity::kRefused));
}

TEST(StateScan, SurvivesDamagedModules) {
  Rng rng(5);
  const std::string text = read_file("evaluator/compile/testdata/state/registers.ptx").value_or("");
  int scanned = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = text;
    damaged[rng.below(damaged.size())] = text[rng.below(text.size())];
    const auto module = ptx::parse(damaged);
    if (!module) continue;
    ++scanned;
    for (const StateFinding& finding : scan_for_state(*module, all_entries(*module))) {
      EXPECT_FALSE(finding.message.empty());
    }
  }
  EXPECT_GT(scanned, 0);
}

}  // namespace
}  // namespace warpwright::compile
