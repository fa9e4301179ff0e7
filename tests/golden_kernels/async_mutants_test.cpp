// Mutants of the asynchronous golden kernels: each call that orders or awaits left out, and each thing of
// async_mutations.h put wrong. A mutant counts once for each kernel of the file whose PTX it changes; the
// simulator must report it or the result must be wrong, or equivalent_mutants.txt says why it is no worse
// than the original. One that changes none tests nothing and fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "src/base/files.h"
#include "tests/golden_kernels/async_mutations.h"
#include "tests/golden_kernels/compile_kernel.h"
#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/mutants.h"

namespace warpwright::golden {
namespace {

// The text of the kernels that a workload launches, without lines of source and names (hashes of the file).
std::string ptx_of(const Workload& workload, const std::string& ptx) {
  std::string text;
  for (const Step& step : workload.steps) {
    const std::size_t start = ptx.find(".entry " + step.kernel + "(");
    text += ptx.substr(start, ptx.find("\n}", start) - start);
  }
  static const std::regex name(R"re(\.loc[^\n]*|\b_\w+)re");
  return std::regex_replace(text, name, "_");
}

std::vector<Workload> workloads_of(const std::string& source) {
  std::vector<Workload> workloads;
  for (const GoldenCase& one : async_cases())
    if (Workload workload = one.make(); workload.source == source) workloads.push_back(std::move(workload));
  return workloads;
}

std::set<std::string> async_sources() {
  std::set<std::string> sources;
  for (const GoldenCase& one : async_cases()) sources.insert(one.make().source);
  return sources;
}

// Every ordering call of the kernel's own text, every thing put wrong in it or its headers.
std::vector<Mutant> all_mutants_of(const std::string& source, const std::string& text,
                                   const std::string& whole) {
  std::vector<Mutant> mutants = mutants_of(text);
  for (Mutant& mutant : async_mutants_of(text)) mutants.push_back(std::move(mutant));
  for (const Substitution& one : substitutions()) {
    if (std::find(one.files.begin(), one.files.end(), source) == one.files.end()) continue;
    const auto found = substitutes_of(whole, one.text, one.replacement);
    EXPECT_FALSE(found.empty()) << source << ".cu: nothing reads `" << one.text << "`";
    mutants.insert(mutants.end(), found.begin(), found.end());
  }
  return mutants;
}

class AsyncKernelMutants : public testing::TestWithParam<std::string> {
 protected:
  Result<std::string> compiled(const std::string& text) {
    return compile_to_ptx(compiler_, GetParam() + ".cu", text, workloads_.front().targets.back());
  }
  // Every kernel that `ptx` changes must be found out.
  void judge_changed(const Mutant& mutant, const std::string& ptx, const std::string& original) {
    const auto program = load_ptx(ptx);
    ASSERT_TRUE(program) << mutant.removed << ": " << program.error().message;
    bool changes_any = false;
    for (const Workload& workload : workloads_) {
      if (ptx_of(workload, ptx) == ptx_of(workload, original)) continue;
      changes_any = true;
      judge(workload.name, mutant, finding_of(**program, workload));
    }
    EXPECT_TRUE(changes_any || is_unused_code(GetParam(), mutant))
        << mutant.line << ": mutant `" << mutant.removed << "` changes nothing in the code of any kernel";
  }

  compile::Compiler compiler_ = own_compiler();
  const std::vector<Workload> workloads_ = workloads_of(GetParam());
};

TEST_P(AsyncKernelMutants, AreReportedOrWrongOrArguedEquivalent) {
  if (const auto toolkit = compile::find_toolkit(); !toolkit) GTEST_SKIP() << toolkit.error().message;
  const std::string text = read_file(kernel_folder() / (GetParam() + ".cu")).value();
  const std::string whole = with_headers(text).value(), original = compiled(text).value();
  for (const Mutant& mutant : all_mutants_of(GetParam(), text, whole)) {
    const auto ptx = compiled(mutant.text);
    ASSERT_TRUE(ptx) << mutant.removed << ": " << ptx.error().message;
    judge_changed(mutant, *ptx, original);
  }
  const auto program = load_ptx(original);
  ASSERT_TRUE(program) << program.error().message;
  for (const Workload& workload : workloads_)
    for (const MapMutant& mutant : map_mutants_of(workload))
      judge(workload.name, {0, mutant.what, "", ""}, finding_of(**program, mutant.workload));
}
INSTANTIATE_TEST_SUITE_P(Files, AsyncKernelMutants, testing::ValuesIn(async_sources()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace warpwright::golden
