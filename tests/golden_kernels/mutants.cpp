#include "tests/golden_kernels/mutants.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "src/base/files.h"
#include "tests/golden_kernels/compile_kernel.h"

namespace warpwright::golden {
namespace {

const std::vector<EquivalentMutant>& equivalent_mutants() {
  static const auto all =
      read_equivalent_mutants(read_file(kernel_folder().parent_path() / "equivalent_mutants.txt").value());
  return all;
}

}  // namespace

compile::Compiler own_compiler() {
  compile::CompilerOptions options;
  options.worker = std::filesystem::read_symlink("/proc/self/exe");
  return compile::Compiler::create(std::move(options)).value();
}

void judge(const std::string& name, const Mutant& mutant, const std::string& rule) {
  const auto& list = equivalent_mutants();
  const auto argued = std::find_if(list.begin(), list.end(), [&](const EquivalentMutant& e) {
    return e.file == name && e.removed == mutant.removed && e.before == mutant.before;
  });
  const std::string verdict = !rule.empty()          ? rule
                              : argued != list.end() ? "EQUIVALENT: " + argued->reason
                                                     : "nothing";
  std::cout << "| " << name << " | " << mutant.line << " | `" << mutant.removed << "` | " << verdict
            << " |\n";
  if (rule.empty() == (argued != list.end())) return;
  ADD_FAILURE() << name << ":" << mutant.line << ": mutant `" << mutant.removed << "` before `"
                << mutant.before << "`: "
                << (rule.empty() ? "nothing was reported" : "argued equivalent, but reported: " + rule);
}

std::string finding_of(const sim::Program& program, const Workload& workload) {
  std::string wrong;
  for (const bool reverse : {false, true}) {
    sim::Options options;
    options.reverse_order = reverse;
    options.warp_instruction_budget = 20'000'000;
    const Outcome outcome = run(workload, program, options);
    for (const sim::Finding& finding : outcome.findings())
      if (finding.kind != sim::Finding::Kind::kUnsupported) return finding.rule;
    EXPECT_TRUE(outcome.findings().empty()) << workload.name << ": " << outcome.text();
    if (!outcome.wrong.empty()) wrong = "wrong result";
  }
  return wrong;
}

}  // namespace warpwright::golden
