#include "src/exporter/tvm_ffi.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/trace/dataset.h"

namespace warpwright::exporter {
namespace {

namespace fs = std::filesystem;

ExportRequest request(std::string source) {
  ExportRequest made;
  const auto loaded = trace::DatasetPath::open({})->load("gdn_decode_qk4_v8_d128_k_last");
  made.definition = loaded->definition;
  for (const int64_t batch : {1, 4, 64}) {
    plan::BindInputs inputs;
    inputs.axes["batch_size"] = batch;
    inputs.scalars["scale"] = 0.0;
    made.workloads.push_back(inputs);
  }
  made.source = std::move(source);
  made.source_name = "x.cu";
  made.solution_name = "gdn_decode_test";
  made.author = "team";
  made.description = "for a test";
  return made;
}

ExportRequest request_of_file(const std::string& path) {
  return request(*read_file(path));
}

std::string plan_of(const std::string& statements) {
  return "/*@plan\n" + statements +
         "\ndone<<<1, 32>>>(output, new_state);\n*/\n__global__ void f(float*, int);\n";
}

std::string error_of(const ExportRequest& made) {
  const auto solution = export_tvm_ffi(made);
  return solution ? "no error" : solution.error().message;
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(ExportTvmFfi, WritesASolutionOfFlashInferBench) {
  const auto solution = export_tvm_ffi(request_of_file("src/exporter/testdata/branches.cu"));
  ASSERT_TRUE(solution) << solution.error().message;
  EXPECT_EQ(schema_violations(solution->solution_json), std::vector<std::string>{});
  const Json& json = solution->solution_json;
  EXPECT_EQ(json["name"], "gdn_decode_test");
  EXPECT_EQ(json["author"], "team");
  EXPECT_EQ(json["definition"], "gdn_decode_qk4_v8_d128_k_last");
  EXPECT_EQ(json["spec"],
            Json::parse(R"({"language": "cuda", "target_hardware": ["cuda"], "entry_point": "kernel.cu::run",
      "dependencies": [], "destination_passing_style": true, "binding": "tvm-ffi"})"));
  ASSERT_EQ(json["sources"].size(), 3u);
  EXPECT_EQ(json["sources"][0]["path"], "kernel.cu");
}

TEST(ExportTvmFfi, IsAFunctionOfItsRequest) {
  const ExportRequest made = request_of_file("src/exporter/testdata/branches.cu");
  EXPECT_EQ(export_tvm_ffi(made)->solution_json, export_tvm_ffi(made)->solution_json);
}

TEST(ExportTvmFfi, TakesInputsThenOutputsInTheDefinitionsOrder) {
  const std::string entry =
      export_tvm_ffi(request_of_file("src/exporter/testdata/branches.cu"))->files[0].content;
  size_t at = entry.find("void run(");
  for (const char* name :
       {"q", "k", "v", "state", "A_log", "a", "dt_bias", "b", "scale", "output", "new_state"}) {
    at = entry.find(fmt::format(" arg_{}{}", name, std::string(name) == "new_state" ? ")" : ","), at);
    ASSERT_NE(at, std::string::npos) << name;
  }
  expect_contains(entry, "double arg_scale");
  expect_contains(entry, "TVM_FFI_DLL_EXPORT_TYPED_FUNC(run, solution::run);");
}

TEST(ExportTvmFfi, FreezesKnobsInHostAndDeviceCode) {
  ExportRequest made = request_of_file("src/exporter/testdata/branches.cu");
  made.knobs = {{"SPLITS", "8"}, {"SOFTCAP", "0.25"}};
  const auto solution = export_tvm_ffi(made);
  ASSERT_TRUE(solution) << solution.error().message;
  expect_contains(solution->files[0].content, "constexpr ww::Int SPLITS = 8;");
  expect_contains(solution->files[0].content, "constexpr ww::Float SOFTCAP(0.25);");
  expect_contains(solution->files[2].content, "constexpr int SPLITS = 8;");
  expect_contains(solution->files[2].content, "constexpr float SOFTCAP = 0.25f;");
}

TEST(ExportTvmFfi, RefusesALaunchThatNoWorkloadReaches) {
  const auto solution = export_tvm_ffi(request(
      plan_of("if (batch_size == 5) { f<<<1, 32>>>(new_state, 1); } else { f<<<2, 32>>>(new_state, 2); }")));
  ASSERT_TRUE(solution) << solution.error().message;
  expect_contains(solution->files[0].content,
                  "ww::fail(\"f is not part of this solution: no workload reaches it (plan line 2)\");");
}

TEST(ExportTvmFfi, KeepsNamesThatMeanSomethingInCxxApart) {
  const auto solution = export_tvm_ffi(
      request(plan_of("const int run = 2; const int wwx = 3; f<<<run, wwx>>>(new_state, run);")));
  ASSERT_TRUE(solution) << solution.error().message;
  expect_contains(solution->files[0].content, "ww_config.grid = {plan_run};");
  expect_contains(solution->files[0].content, "ww_config.block = {plan_wwx};");
}

TEST(ExportTvmFfi, PassesThePlansDiagnosticsOn) {
  const std::string error = error_of(request(plan_of("f<<<1, 32>>>(new_stat, 1);")));
  expect_contains(error, "x.cu:2:");
  expect_contains(error, "new_stat");
}

TEST(ExportTvmFfi, SaysForWhichWorkloadThePlanDoesNotBind) {
  const std::string error = error_of(request(plan_of("f<<<batch_size - 4, 32>>>(new_state, 1);")));
  expect_contains(error, "batch_size = 1");
  expect_contains(error, "grid x");
}

TEST(ExportTvmFfi, RefusesTensorMapsByName) {
  const std::string error = error_of(request(
      plan_of("tensormap rows = tiled(new_state, dims = {128, 1024}, box = {32, 8});\ng<<<1, 32>>>(rows);")));
  expect_contains(error, "tensormap 'rows'");
}

TEST(ExportTvmFfi, RefusesARequestThatLacksSomething) {
  ExportRequest made = request(plan_of("f<<<1, 32>>>(new_state, 1);"));
  made.author = "";
  expect_contains(error_of(made), "author");
  made.author = "team";
  made.entry_symbol = "run it";
  expect_contains(error_of(made), "'run it'");
  made.entry_symbol = "run";
  made.knobs = {{"SPLIT", "4"}};
  expect_contains(error_of(made), "SPLIT");
  made.knobs.clear();
  made.workloads.clear();
  expect_contains(error_of(made), "workloads");
}

// --- against the real tools, where they are ---

struct Tool {
  std::string path;    // empty: not there
  std::string reason;  // why not
};

CompletedProcess run(const std::vector<std::string>& argv) {
  SubprocessOptions options;
  options.argv = argv;
  options.keep_environment.insert(options.keep_environment.end(), {"PYTHONPATH", "VIRTUAL_ENV"});
  auto done = run_to_completion(options, "", 150'000, 4 << 20);
  if (done) return std::move(*done);
  CompletedProcess failed;
  failed.status.code = 127;
  failed.stderr_text = done.error().message;
  return failed;
}

Tool tvm_ffi_include() {
  if (const char* folder = std::getenv("TVM_FFI_INCLUDE")) return {folder, ""};
  const auto found =
      run({"python3", "-c", "import tvm_ffi.libinfo as info; print(info.find_include_path())"});
  if (!found.status.success())
    return {"", "no tvm_ffi in Python (pip install apache-tvm-ffi), and no TVM_FFI_INCLUDE"};
  return {found.stdout_text.substr(0, found.stdout_text.find('\n')), ""};
}

Tool nvcc() {
  const char* home = std::getenv("CUDA_HOME");
  for (const fs::path& path : {fs::path(home == nullptr ? "" : home) / "bin/nvcc",
                               fs::path("/usr/local/cuda/bin/nvcc"), fs::path("/usr/bin/nvcc")}) {
    if (fs::exists(path)) return {path.string(), ""};
  }
  return {"", "no nvcc in CUDA_HOME or the usual places"};
}

// What FlashInfer-Bench's builder does: every .cu alone, C++17, no flags but the architecture.
TEST(ExportedSolution, CompilesForSm100WithTheRealHeaders) {
  const Tool compiler = nvcc(), include = tvm_ffi_include();
  if (compiler.path.empty()) GTEST_SKIP() << compiler.reason;
  if (include.path.empty()) GTEST_SKIP() << include.reason;
  const auto folder = TempDirectory::create("exporter-nvcc");
  for (const char* source : {"src/exporter/testdata/units.cu"}) {
    const auto solution = export_tvm_ffi(request_of_file(source));
    ASSERT_TRUE(solution) << solution.error().message;
    const fs::path out = folder->path() / fs::path(source).stem();
    ASSERT_TRUE(write_solution(*solution, out, Overwrite::kOwnExports));
    const std::string sources = (out / "sources").string();
    const auto compiled = run({compiler.path, "-std=c++17", "-O0", "-Xcompiler", "-fPIC",
                               "-gencode=arch=compute_100,code=sm_100", "-I" + sources, "-I" + include.path,
                               "-c", sources + "/kernel.cu", "-o", sources + "/kernel.o"});
    EXPECT_TRUE(compiled.status.success()) << source << "\n" << compiled.stdout_text << compiled.stderr_text;
  }
}

TEST(ExportedSolution, IsAcceptedByFlashInferBenchsOwnSchema) {
  if (!run({"python3", "-c", "import flashinfer_bench.data"}).status.success()) {
    GTEST_SKIP() << "no flashinfer_bench in Python (pip install flashinfer-bench)";
  }
  const auto folder = TempDirectory::create("exporter-schema");
  const auto solution = export_tvm_ffi(request_of_file("src/exporter/testdata/branches.cu"));
  ASSERT_TRUE(solution) << solution.error().message;
  ASSERT_TRUE(write_solution(*solution, folder->path() / "out", Overwrite::kOwnExports));
  const auto checked = run({"python3", "-c",
                            "import sys; from flashinfer_bench.data import Solution; "
                            "Solution.model_validate_json(open(sys.argv[1]).read())",
                            (folder->path() / "out/solution.json").string()});
  EXPECT_TRUE(checked.status.success()) << checked.stderr_text;
}

}  // namespace
}  // namespace warpwright::exporter
