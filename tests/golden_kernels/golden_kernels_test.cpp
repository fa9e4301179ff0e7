// Every golden kernel, compiled for both generations, runs right and without a finding, blocks and warps in
// either order.
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "evaluator/compile/child.h"
#include "src/base/files.h"
#include "tests/golden_kernels/compile_kernel.h"
#include "tests/golden_kernels/golden_cases.h"

namespace warpwright::golden {

void PrintTo(const GoldenCase& one, std::ostream* stream) {
  *stream << one.name;
}

namespace {

compile::Compiler& compiler() {
  static compile::Compiler instance = [] {
    compile::CompilerOptions options;
    options.worker = std::filesystem::read_symlink("/proc/self/exe");
    return compile::Compiler::create(std::move(options)).value();
  }();
  return instance;
}

// Compiled once for all workloads of a file.
const Result<std::shared_ptr<const sim::Program>>& program_of(const std::string& source,
                                                              const std::string& target) {
  static std::map<std::string, Result<std::shared_ptr<const sim::Program>>> programs;
  auto compile = [&]() -> Result<std::shared_ptr<const sim::Program>> {
    const std::string name = source + ".cu";
    TRY_ASSIGN(const std::string text, read_file(kernel_folder() / name));
    TRY_ASSIGN(const std::string ptx, compile_to_ptx(compiler(), name, text, target));
    return load_ptx(ptx);
  };
  const std::string key = source + target;
  const auto found = programs.find(key);
  return found != programs.end() ? found->second : programs.emplace(key, compile()).first->second;
}

class GoldenKernel : public testing::TestWithParam<GoldenCase> {};

TEST_P(GoldenKernel, IsRightAndWithoutAFindingInEitherOrder) {
  if (const auto toolkit = compile::find_toolkit(); !toolkit) GTEST_SKIP() << toolkit.error().message;
  const Workload workload = GetParam().make();
  std::string complaints;
  for (const std::string& target : workload.targets) {
    const auto& program = program_of(workload.source, target);
    ASSERT_TRUE(program) << target << ": " << program.error().message;
    for (const bool reverse : {false, true}) {
      sim::Options options;
      options.reverse_order = reverse;
      options.warp_instruction_budget = 20'000'000;
      const std::string text = run(workload, **program, options).text();
      if (!text.empty()) complaints += target + (reverse ? ", reversed: " : ": ") + text;
    }
  }
  EXPECT_EQ(complaints, "");
}

INSTANTIATE_TEST_SUITE_P(Kernels, GoldenKernel, testing::ValuesIn(golden_cases()),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace warpwright::golden

// The program is its own worker: started with `compile-child` it is the compiler's child.
int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "compile-child") == 0)
    return warpwright::compile::compile_child_main();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
