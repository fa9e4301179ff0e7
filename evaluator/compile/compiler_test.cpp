#include "evaluator/compile/compiler.h"

#include <cstdlib>

#include "evaluator/compile/testing.h"
#include "src/base/files.h"

namespace warpwright::compile {
namespace {

using Kind = CompileFailure::Kind;

constexpr const char* kTemplate = R"(
template <int kRows> __global__ void __launch_bounds__(128) scale(float* out, const float* in) {
  __shared__ float tile[kRows * 128];
  tile[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x ^ 1] * knob::FACTOR;
}
__global__ void plain(float* out) { out[0] = 1; }
)";

class CompilePerTarget : public testing::TestWithParam<std::string> {};

TEST_P(CompilePerTarget, TemplatesAreInstantiatedByNameAndResourcesAreReported) {
  REQUIRE_TOOLKIT();
  CompileRequest request = one_unit(kTemplate, {"scale<4>", "plain"}, GetParam());
  request.units[0].prelude = "namespace knob { constexpr int FACTOR = 3; }";
  const CompiledUnit unit = program_of(compile_or_fail(request)).units.at(0);
  EXPECT_NE(unit.ptx.find(".target " + GetParam()), std::string::npos);
  EXPECT_NE(unit.ptx.find("\"candidate.cu\""), std::string::npos) << "line information names the source";
  EXPECT_TRUE(
      unit.cubin.starts_with("\x7f"
                             "ELF"));
  const KernelResources& scale = unit.kernels.at(unit.lowered_names.at("scale<4>"));
  EXPECT_TRUE(scale.has_resources);
  EXPECT_GT(scale.registers, 4);
  EXPECT_EQ(scale.static_shared, 4 * 128 * 4);
  EXPECT_EQ(scale.max_threads, 128);
  EXPECT_GT(scale.constant, 16);
  EXPECT_EQ(scale.spill_stores, 0);
  EXPECT_EQ(unit.kernels.at(unit.lowered_names.at("plain")).max_threads, 1024);
  EXPECT_EQ(unit.log, "") << "the assembler's statistics are not for people";
}
INSTANTIATE_TEST_SUITE_P(Targets, CompilePerTarget, testing::Values("sm_100a", "sm_90a", "sm_89"));

TEST(Compiler, VirtualTargetGivesPtxOnly) {
  REQUIRE_TOOLKIT();
  const CompiledUnit unit =
      program_of(compile_or_fail(one_unit("__global__ void f(int* p) { *p = 1; }", {"f"}, "compute_90a")))
          .units.at(0);
  EXPECT_EQ(unit.cubin, "");
  EXPECT_FALSE(unit.kernels.at("_Z1fPi").has_resources);
}

TEST(Compiler, SpillsAndStackAreReported) {
  REQUIRE_TOOLKIT();
  const char* source = R"(
__global__ void __maxnreg__(24) heavy(float* p) {
  float v[64];
#pragma unroll
  for (int i = 0; i < 64; ++i) v[i] = p[i * 32 + threadIdx.x];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 64; ++i) p[i * 32 + threadIdx.x] = v[63 - i];
})";
  const CompiledUnit unit = program_of(compile_or_fail(one_unit(source, {"heavy"}))).units.at(0);
  const KernelResources& heavy = unit.kernels.begin()->second;
  EXPECT_LE(heavy.registers, 24);
  EXPECT_GT(heavy.spill_stores + heavy.spill_loads, 0);
  EXPECT_GT(heavy.stack, 0);
}

TEST(Compiler, UnitsAreCompiledAlone) {
  REQUIRE_TOOLKIT();
  CompileRequest request = one_unit("__global__ void f(int* p) { *p = 1; }", {"f"});
  request.units[0].name = "one";
  request.units.push_back({"two", "", "\n\n__global__ void f(long* p) { *p = 2; }", {"f"}});
  const CompiledProgram program = program_of(compile_or_fail(request));
  ASSERT_EQ(program.units.size(), 2u);
  EXPECT_EQ(program.units[0].lowered_names.at("f"), "_Z1fPi");
  EXPECT_EQ(program.units[1].name, "two");
  EXPECT_EQ(program.units[1].lowered_names.at("f"), "_Z1fPl");
}

TEST(Compiler, CudaAndHabitualHeadersCompile) {
  REQUIRE_TOOLKIT();
  const char* source = R"(
#include <cuda.h>
#include <cuda_runtime.h>
#include <cstdint>
#include <stdint.h>
#include <cmath>
#include <cfloat>
#include <climits>
#include <cassert>
#include <cstddef>
#include <cstdio>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <mma.h>
#include <cooperative_groups.h>
#include <cuda/std/cstdint>
#include <cuda/std/cmath>
#include <cuda/std/cfloat>
#include <type_traits>
#include <limits>
#include <utility>
#include <algorithm>
#include <array>
#include <tuple>
__global__ void f(__nv_bfloat16* a, const __nv_fp8_e4m3* b, std::uint64_t n, float* c) {
  static_assert(std::is_same<int64_t, long long>::value && sizeof(std::size_t) == 8, "");
  auto block = cooperative_groups::this_thread_block();
  block.sync();
  std::array<float, 2> pair = {float(b[0]), -INFINITY};
  assert(n < UINT32_MAX);
  c[1] = std::exp(c[2]) + std::abs(c[3]) + (reinterpret_cast<uintptr_t>(c) & 15);
  a[0] = __float2bfloat16(std::max(pair[0], pair[1]) + FLT_MAX + INT_MAX);
  c[0] = std::numeric_limits<float>::infinity() + M_PI;
})";
  const CompiledProgram program = program_of(compile_or_fail(one_unit(source, {"f"})));
  EXPECT_EQ(program.units.at(0).log, "");
}

TEST(Compiler, SyntaxErrorNamesTheCandidatesFileAndLine) {
  REQUIRE_TOOLKIT();
  CompileRequest request =
      one_unit("// first\n__global__ void f(int* p) {\n  *p = undefined_name;\n}\n", {"f"});
  request.units[0].prelude = "namespace axis {\nconstexpr int a = 1;\n}\n\n";
  request.source_name = "seeds/my kernel.cu";
  const CompileFailure failure = failure_of(compile_or_fail(request));
  EXPECT_EQ(failure.kind, Kind::kDiagnostics);
  EXPECT_EQ(failure.message, "seeds/my kernel.cu(3): error: identifier \"undefined_name\" is undefined");
  EXPECT_NE(failure.log.find("*p = undefined_name;"), std::string::npos);
}

TEST(Compiler, MissingKernelIsToldWithTheKernelsThereAre) {
  REQUIRE_TOOLKIT();
  const char* source =
      "__global__ void __launch_bounds__(32) split(int*) {}\n"
      "// __global__ void comment();\n"
      "template <int N> __global__ void merge() {}\n";
  const CompileFailure missing = failure_of(compile_or_fail(one_unit(source, {"split", "combine<4>"})));
  EXPECT_EQ(missing.message,
            "candidate.cu: error: kernel `combine` named by the plan is not in the source; its __global__ "
            "functions: split, merge");
  const CompileFailure argument = failure_of(compile_or_fail(one_unit(source, {"merge<WIDTH>"})));
  EXPECT_EQ(
      argument.message,
      "candidate.cu: error: kernel `merge<WIDTH>` named by the plan: identifier \"WIDTH\" is undefined");
}

TEST(Compiler, VariableNamedAsKernelIsRefused) {
  REQUIRE_TOOLKIT();
  const CompileFailure failure =
      failure_of(compile_or_fail(one_unit("__constant__ int table[4];\n__global__ void f() {}", {"&table"})));
  EXPECT_NE(failure.message.find("`&table` named by the plan is not a __global__ function"),
            std::string::npos);
}

TEST(Compiler, TooMuchSharedMemoryIsTheCandidatesError) {
  REQUIRE_TOOLKIT();
  const char* source = "__global__ void f(int* p) { __shared__ int s[100000]; s[*p] = 1; *p = s[*p + 1]; }";
  const CompileFailure failure = failure_of(compile_or_fail(one_unit(source, {"f"})));
  EXPECT_NE(failure.message.find("uses too much shared data"), std::string::npos) << failure.message;
}

TEST(Compiler, UnknownTargetIsTheCallersError) {
  REQUIRE_TOOLKIT();
  auto compiler = Compiler::create(test_options());
  ASSERT_TRUE(compiler);
  const auto outcome = compiler->compile(one_unit("__global__ void f() {}", {"f"}, "sm_42"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kUsage);
  EXPECT_NE(outcome.error().message.find("does not know target sm_42"), std::string::npos);
}

TEST(Compiler, NulByteIsNamedByLine) {
  REQUIRE_TOOLKIT();
  const CompileFailure failure = failure_of(compile_or_fail(one_unit(std::string("a\nb\0c", 5))));
  EXPECT_EQ(failure.message, "candidate.cu(2): error: the source has a NUL byte here");
}

// Needs Landlock; without it the compiler says so and the test is skipped.
class Leaks : public testing::TestWithParam<std::string> {};

TEST_P(Leaks, FilesOutsideTheToolkitCannotBeRead) {
  REQUIRE_TOOLKIT();
  auto secret = TempDirectory::create();
  ASSERT_TRUE(secret);
  ASSERT_TRUE(write_file_atomic(secret->path() / "secret.h", "SECRET_WORD here\n"));
  ::setenv("WARPWRIGHT_TEST_SECRET", "SECRET_WORD", 1);
  std::string source = GetParam();
  if (const size_t at = source.find("SECRET_PATH"); at != std::string::npos)
    source.replace(at, 11, (secret->path() / "secret.h").string());
  const CompileOutcome outcome = compile_or_fail(one_unit(source + "\n__global__ void f() {}\n", {"f"}));
  ::unsetenv("WARPWRIGHT_TEST_SECRET");
  if (outcome.sandbox.find("landlock") == std::string::npos) {
    EXPECT_NE(outcome.warning, "");
    GTEST_SKIP() << "no Landlock on this kernel: " << outcome.sandbox;
  }
  const CompileFailure failure = failure_of(outcome);
  const std::string all = failure.message + failure.log;
  EXPECT_NE(all.find("absent"), std::string::npos) << all;
  for (const char* leak : {"SECRET_WORD", "root:", "PATH="})
    EXPECT_EQ(all.find(leak), std::string::npos) << all;
}

std::string probe(const std::string& path) {
  return "#if __has_include(\"" + path + "\")\n#include \"" + path +
         "\"\n#error present\n#else\n#error absent\n#endif";
}
INSTANTIATE_TEST_SUITE_P(Paths, Leaks,
                         testing::Values(probe("/etc/passwd"), probe("/proc/self/environ"),
                                         probe("SECRET_PATH"), probe("/proc/self/cmdline"),
                                         probe("/usr/include/stdlib.h"),
                                         probe("../../../../../../etc/passwd")));

TEST(LeakMessages, IncludeErrorShowsNothingOfTheFile) {
  REQUIRE_TOOLKIT();
  for (const char* path : {"/etc/passwd", "/proc/self/environ"}) {
    const CompileOutcome outcome =
        compile_or_fail(one_unit("#include \"" + std::string(path) + "\"\n__global__ void f() {}", {"f"}));
    if (outcome.sandbox.find("landlock") == std::string::npos) GTEST_SKIP() << "no Landlock on this kernel";
    const CompileFailure failure = failure_of(outcome);
    EXPECT_NE(failure.message.find("cannot open source file"), std::string::npos) << failure.message;
    EXPECT_EQ(failure.log.find("root"), std::string::npos) << failure.log;
  }
}

TEST(Bombs, TemplateExpansionEndsAtTheCpuLimit) {
  REQUIRE_TOOLKIT();
  const char* source = R"(
template <int N, long P> struct Tree { static constexpr long v = Tree<N - 1, 2 * P>::v + Tree<N - 1, 2 * P + 1>::v; };
template <long P> struct Tree<0, P> { static constexpr long v = P; };
__global__ void f(long* p) { *p = Tree<22, 0>::v; })";
  CompileRequest request = one_unit(source, {"f"});
  request.deadline_ms = 1000;
  const CompileFailure failure = failure_of(compile_or_fail(request));
  EXPECT_EQ(failure.kind, Kind::kTimeout);
  EXPECT_EQ(failure.message,
            "candidate.cu: error: compilation took more than 1 s of CPU time: template or macro expansion "
            "too large, "
            "or a loop unrolled too far?");
}

TEST(Bombs, LargeInitialisedArrayEndsAtTheSizeLimit) {
  REQUIRE_TOOLKIT();
  CompilerOptions options = test_options();
  options.limits.cubin_bytes = 1u << 20;
  const char* source = "__device__ int big[1000000] = {1};\n__global__ void f(int* p) { *p = big[*p]; }";
  const CompileFailure failure = failure_of(compile_or_fail(one_unit(source, {"f"}), options));
  EXPECT_EQ(failure.kind, Kind::kTooLarge);
  EXPECT_NE(failure.message.find("candidate.cu: error: the cubin has "), std::string::npos)
      << failure.message;
}

TEST(Bombs, MemoryLimitIsACrashOfTheCandidate) {
  REQUIRE_TOOLKIT();
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer needs more address space than any limit";
#endif
  CompilerOptions options = test_options();
  options.limits.memory_bytes = 400u << 20;
  const char* source = "__device__ int big[100000000] = {1};\n__global__ void f(int* p) { *p = big[*p]; }";
  const CompileFailure failure = failure_of(compile_or_fail(one_unit(source, {"f"}), options));
  EXPECT_EQ(failure.kind, Kind::kCrashed) << failure.message;
}

TEST(Bombs, FloodOfWarningsIsCutAndTheErrorKept) {
  REQUIRE_TOOLKIT();
  std::string source;
  for (int i = 0; i < 3000; ++i) source += "#warning look at me, I am a long warning that fills the log\n";
  source += "__global__ void f(int* p) { *p = nothing; }\n";
  const CompileFailure failure = failure_of(compile_or_fail(one_unit(source, {"f"})));
  EXPECT_EQ(failure.message, "candidate.cu(3001): error: identifier \"nothing\" is undefined");
  EXPECT_LE(failure.log.size(), kMaxLogBytes);
  EXPECT_NE(failure.log.find("identifier \"nothing\" is undefined"), std::string::npos);
  EXPECT_NE(failure.log.find("[cut: the whole log has "), std::string::npos);
}

TEST(Compiler, WithoutNvrtcTheErrorSaysWhatToInstall) {
  CompilerOptions options = test_options();
  options.search.roots = {{"/nonexistent/cuda", "CUDA_HOME"}};
  const auto compiler = Compiler::create(options);
  ASSERT_FALSE(compiler);
  EXPECT_EQ(compiler.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(compiler.error().message.find("install a CUDA toolkit 12.8 or newer"), std::string::npos);
  EXPECT_NE(compiler.error().message.find("/nonexistent/cuda (CUDA_HOME): no such folder"),
            std::string::npos);
}

TEST(Compiler, MissingWorkerIsTheMachinesError) {
  REQUIRE_TOOLKIT();
  CompilerOptions options = test_options();
  options.worker = "/nonexistent/worker";
  const auto compiler = Compiler::create(options);
  ASSERT_FALSE(compiler);
  EXPECT_NE(compiler.error().message.find("/nonexistent/worker is missing"), std::string::npos);
}

TEST(Compiler, WorkerThatIsNoCompileChildIsTheMachinesError) {
  REQUIRE_TOOLKIT();
  CompilerOptions options = test_options();
  options.worker = "/bin/true";
  auto compiler = Compiler::create(options);
  ASSERT_TRUE(compiler) << compiler.error().message;
  const auto outcome = compiler->compile(one_unit("__global__ void f() {}", {"f"}));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kInfrastructure);
}

TEST(Compiler, SecondCompileComesFromTheCacheUnlessAnythingDiffers) {
  REQUIRE_TOOLKIT();
  auto folder = TempDirectory::create();
  ASSERT_TRUE(folder);
  CompilerOptions options = test_options();
  options.cache_folder = folder->path() / "compile";
  CompileRequest request = one_unit("__global__ void f(int* p) { *p = 1; }", {"f"});
  const CompileOutcome first = compile_or_fail(request, options), second = compile_or_fail(request, options);
  EXPECT_FALSE(first.cached);
  EXPECT_TRUE(second.cached);
  EXPECT_EQ(program_of(first).units.at(0).cubin, program_of(second).units.at(0).cubin);
  EXPECT_EQ(second.sandbox, first.sandbox);
  request.units[0].prelude = "namespace knob { constexpr int A = 1; }";
  EXPECT_FALSE(compile_or_fail(request, options).cached);
  request.target = "sm_90a";
  EXPECT_FALSE(compile_or_fail(request, options).cached);
}

TEST(Compiler, DiagnosticsAreCachedTimeoutsAreNot) {
  REQUIRE_TOOLKIT();
  auto folder = TempDirectory::create();
  ASSERT_TRUE(folder);
  CompilerOptions options = test_options();
  options.cache_folder = folder->path() / "compile";
  const CompileRequest wrong = one_unit("__global__ void f() { nothing; }", {"f"});
  EXPECT_FALSE(compile_or_fail(wrong, options).cached);
  const CompileOutcome again = compile_or_fail(wrong, options);
  EXPECT_TRUE(again.cached);
  EXPECT_EQ(failure_of(again).message, "candidate.cu(1): error: identifier \"nothing\" is undefined");
  CompileRequest slow = one_unit(
      "template <int N, long P> struct T { static constexpr long v = T<N - 1, 2 * P>::v + T<N - 1, 2 * P + "
      "1>::v; };"
      "template <long P> struct T<0, P> { static constexpr long v = P; };"
      "__global__ void f(long* p) { *p = T<22, 0>::v; }",
      {"f"});
  slow.deadline_ms = 1000;
  for (int i = 0; i < 2; ++i) {
    const CompileOutcome outcome = compile_or_fail(slow, options);
    EXPECT_FALSE(outcome.cached);
    EXPECT_EQ(failure_of(outcome).kind, Kind::kTimeout);
  }
}

}  // namespace
}  // namespace warpwright::compile
