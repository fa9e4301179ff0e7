// Takes each barrier, fence and wait out of each seed and each golden kernel, one at a time. The simulator
// must report the mutant, or equivalent_mutants.txt must say why it is no worse than the original.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iostream>

#include "evaluator/compile/child.h"
#include "evaluator/service/evaluator.h"
#include "src/base/files.h"
#include "tests/golden_kernels/compile_kernel.h"
#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/mutation.h"

namespace warpwright::golden {
namespace {
namespace fs = std::filesystem;

std::string file_name(const testing::TestParamInfo<fs::path>& info) {
  return info.param.stem();
}

const std::vector<EquivalentMutant>& equivalent_mutants() {
  static const auto all =
      read_equivalent_mutants(read_file(kernel_folder().parent_path() / "equivalent_mutants.txt").value());
  return all;
}

// Prints the mutant's row and holds `rule` (empty: nothing was reported) against the list.
void judge(const std::string& file, const Mutant& mutant, const std::string& rule) {
  const auto& list = equivalent_mutants();
  const auto argued = std::find_if(list.begin(), list.end(), [&](const EquivalentMutant& e) {
    return e.file == file && e.removed == mutant.removed && e.before == mutant.before;
  });
  const std::string verdict = !rule.empty()          ? rule
                              : argued != list.end() ? "EQUIVALENT: " + argued->reason
                                                     : "nothing";
  std::cout << "| " << file << " | " << mutant.line << " | `" << mutant.removed << "` | " << verdict
            << " |\n";
  if (rule.empty() == (argued != list.end())) return;
  ADD_FAILURE() << file << ":" << mutant.line << ": without `" << mutant.removed << "` before `"
                << mutant.before << "`: "
                << (rule.empty() ? "nothing was reported" : "argued equivalent, but reported: " + rule);
}

// The first finding of any of the file's workloads, blocks and warps in either order; without one, "wrong
// result".
std::string finding_of(const sim::Program& program, const std::string& source) {
  std::string wrong;
  for (const GoldenCase& one : golden_cases()) {
    const Workload workload = one.make();
    if (workload.source != source) continue;
    for (const bool reverse : {false, true}) {
      sim::Options options;
      options.reverse_order = reverse;
      options.warp_instruction_budget = 20'000'000;
      const Outcome outcome = run(workload, program, options);
      for (const sim::Finding& finding : outcome.findings())
        if (finding.kind != sim::Finding::Kind::kUnsupported) return finding.rule;
      if (!outcome.wrong.empty()) wrong = "wrong result";
    }
  }
  return wrong;
}

std::string target_of(const std::string& source) {
  for (const GoldenCase& one : golden_cases())
    if (const Workload workload = one.make(); workload.source == source) return workload.targets.back();
  return "compute_100a";
}

class GoldenKernelMutants : public testing::TestWithParam<fs::path> {};
TEST_P(GoldenKernelMutants, AreReportedOrArguedEquivalent) {
  if (const auto toolkit = compile::find_toolkit(); !toolkit) GTEST_SKIP() << toolkit.error().message;
  compile::CompilerOptions options;
  options.worker = fs::read_symlink("/proc/self/exe");
  auto compiler = compile::Compiler::create(std::move(options));
  ASSERT_TRUE(compiler) << compiler.error().message;
  const std::string file = GetParam().filename();
  for (const Mutant& mutant : mutants_of(read_file(GetParam()).value())) {
    const auto ptx = compile_to_ptx(*compiler, file, mutant.text, target_of(GetParam().stem()));
    ASSERT_TRUE(ptx) << ptx.error().message;
    const auto program = load_ptx(*ptx);
    ASSERT_TRUE(program) << program.error().message;
    judge(file, mutant, finding_of(**program, GetParam().stem()));
  }
}
INSTANTIATE_TEST_SUITE_P(Files, GoldenKernelMutants, testing::ValuesIn(list_files(kernel_folder(), ".cu")),
                         file_name);

// Of three seeds not every barrier is argued yet: some guard paths that `sim` does not take with the default
// knobs, so that nothing is reported without them. The others' every barrier is.
bool is_argued(const fs::path& seed) {
  for (const char* open : {"split_merge", "chunked", "grouped_mma"})
    if (seed.stem() == open) return false;
  return true;
}

std::vector<fs::path> seeds() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(find_home().value() / "seeds"))
    if (entry.path().extension() == ".cu" && is_argued(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// "gdn_decode_lane_groups": two words of the definition, as several have a plain.cu.
std::string seed_name(const testing::TestParamInfo<fs::path>& info) {
  const std::string definition = info.param.parent_path().filename();
  const size_t second_word = definition.find('_', definition.find('_') + 1);
  return definition.substr(0, second_word) + "_" + info.param.stem().string();
}

// A seed lies in the folder of its definition; the evaluator runs its mutants as it would a candidate.
class SeedMutants : public testing::TestWithParam<fs::path> {};
TEST_P(SeedMutants, AreReportedOrArguedEquivalent) {
  if (const auto toolkit = compile::find_toolkit(); !toolkit) GTEST_SKIP() << toolkit.error().message;
  service::EvaluatorOptions options;
  options.home = find_home().value();
  auto evaluator = service::Evaluator::create(options);
  ASSERT_TRUE(evaluator) << evaluator.error().message;
  const std::string file = fs::relative(GetParam(), options.home / "seeds");
  for (const Mutant& mutant : mutants_of(read_file(GetParam()).value())) {
    EvaluationRequest request;
    request.id = file;
    request.source = mutant.text;
    request.source_name = GetParam().filename();
    request.definition = GetParam().parent_path().filename();
    request.selection = "sim";
    const EvaluationReport report = (*evaluator)->evaluate(request, {});
    const bool passed = report.status == Status::kPassed;
    judge(file, mutant,
          passed                ? ""
          : report.rule.empty() ? std::string(to_string(report.status))
                                : report.rule);
  }
}
INSTANTIATE_TEST_SUITE_P(Files, SeedMutants, testing::ValuesIn(seeds()), seed_name);

}  // namespace
}  // namespace warpwright::golden

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "compile-child") == 0)
    return warpwright::compile::compile_child_main();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
