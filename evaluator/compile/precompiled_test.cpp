#include "evaluator/compile/precompiled.h"

#include "evaluator/compile/testing.h"
#include "src/base/files.h"

namespace warpwright::compile {
namespace {

constexpr const char* kSource = "__global__ void f(int* p) { *p = knob::N; }";

CompileRequest request_of(const std::string& knob = "1") {
  CompileRequest request = one_unit(kSource, {"f"}, "sm_90a");
  request.units[0].prelude = "namespace knob { constexpr int N = " + knob + "; }";
  return request;
}

// A machine without a toolkit, with these results.
CompilerOptions bare_options(const std::filesystem::path& folder) {
  CompilerOptions options;
  options.search = {};
  options.worker = "/nowhere/warpwright-worker";
  options.precompiled = folder;
  return options;
}

class Precompiled : public testing::Test {
 protected:
  void precompile(const CompileRequest& request) {
    CompilerOptions options = test_options();
    options.write_precompiled = folder_.path();
    made_ = program_of(compile_or_fail(request, options));
  }
  TempDirectory folder_ = TempDirectory::create().value();
  CompiledProgram made_;
};

TEST_F(Precompiled, ResultsServeAMachineWithoutAToolkit) {
  REQUIRE_TOOLKIT();
  precompile(request_of());
  auto compiler = Compiler::create(bare_options(folder_.path()));
  ASSERT_TRUE(compiler) << compiler.error().message;
  EXPECT_EQ(compiler->toolkit().version, find_toolkit()->version) << "that of the NVRTC that made them";
  const auto outcome = compiler->compile(request_of());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(outcome->cached);
  EXPECT_EQ(program_of(*outcome).units.at(0).cubin, made_.units.at(0).cubin);
  EXPECT_EQ(program_of(*outcome).units.at(0).ptx, made_.units.at(0).ptx);
}

TEST_F(Precompiled, FailuresOfTheSourceTravelToo) {
  REQUIRE_TOOLKIT();
  CompilerOptions options = test_options();
  options.write_precompiled = folder_.path();
  const CompileRequest wrong = one_unit("__global__ void f() { nonsense }", {"f"}, "sm_90a");
  const std::string message = failure_of(compile_or_fail(wrong, options)).message;
  EXPECT_EQ(failure_of(compile_or_fail(wrong, bare_options(folder_.path()))).message, message);
}

TEST_F(Precompiled, WhatIsNotThereIsAnErrorThatSaysWhatToDo) {
  REQUIRE_TOOLKIT();
  precompile(request_of());
  auto compiler = Compiler::create(bare_options(folder_.path()));
  ASSERT_TRUE(compiler) << compiler.error().message;
  const auto outcome = compiler->compile(request_of("2"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kInfrastructure);
  for (const char* word : {"candidate.cu", "WARPWRIGHT_WRITE_PRECOMPILED", "sm_90a"})
    EXPECT_NE(outcome.error().message.find(word), std::string::npos) << outcome.error().message;
}

TEST_F(Precompiled, ADamagedEntryCountsAsAbsent) {
  REQUIRE_TOOLKIT();
  precompile(request_of());
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (file.is_regular_file() && file.path().filename() != "manifest.json") {
      ASSERT_TRUE(write_file_atomic(file.path(), "damaged"));
    }
  }
  auto compiler = Compiler::create(bare_options(folder_.path()));
  ASSERT_TRUE(compiler) << compiler.error().message;
  EXPECT_FALSE(compiler->compile(request_of()));
}

TEST_F(Precompiled, AFolderWithoutAManifestIsNone) {
  const auto compiler = Compiler::create(bare_options(folder_.path()));
  ASSERT_FALSE(compiler);
  EXPECT_NE(compiler.error().message.find("manifest.json"), std::string::npos) << compiler.error().message;
}

TEST_F(Precompiled, AnotherFormatOrAnotherNvrtcIsRefused) {
  ASSERT_TRUE(PrecompiledResults::create(folder_.path(), "13.0"));
  const auto other = PrecompiledResults::create(folder_.path(), "12.8");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("13.0"), std::string::npos) << other.error().message;
  ASSERT_TRUE(write_file_atomic(folder_.path() / "manifest.json", R"({"format": "0", "nvrtc": "13.0"})"));
  EXPECT_FALSE(PrecompiledResults::open(folder_.path()));
}

}  // namespace
}  // namespace warpwright::compile
