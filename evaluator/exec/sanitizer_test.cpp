#include "evaluator/exec/sanitizer.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include "evaluator/exec/cuda_executor.h"
#include "evaluator/exec/test_support.h"

namespace warpwright::exec {
namespace {

constexpr std::string_view kLog = R"(========= COMPUTE-SANITIZER
a line that the kernel printed: Race reported
========= Invalid __global__ write of size 4 bytes
=========     at k(float *)+0x70 in candidate.cu:12
=========     by thread (33,0,0) in block (0,0,0)
=========     Address 0x7f8a is out of bounds
=========     Saved host backtrace up to driver entry point at kernel launch time
=========     Host Frame: cuLaunchKernel
=========
========= Error: Race reported between Write access at k+0x1 and Read access at k+0x2 [128 hazards]
=========
========= Uninitialized __global__ memory read of size 4 bytes
=========     at k(float *)+0x10
========= Barrier error detected. Divergent thread(s) in block
========= Program hit CUDA_ERROR_LAUNCH_FAILED (error 719) due to "unspecified launch failure"
========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)
========= ERROR SUMMARY: 2 errors
)";

TEST(Sanitizer, FindingsGetTheRulesOfTheSimulatorAndSayWhere) {
  const auto findings = parse_sanitizer_log(kLog);
  ASSERT_EQ(findings.size(), 4u);
  EXPECT_EQ(findings[0].rule, "out-of-bounds-write");
  EXPECT_NE(findings[0].message.find("candidate.cu:12"), std::string::npos);
  EXPECT_EQ(findings[0].message.find("Host Frame"), std::string::npos);
  EXPECT_EQ(findings[1].rule, "data-race");
  EXPECT_EQ(findings[2].rule, "uninitialised-read");
  EXPECT_EQ(findings[3].rule, "divergent-barrier");
  for (const Failure& finding : findings) EXPECT_EQ(finding.status, Status::kRejected);
}

TEST(Sanitizer, ACleanLogHasNoFindings) {
  EXPECT_TRUE(parse_sanitizer_log("").empty());
  EXPECT_TRUE(parse_sanitizer_log("========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n").empty());
  EXPECT_TRUE(parse_sanitizer_log("========= RACECHECK SUMMARY: 0 hazards displayed\n").empty());
}

TEST(Sanitizer, AFloodOfFindingsIsBounded) {
  std::string log;
  for (int i = 0; i < 10000; ++i) log += "========= Invalid __global__ read of size 4 bytes\n";
  EXPECT_LE(parse_sanitizer_log(log).size(), 16u);
}

// A stand-in for the tool: the same command line, log and place between supervisor and device process.
class SanitizedExecutor : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto tool = folder_.path() / "compute-sanitizer";
    const std::string script = R"(#!/bin/sh
while [ "$1" != "$STOP" ]; do
  case "$1" in
    --log-file) log=$2; shift 2;;
    --tool|--print-limit|--target-processes|--padding) shift 2;;
    *) break;;
  esac
done
echo "========= COMPUTE-SANITIZER" > "$log"
cat "$0.says" >> "$log"
exec "$@"
)";
    ASSERT_TRUE(write_file_atomic(tool, script));
    ASSERT_EQ(::chmod(tool.c_str(), 0755), 0);
    ::setenv("WARPWRIGHT_COMPUTE_SANITIZER", tool.c_str(), 1);
    says("");
  }
  void TearDown() override { ::unsetenv("WARPWRIGHT_COMPUTE_SANITIZER"); }

  void says(const std::string& text) {
    ASSERT_TRUE(write_file_atomic(folder_.path() / "compute-sanitizer.says", text));
  }
  CudaOptions options() {
    CudaOptions options;
    options.process.argv = {std::filesystem::read_symlink("/proc/self/exe"), "device-process"};
    const std::string library = program_directory() / "libfake_gpu.so";
    for (const char* name : {"WARPWRIGHT_LIBCUDA", "WARPWRIGHT_LIBCUPTI", "WARPWRIGHT_LIBNVML"})
      options.process.set_environment[name] = library;
    options.lock_folder = folder_.path();
    return options;
  }
  CallReport call(Executor& executor) {
    auto loaded = executor.load(testing::scale_units());
    EXPECT_TRUE(loaded && loaded->program);
    auto session = loaded->program->open_session();
    EXPECT_TRUE(session->set_input("x", testing::floats(1)));
    EXPECT_TRUE(session->add_buffer("y", BufferRole::kOutput, 128));
    auto report = session->call(testing::scale_plan(2), {});
    EXPECT_TRUE(report) << report.error().message;
    return std::move(*report);
  }

  TempDirectory folder_ = TempDirectory::create().value();
};

TEST_F(SanitizedExecutor, ACleanRunPassesAndHasNoClock) {
  auto executor = make_sanitized_executor(options(), "racecheck");
  ASSERT_TRUE(executor) << executor.error().message;
  EXPECT_EQ((*executor)->name(), "cuda+racecheck");
  EXPECT_FALSE((*executor)->has_clock());
  const CallReport report = call(**executor);
  EXPECT_FALSE(report.failure);
  EXPECT_TRUE(report.findings.empty());
}

TEST_F(SanitizedExecutor, WhatTheToolFindsIsTheCallsFinding) {
  says("========= Error: Race reported between Write access at k+0x1 and Read access at k+0x2 [4 hazards]\n");
  auto executor = make_sanitized_executor(options(), "racecheck");
  ASSERT_TRUE(executor) << executor.error().message;
  const CallReport report = call(**executor);
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].rule, "data-race");
}

TEST_F(SanitizedExecutor, AToolThatIsNotThereIsOneErrorWithTheMend) {
  const auto unknown = make_sanitized_executor(options(), "leakcheck");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("memcheck, racecheck"), std::string::npos);
  ::unsetenv("WARPWRIGHT_COMPUTE_SANITIZER");
  const char* path = std::getenv("PATH");
  const std::string kept = path == nullptr ? "" : path;
  ::setenv("PATH", folder_.path().c_str(), 1);
  std::filesystem::remove(folder_.path() / "compute-sanitizer");
  const auto absent = find_compute_sanitizer();
  ::setenv("PATH", kept.c_str(), 1);
  if (absent) GTEST_SKIP() << "this machine has one at " << *absent;
  EXPECT_NE(absent.error().message.find("WARPWRIGHT_COMPUTE_SANITIZER"), std::string::npos);
}

}  // namespace
}  // namespace warpwright::exec
