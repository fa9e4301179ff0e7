// Sources that are meant to harm the machine that compiles them: each ends within its limits, as the
// candidate's failure, and shows nothing of the machine. testdata/hostile/*.cu; their first lines say how
// they may end.
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>

#include "evaluator/compile/testing.h"
#include "src/base/files.h"

namespace warpwright::compile {
namespace {
namespace fs = std::filesystem;

constexpr int64_t kCpuLimitMs = 2000;

std::string name_of(CompileFailure::Kind kind) {
  switch (kind) {
    case CompileFailure::Kind::kDiagnostics:
      return "diagnostics";
    case CompileFailure::Kind::kTimeout:
      return "timeout";
    case CompileFailure::Kind::kTooLarge:
      return "too-large";
    case CompileFailure::Kind::kCrashed:
      return "crashed";
  }
  return "";
}

// What must not be told: text of the files that the sources ask for, and of this process's environment.
std::vector<std::string> secrets() {
  std::vector<std::string> texts = {
      "root:", "daemon:", "PATH=", "HOME=", "sk-test-secret", "libnvrtc", "FOUND_A_FILE"};
  if (const auto host = read_file("/etc/hostname"); host && host->size() > 4)
    texts.push_back(host->substr(0, host->find('\n')));
  return texts;
}

CompilerOptions limited() {
  CompilerOptions options = test_options();
  options.limits.memory_bytes = 2ull << 30;
  options.limits.cubin_bytes = 4u << 20;
  return options;
}

class Hostile : public testing::TestWithParam<fs::path> {};
TEST_P(Hostile, EndsWithinItsLimitsAndTellsNothingOfTheMachine) {
  REQUIRE_TOOLKIT();
#if defined(__SANITIZE_ADDRESS__)
  if (GetParam().filename().string().starts_with("bomb_")) GTEST_SKIP() << "memory cannot be limited here";
#endif
  ::setenv("OPENAI_API_KEY", "sk-test-secret", 1);
  const std::string source = read_file(GetParam()).value();
  constexpr std::string_view kExpect = "// expect: ";
  const size_t at = source.find(kExpect);
  ASSERT_NE(at, std::string::npos);
  const std::string expected =
      source.substr(at + kExpect.size(), source.find('\n', at) - at - kExpect.size());

  CompileRequest request = one_unit(source, {"f"});
  request.deadline_ms = kCpuLimitMs;
  rusage before{}, after{};
  ::getrusage(RUSAGE_CHILDREN, &before);
  const CompileOutcome outcome = compile_or_fail(request, limited());
  ::getrusage(RUSAGE_CHILDREN, &after);
  ::unsetenv("OPENAI_API_KEY");
  const auto cpu_s = after.ru_utime.tv_sec - before.ru_utime.tv_sec;
  EXPECT_LE(cpu_s, kCpuLimitMs / 1000 + 6) << "CPU time of the compiler";

  const bool is_sandboxed = outcome.sandbox.find("landlock") != std::string::npos;
  const bool reads_files = !GetParam().filename().string().starts_with("bomb_");
  if (reads_files && !is_sandboxed) GTEST_SKIP() << "no Landlock on this kernel: " << outcome.sandbox;
  const CompileFailure failure = failure_of(outcome);
  EXPECT_NE((" " + expected + " ").find(" " + name_of(failure.kind) + " "), std::string::npos)
      << name_of(failure.kind) << ": " << failure.message;
  EXPECT_LE(failure.message.size(), 2000u);
  EXPECT_LE(failure.log.size(), kMaxLogBytes);
  for (const std::string& secret : secrets()) {
    EXPECT_EQ(failure.message.find(secret), std::string::npos) << failure.message;
    EXPECT_EQ(failure.log.find(secret), std::string::npos) << failure.log;
  }
}
INSTANTIATE_TEST_SUITE_P(
    Sources, Hostile,
    testing::ValuesIn(list_files(find_home().value() / "evaluator/compile/testdata/hostile", ".cu")),
    [](const auto& source) { return source.param.stem().string(); });

// A worker that shows its environment instead of compiling.
TEST(CompileChild, IsGivenNoSecretsOfTheEnvironment) {
  REQUIRE_TOOLKIT();
  auto folder = TempDirectory::create();
  ASSERT_TRUE(folder);
  const fs::path worker = folder->path() / "worker";
  ASSERT_TRUE(write_file_atomic(worker, "#!/bin/sh\n/usr/bin/env >&2\nexit 127\n"));
  ASSERT_EQ(::chmod(worker.c_str(), 0700), 0);
  for (const char* name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"})
    ::setenv(name, "sk-test-secret", 1);
  const char* path = std::getenv("LD_LIBRARY_PATH");
  const std::string library_path = path == nullptr ? "" : path;
  ::setenv("LD_LIBRARY_PATH", "/nonexistent", 1);
  CompilerOptions options = test_options();
  options.worker = worker;
  auto compiler = Compiler::create(options);
  ASSERT_TRUE(compiler) << compiler.error().message;
  const auto outcome = compiler->compile(one_unit("__global__ void f() {}", {"f"}));
  for (const char* name :
       {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "LD_LIBRARY_PATH"})
    ::unsetenv(name);
  if (!library_path.empty()) ::setenv("LD_LIBRARY_PATH", library_path.c_str(), 1);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("LD_LIBRARY_PATH=/nonexistent"), std::string::npos)
      << "this test sees the environment: " << outcome.error().message;
  EXPECT_EQ(outcome.error().message.find("sk-test-secret"), std::string::npos) << outcome.error().message;
}

}  // namespace
}  // namespace warpwright::compile
