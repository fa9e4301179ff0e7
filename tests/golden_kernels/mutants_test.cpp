// Takes each barrier, fence and wait out of each seed and each golden kernel, one at a time. The simulator
// must report the mutant, or equivalent_mutants.txt must say why it is no worse than the original.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "evaluator/compile/child.h"
#include "evaluator/service/evaluator.h"
#include "src/base/files.h"
#include "tests/golden_kernels/compile_kernel.h"
#include "tests/golden_kernels/golden_cases.h"
#include "tests/golden_kernels/mutants.h"

namespace warpwright::golden {
namespace {
namespace fs = std::filesystem;

std::string file_name(const testing::TestParamInfo<fs::path>& info) {
  return info.param.stem();
}

// Of any of the file's workloads.
std::string finding_of(const sim::Program& program, const std::string& source) {
  std::string worst;
  for (const GoldenCase& one : golden_cases()) {
    const Workload workload = one.make();
    if (workload.source != source) continue;
    const std::string finding = finding_of(program, workload);
    if (!finding.empty() && finding != "wrong result") return finding;
    if (!finding.empty()) worst = finding;
  }
  return worst;
}

std::string target_of(const std::string& source) {
  for (const GoldenCase& one : golden_cases())
    if (const Workload workload = one.make(); workload.source == source) return workload.targets.back();
  return "compute_100a";
}

// Files whose mutants are not those of async_mutants_test.cpp.
std::vector<fs::path> other_kernels() {
  std::vector<fs::path> files = list_files(kernel_folder(), ".cu");
  for (const GoldenCase& one : async_cases())
    std::erase(files, kernel_folder() / (one.make().source + ".cu"));
  return files;
}

class GoldenKernelMutants : public testing::TestWithParam<fs::path> {};
TEST_P(GoldenKernelMutants, AreReportedOrArguedEquivalent) {
  if (const auto toolkit = compile::find_toolkit(); !toolkit) GTEST_SKIP() << toolkit.error().message;
  compile::Compiler compiler = own_compiler();
  const std::string file = GetParam().filename();
  for (const Mutant& mutant : mutants_of(read_file(GetParam()).value())) {
    const auto ptx = compile_to_ptx(compiler, file, mutant.text, target_of(GetParam().stem()));
    ASSERT_TRUE(ptx) << ptx.error().message;
    const auto program = load_ptx(*ptx);
    ASSERT_TRUE(program) << program.error().message;
    judge(file, mutant, finding_of(**program, GetParam().stem()));
  }
}
INSTANTIATE_TEST_SUITE_P(Files, GoldenKernelMutants, testing::ValuesIn(other_kernels()), file_name);

// Of four seeds not every barrier is argued yet: some guard paths that `sim` does not take with the default
// knobs, so that nothing is reported without them. The others' every barrier is.
bool is_argued(const fs::path& seed) {
  for (const char* open : {"split_merge", "chunked", "grouped_mma", "grouped_fp8"})
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
