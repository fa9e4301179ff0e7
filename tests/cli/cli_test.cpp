// The program as its users meet it: exit codes, one clear line per mistake, nothing half-written, and the
// newcomer's path from a seed's verdict to an export.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "src/base/files.h"
#include "src/base/json.h"
#include "src/base/subprocess.h"

namespace warpwright {
namespace {
namespace fs = std::filesystem;

constexpr const char* kSeed = "seeds/gdn_decode_qk4_v8_d128_k_last/warp_rows.cu";

CompletedProcess run(std::vector<std::string> arguments) {
  SubprocessOptions options;
  options.argv = std::move(arguments);
  options.argv.insert(options.argv.begin(), std::getenv("WARPWRIGHT_PROGRAM"));
  for (const char* name :
       {"WARPWRIGHT_HOME", "WARPWRIGHT_WORKER", "WARPWRIGHT_CACHE", "WARPWRIGHT_PYTHON", "ASAN_OPTIONS"})
    options.keep_environment.emplace_back(name);
  return run_to_completion(options, "", 120'000, 8 << 20).value();
}

// A mistake of the user: its exit code, and one line on stderr that holds every one of `words`.
void expect_one_line(const CompletedProcess& done, int code, const std::vector<std::string>& words) {
  EXPECT_EQ(done.status.code, code) << done.stderr_text;
  EXPECT_EQ(done.stdout_text, "");
  EXPECT_EQ(std::count(done.stderr_text.begin(), done.stderr_text.end(), '\n'), 1) << done.stderr_text;
  for (const std::string& word : words)
    EXPECT_NE(done.stderr_text.find(word), std::string::npos) << word << " is not in: " << done.stderr_text;
}

class Cli : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  TempDirectory folder_ = TempDirectory::create("warpwright-cli").value();
};

TEST_F(Cli, HelpTeachesAndSucceeds) {
  const auto done = run({"--help"});
  EXPECT_EQ(done.status.code, 0);
  for (const char* word : {"evolve", "evaluate", "compare", "plan", "export", "show", "report", "doctor",
                           "calibrate", "First steps"})
    EXPECT_NE(done.stdout_text.find(word), std::string::npos) << word;
  EXPECT_EQ(run({"evolve", "--help"}).status.code, 0);
}

TEST_F(Cli, DoctorFindsThisMachineInOrder) {
  const auto done = run({"doctor"});
  EXPECT_EQ(done.status.code, 0) << done.stdout_text << done.stderr_text;
  EXPECT_NE(done.stdout_text.find("compiles for sm_100a"), std::string::npos) << done.stdout_text;
  EXPECT_TRUE(parse_json(run({"doctor", "--json"}).stdout_text, "doctor"));
}

TEST_F(Cli, WrongUsageIsExitCode2) {
  EXPECT_EQ(run({}).status.code, 2);
  EXPECT_EQ(run({"dance"}).status.code, 2);
  EXPECT_EQ(run({"evaluate"}).status.code, 2);
  expect_one_line(run({"evolve"}), 2, {"--config", "--resume"});
  expect_one_line(run({"evaluate", kSeed, "--stage", "nap"}), 2, {"nap", "compile"});
  expect_one_line(run({"evaluate", kSeed, "--knob", "ROWS"}), 2, {"NAME=VALUE"});
}

TEST_F(Cli, AWrongConfigurationKeyIsNamedWithItsLineAndNothingIsWritten) {
  const fs::path config =
      write("x.toml", "[run]\ndefinition = \"gdn_decode_qk4_v8_d128_k_last\"\nmax_evalautions = 4\n");
  const fs::path run_directory = folder_.path() / "run";
  expect_one_line(run({"evolve", "--config", config, "--run-dir", run_directory}), 2,
                  {"x.toml:3", "max_evalautions", "max_evaluations"});
  EXPECT_FALSE(fs::exists(run_directory));
}

TEST_F(Cli, AMissingFileIsNamed) {
  expect_one_line(run({"evaluate", "no_such.cu", "--definition", "gdn_decode_qk4_v8_d128_k_last"}), 2,
                  {"no_such.cu", "No such file"});
  expect_one_line(run({"evolve", "--config", "no_such.toml"}), 2, {"no_such.toml", "No such file"});
  expect_one_line(run({"report", "--run", folder_.path() / "nothing"}), 2, {"nothing"});
}

TEST_F(Cli, AnUnknownDefinitionListsWhatThereIs) {
  expect_one_line(run({"evaluate", kSeed, "--definition", "gdn_decode"}), 2,
                  {"gdn_decode_qk4_v8_d128_k_last"});
}

TEST_F(Cli, AMalformedDefinitionIsNamedWithItsFile) {
  write("data/definitions/gdn/broken.json", "{\"name\": \"broken\",\n \"axes\": }");
  expect_one_line(run({"evaluate", kSeed, "--definition", "broken", "--dataset", folder_.path() / "data"}), 2,
                  {"broken.json", "line 2"});
}

TEST_F(Cli, ARunFolderThatCannotBeWrittenIsExitCode3) {
  const fs::path config = fs::path(std::getenv("WARPWRIGHT_HOME")) / "configs" / "gdn_decode.toml";
  const auto done = run({"evolve", "--config", config, "--run-dir", "/proc/warpwright-run"});
  EXPECT_EQ(done.status.code, 3) << done.stderr_text;
  EXPECT_NE(done.stderr_text.find("/proc/warpwright-run"), std::string::npos) << done.stderr_text;
}

TEST_F(Cli, ProfileNamesLinesOfTheSource) {
  const auto done = run({"evaluate", kSeed, "--workloads", "0", "--profile"});
  EXPECT_EQ(done.status.code, 0) << done.stdout_text << done.stderr_text;
  for (const char* word : {"issue%", "sectors/ideal", "line ", "not calibrated on hardware"})
    EXPECT_NE(done.stdout_text.find(word), std::string::npos) << word << " is not in: " << done.stdout_text;
}

// Times that the shipped clock itself gives are fitted without error; a source alone is enough.
TEST_F(Cli, CalibrateFitsWhatItIsGivenAndWritesAFileThatLoads) {
  const auto evaluated = run({"evaluate", kSeed, "--workloads", "0,46", "--json"});
  const auto report = parse_json(evaluated.stdout_text, "evaluate");
  ASSERT_TRUE(report) << evaluated.stderr_text;
  std::string records;
  for (const Json& workload : (*report)["workloads"]) {
    const Json record = {{"definition", "gdn_decode_qk4_v8_d128_k_last"},
                         {"source", fs::absolute(kSeed).string()},
                         {"axes", workload["axes"]},
                         {"device", "b200"},
                         {"latency_us", workload["latency_us"]},
                         {"method", "made up"}};
    records += dump_json(record) + "\n";
  }
  const fs::path out = folder_.path() / "fitted.toml";
  const auto done = run({"calibrate", "--measurements", write("times.jsonl", records), "--out", out});
  EXPECT_EQ(done.status.code, 0) << done.stderr_text;
  EXPECT_NE(done.stdout_text.find("median error 0.0 %"), std::string::npos) << done.stdout_text;
  EXPECT_NE(done.stdout_text.find("there is only one kernel"), std::string::npos) << done.stdout_text;
  EXPECT_NE(read_file(out).value().find("kind = \"fitted\""), std::string::npos);
  expect_one_line(run({"calibrate", "--measurements", write("bad.jsonl", "\n{\"device\": 1}\n")}), 2,
                  {"bad.jsonl:2"});
}

TEST_F(Cli, PlanPrintsTheBoundLaunches) {
  const auto text = run({"plan", kSeed, "--workload", "46", "--knob", "ROWS=8"});
  EXPECT_EQ(text.status.code, 0) << text.stderr_text;
  EXPECT_NE(text.stdout_text.find("gdn_decode"), std::string::npos);
  EXPECT_NE(text.stdout_text.find("batch_size=64"), std::string::npos) << text.stdout_text;
  const auto json = parse_json(run({"plan", kSeed, "--workload", "46", "--json"}).stdout_text, "plan");
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ((*json)["workload"]["axes"]["batch_size"], 64);
}

TEST_F(Cli, AWrongPlanIsShownAsACompilerWould) {
  const auto done =
      run({"plan", "tests/broken_kernels/unknown_axis.cu", "--definition", "gdn_decode_qk4_v8_d128_k_last"});
  EXPECT_EQ(done.status.code, 1);
  EXPECT_NE(done.stderr_text.find("unknown_axis.cu:5:32"), std::string::npos) << done.stderr_text;
}

TEST_F(Cli, EvaluateGivesTheVerdictAndItsExitCode) {
  const auto passed = run({"evaluate", kSeed, "--workloads", "smoke"});
  EXPECT_EQ(passed.status.code, 0) << passed.stderr_text;
  EXPECT_TRUE(passed.stdout_text.starts_with("PASSED")) << passed.stdout_text;
  EXPECT_NE(passed.stderr_text.find("executor auto: took sim"), std::string::npos) << passed.stderr_text;
  EXPECT_NE(passed.stdout_text.find("sim-estimate"), std::string::npos) << "an estimate is called one";

  const auto failed = run({"evaluate", "tests/broken_kernels/out_of_bounds_read.cu", "--definition",
                           "gdn_decode_qk4_v8_d128_k_last", "--workloads", "smoke", "--json"});
  EXPECT_EQ(failed.status.code, 1);
  const auto report = parse_json(failed.stdout_text, "report");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ((*report)["status"], "REJECTED");
  EXPECT_EQ((*report)["rule"], "out-of-bounds-read");
}

TEST_F(Cli, CompareSaysWhichIsFasterAndThatItIsAnEstimate) {
  const std::string folder = "seeds/gdn_decode_qk4_v8_d128_k_last/";
  const auto done = run({"compare", folder + "lane_groups.cu", folder + "lane_groups.cu", "--executor", "sim",
                         "--workloads", "0"});
  EXPECT_EQ(done.status.code, 0) << done.stderr_text;
  EXPECT_EQ(done.stdout_text.substr(0, 4), "TIE ");
  EXPECT_NE(done.stdout_text.find("not measurements"), std::string::npos);

  const auto json =
      run({"compare", kSeed, folder + "plain.cu", "--executor", "sim", "--workloads", "0", "--json"});
  EXPECT_EQ(json.status.code, 0) << json.stderr_text;
  const Json duel = parse_json(json.stdout_text, "compare").value().at("duel");
  EXPECT_EQ(duel.at("method"), "sim-estimate");
  EXPECT_EQ(duel.at("workloads").size(), 1u);
}

TEST_F(Cli, CompareSaysWhichOfTheTwoFails) {
  const std::string wrong = "tests/broken_kernels/all_zeros.cu", definition = "gdn_decode_qk4_v8_d128_k_last";
  const auto of_b = run({"compare", kSeed, wrong, "--executor", "sim", "--workloads", "0"});
  EXPECT_EQ(of_b.status.code, 1) << of_b.stderr_text;
  EXPECT_NE(of_b.stdout_text.find("the incumbent fails its checks"), std::string::npos) << of_b.stdout_text;
  const auto of_a =
      run({"compare", wrong, kSeed, "--definition", definition, "--executor", "sim", "--workloads", "0"});
  EXPECT_EQ(of_a.status.code, 1) << of_a.stderr_text;
  EXPECT_NE(of_a.stdout_text.find("A = " + wrong + " fails its checks"), std::string::npos)
      << of_a.stdout_text;
  expect_one_line(run({"compare", kSeed, "no/such.cu"}), 2, {"no/such.cu"});
}

TEST_F(Cli, ASearchIsReportedShownExportedAndResumed) {
  const fs::path config = fs::path(std::getenv("WARPWRIGHT_HOME")) / "configs" / "gdn_decode.toml";
  const fs::path run_directory = folder_.path() / "run";
  const auto evolved = run({"evolve", "--config", config, "--run-dir", run_directory, "--max-evaluations",
                            "5", "--skip-red-team"});
  ASSERT_EQ(evolved.status.code, 0) << evolved.stderr_text;
  EXPECT_NE(evolved.stdout_text.find("best against plain.cu"), std::string::npos) << evolved.stdout_text;
  EXPECT_EQ(run({"report", "--run", run_directory}).status.code, 0);
  EXPECT_NE(run({"show", "--run", run_directory, "candidate", "best"}).stdout_text.find("__global__"),
            std::string::npos);
  const fs::path out = folder_.path() / "export";
  const auto exported = run({"export", "--run", run_directory, "--format", "tvm-ffi", "--out", out});
  EXPECT_EQ(exported.status.code, 0) << exported.stderr_text;
  const auto solution = parse_json(read_file(out / "solution.json").value(), "solution.json");
  ASSERT_TRUE(solution);
  EXPECT_EQ((*solution)["definition"], "gdn_decode_qk4_v8_d128_k_last");
  const auto again = run({"evolve", "--config", config, "--run-dir", run_directory});
  EXPECT_EQ(again.status.code, 2) << "a run's folder is not taken for a new run: " << again.stderr_text;
  const auto resumed = run({"evolve", "--resume", run_directory, "--max-evaluations", "6"});
  EXPECT_EQ(resumed.status.code, 0) << resumed.stderr_text;
  EXPECT_NE(resumed.stdout_text.find("6 distinct programs"), std::string::npos) << resumed.stdout_text;
}

// Times on the simulator are estimates, and the document must not let anybody take them for more.
TEST_F(Cli, ATrackIsOneBudgetAndCanBeGoneOnWith) {
  expect_one_line(run({"evolve", "--track", "Z"}), 2, {"'Z'", "A (fused MoE)", "C (gated delta net)"});
  expect_one_line(run({"evolve", "--definition", "nonsense", "--run-dir", folder_.path() / "none"}), 2,
                  {"nonsense", "gdn_prefill"});
  const fs::path folder = folder_.path() / "track";
  const auto first =
      run({"evolve", "--track", "B", "--run-dir", folder, "--max-evaluations", "4", "--skip-red-team"});
  ASSERT_EQ(first.status.code, 0) << first.stderr_text;
  EXPECT_NE(first.stdout_text.find("the track's score"), std::string::npos) << first.stdout_text;
  const Json before = parse_json(read_file(folder / "report.json").value(), "report").value();
  int64_t evaluations = 0;
  for (const Json& part : before["definitions"]) evaluations += part["evaluations"].get<int64_t>();
  EXPECT_EQ(before["definitions"].size(), 2u);
  EXPECT_LE(evaluations, 4);
  EXPECT_EQ(run({"evolve", "--track", "B", "--run-dir", folder}).status.code, 2);  // it holds a track
  const auto second = run({"evolve", "--resume", folder, "--max-evaluations", "6", "--skip-red-team"});
  ASSERT_EQ(second.status.code, 0) << second.stderr_text;
  const Json after = parse_json(read_file(folder / "report.json").value(), "report").value();
  int64_t more = 0;
  for (const Json& part : after["definitions"]) more += part["evaluations"].get<int64_t>();
  EXPECT_GT(more, evaluations);
  EXPECT_LE(more, 6);
}

TEST_F(Cli, GpuCheckRunsThroughOnTheSimulatorAndSaysSo) {
  const std::string out = (folder_.path() / "check").string();
  const auto done =
      run({"gpu-check", "--executor", "sim", "--quick", "--out", out, "--only", "machine,bits"});
  EXPECT_EQ(done.status.code, 0) << done.stdout_text << done.stderr_text;
  EXPECT_NE(done.stdout_text.find("gpu-check.md"), std::string::npos) << done.stdout_text;
  const auto more = run({"gpu-check", "--executor", "sim", "--quick", "--out", out, "--only", "tests"});
  EXPECT_EQ(more.status.code, 0) << more.stdout_text << more.stderr_text;
  const std::string text = read_file(folder_.path() / "check/gpu-check.md").value();
  EXPECT_EQ(text.find("# GPU check, run through on the simulator: no time here is measured"), 0u) << text;
  EXPECT_NE(text.find("Simulator against hardware: outputs: passed"), std::string::npos)
      << "kept from before";
  EXPECT_NE(text.find("Test programs on this driver: skipped"), std::string::npos) << text;
  EXPECT_TRUE(parse_json(read_file(folder_.path() / "check/gpu-check.json").value(), "gpu-check.json"));
}

TEST_F(Cli, WhatNeedsAGpuSaysSoWithoutOne) {
  if (fs::exists("/dev/nvidia0")) GTEST_SKIP() << "there is a GPU";
  const std::string out = (folder_.path() / "check").string();
  const auto check = run({"gpu-check", "--out", out});
  EXPECT_EQ(check.status.code, 3);
  EXPECT_NE(check.stderr_text.find("--executor sim"), std::string::npos) << check.stderr_text;
  EXPECT_FALSE(fs::exists(out));
  expect_one_line(run({"doctor", "--calibrate"}), 3, {"libcuda"});
  expect_one_line(run({"gpu-check", "--out", out, "--only", "dance"}), 2, {"dance", "survival"});
}

// The whole path of `score`: published figures as traces, bands of the rules, tracks.
TEST_F(Cli, ScoreReproducesThePublishedRatiosAndNamesMistakes) {
  const auto done = run({"score", "published:llm-cuda", "--baseline", "published:flashinfer", "--json"});
  ASSERT_EQ(done.status.code, 0) << done.stderr_text;
  const Json json = parse_json(done.stdout_text, "score").value();
  bool found = false;
  for (const Json& definition : json["definitions"]) {
    if (definition["definition"] != "dsa_topk_indexer_fp8_h64_d128_topk2048_ps64") continue;
    found = true;
    EXPECT_NEAR(definition["score"].get<double>(), 44.3, 0.05);
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(json["tracks"].size(), 3u);
  EXPECT_NE(
      run({"score", "published:llm-cuda", "--baseline", "published:flashinfer"}).stdout_text.find("44.29x"),
      std::string::npos);

  const fs::path broken = write("traces.jsonl", "{\"definition\": \"d\"}\n");
  expect_one_line(run({"score", broken}), 2, {"traces.jsonl:1", "workload"});
  expect_one_line(run({"score", "published:nobody"}), 2, {"published:flashinfer"});
  expect_one_line(run({"score", folder_.path() / "none.jsonl"}), 2, {"none.jsonl"});
  const fs::path h100 = write(
      "h100.jsonl",
      R"({"definition":"gdn_decode_qk4_v8_d128_k_last","workload":{"uuid":"901e5104-dccb-4c3f-ae13-ef4d31a4d456",)"
      R"("axes":{"batch_size":1}},"solution":"mine","evaluation":{"status":"PASSED","environment":{"hardware":)"
      R"("NVIDIA H100"},"performance":{"latency_ms":0.003}}})");
  expect_one_line(run({"score", h100, "--baseline", "published:flashinfer"}), 2,
                  {"NVIDIA H100", "NVIDIA B200"});
}

// A dataset in the official layout: our definition, one workload whose state lies in a safetensors file.
TEST_F(Cli, ADatasetWithSafetensorsEvaluatesAndDamagedFilesAreNamed) {
  const std::string name = "gdn_decode_qk4_v8_d128_k_last";
  const fs::path root = folder_.path() / "dataset", blob = root / "blob" / "workloads" / "state.safetensors";
  fs::create_directories(root / "definitions" / "gdn");
  fs::copy_file(fs::path(std::getenv("WARPWRIGHT_HOME")) / "configs/trace/definitions/gdn" / (name + ".json"),
                root / "definitions" / "gdn" / (name + ".json"));
  const auto write_workload = [&](const std::string& path) {
    std::string inputs;
    for (const char* tensor : {"q", "k", "v", "A_log", "a", "dt_bias", "b"})
      inputs += fmt::format(R"("{}":{{"type":"random"}},)", tensor);
    write(
        "dataset/workloads/gdn/" + name + ".jsonl",
        fmt::format(
            R"({{"definition":"{}","solution":null,"workload":{{"uuid":"u","axes":{{"batch_size":1}},"inputs":{{)"
            R"({}"state":{{"type":"safetensors","path":"{}","tensor_key":"state"}},)"
            R"("scale":{{"type":"scalar","value":0.1}}}}}},"evaluation":null}})",
            name, inputs, path));
  };
  const auto blob_of = [](int heads, int bytes) {
    const std::string header =
        fmt::format(R"({{"state":{{"dtype":"F32","shape":[1,{},128,128],"data_offsets":[0,{}]}}}})", heads,
                    heads * 128 * 128 * 4);
    std::string file(8, '\0');
    file[0] = static_cast<char>(header.size());
    return file + header + std::string(static_cast<size_t>(bytes), '\0');
  };
  constexpr int kBytes = 8 * 128 * 128 * 4;
  const auto evaluate = [&] {
    return run({"evaluate", kSeed, "--dataset", root, "--workloads", "all", "--stage", "smoke"});
  };
  write_workload("./blob/workloads/state.safetensors");

  write(fs::relative(blob, folder_.path()), blob_of(8, kBytes));
  const auto passed = evaluate();
  EXPECT_EQ(passed.status.code, 0) << passed.stdout_text << passed.stderr_text;
  EXPECT_NE(passed.stdout_text.find("inputs: captured (" + root.string()), std::string::npos)
      << passed.stdout_text;
  EXPECT_NE(
      run({"evaluate", kSeed, "--workloads", "0", "--stage", "plan"}).stdout_text.find("inputs: synthetic"),
      std::string::npos);

  write(fs::relative(blob, folder_.path()), blob_of(8, kBytes - 1));
  expect_one_line(evaluate(), 2, {"state.safetensors", "truncated", "fetch the file again"});
  write(fs::relative(blob, folder_.path()), blob_of(4, kBytes / 2));
  expect_one_line(evaluate(), 2, {"state.safetensors", "shape [1, 4, 128, 128]", "[1, 8, 128, 128]"});
  write(fs::relative(blob, folder_.path()),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 524288\n");
  expect_one_line(evaluate(), 2,
                  {"Git LFS pointer", "git lfs pull --include \"blob/workloads/state.safetensors\""});
  fs::remove(blob);
  expect_one_line(evaluate(), 2, {"state.safetensors", "No such file"});
  fs::create_symlink("/etc/hostname", blob);
  expect_one_line(evaluate(), 2, {"leads out of the dataset"});
  write_workload("/etc/passwd");
  expect_one_line(evaluate(), 2, {".jsonl:1", "inside the dataset"});
  write_workload("blob/../../state.safetensors");
  expect_one_line(evaluate(), 2, {".jsonl:1", "inside the dataset"});
}

// A definition of no family, judged by its own Python reference.
TEST_F(Cli, ADefinitionOutsideTheFamiliesIsJudgedByItsPythonReference) {
  write(
      "dataset/definitions/test/twice.json",
      R"({"name":"twice","op_type":"test","axes":{"n":{"type":"var"}},"inputs":{"x":{"shape":["n"],"dtype":"float32"}},)"
      R"("outputs":{"y":{"shape":["n"],"dtype":"float32"}},"reference":"def run(x):\n    return 2 * x\n"})");
  write(
      "dataset/workloads/test/twice.jsonl",
      R"({"definition":"twice","workload":{"uuid":"u","axes":{"n":100},"inputs":{"x":{"type":"random"}}}})");
  const auto kernel = [&](const std::string& factor) {
    return write(
        "twice/k.cu",
        "/*@plan\ntwice<<<1, 128>>>(x, y, n);\n*/\n__global__ void twice(const float* x, float* y, int n) "
        "{\n  if (threadIdx.x < n) y[threadIdx.x] = " +
            factor + " * x[threadIdx.x];\n}\n");
  };
  const auto evaluate = [&](const std::string& factor) {
    return run({"evaluate", kernel(factor), "--dataset", folder_.path() / "dataset"});
  };
  const auto right = evaluate("2.0f");
  if (right.status.code == 3 && right.stderr_text.find("pip install torch") != std::string::npos)
    GTEST_SKIP() << "no Python with PyTorch here";
  EXPECT_EQ(right.status.code, 0) << right.stdout_text << right.stderr_text;
  EXPECT_NE(right.stdout_text.find("its own Python reference judges"), std::string::npos)
      << right.stdout_text;
  const auto wrong = evaluate("2.1f");
  EXPECT_EQ(wrong.status.code, 1) << wrong.stdout_text;
  EXPECT_NE(wrong.stdout_text.find("INCORRECT_NUMERICAL"), std::string::npos) << wrong.stdout_text;
}

TEST_F(Cli, AConfigurationIsExplainedCheckedAndShown) {
  const auto all = run({"config", "--explain", "--json"});
  ASSERT_EQ(all.status.code, 0) << all.stderr_text;
  const std::string help = run({"evolve", "--help"}).stdout_text;
  const Json options = parse_json(all.stdout_text, "reference").value();
  EXPECT_GT(options.size(), 100u);
  for (const Json& option : options)
    EXPECT_NE(help.find(option["command_line"].get<std::string>()), std::string::npos)
        << option["key"] << " cannot be given as " << option["command_line"];
  EXPECT_NE(run({"config", "--explain", "islands"}).stdout_text.find("whole number, 1 to 1000"),
            std::string::npos);
  EXPECT_EQ(run({"config", "--check", "configs/gdn_decode.toml"}).status.code, 0);
  const fs::path file = write("bad.toml", "[run]\ndefinition = \"d\"\nsed = 1\n[search]\nislands = 0\n");
  const auto bad = run({"config", "--check", file.string()});
  EXPECT_EQ(bad.status.code, 2);
  EXPECT_EQ(std::count(bad.stdout_text.begin(), bad.stdout_text.end(), '\n'), 2) << bad.stdout_text;
  const auto shown = run({"config", "--show", "configs/gdn_decode.toml"});
  const fs::path whole = write("whole.toml", shown.stdout_text);
  EXPECT_EQ(run({"config", "--check", whole.string()}).stdout_text, whole.string() + ": sound\n");
}

TEST_F(Cli, AShippedJournalIsSoundAndItsEventsAreLines) {
  const std::string campaign = "agents/scratch/campaigns/dsa_sparse_attention";
  const auto verified = run({"journal", "verify", "--run", campaign});
  EXPECT_EQ(verified.status.code, 0) << verified.stdout_text;
  EXPECT_TRUE(verified.stdout_text.starts_with("sound: format 1, 270 events")) << verified.stdout_text;
  const auto stats = run({"journal", "stats", "--run", campaign, "--json"});
  EXPECT_EQ(parse_json(stats.stdout_text, "stats").value()["evaluations"], 36);
  const auto lines = run({"journal", "export", "--jsonl", "--run", campaign});
  EXPECT_EQ(std::count(lines.stdout_text.begin(), lines.stdout_text.end(), '\n'), 270);
  expect_one_line(run({"journal", "verify", "--run", folder_.path().string()}), 2, {"there is no run in"});
}

TEST_F(Cli, AnOpenEvolveConfigurationBecomesOneThatIsSound) {
  for (const char* name : {"function_minimization", "kernel_ensemble"}) {
    const fs::path out = folder_.path() / (std::string(name) + ".toml");
    const auto done =
        run({"import-openevolve", fmt::format("src/openevolve/testdata/{}.yaml", name), "--lenient",
             "--definition", "gdn_decode_qk4_v8_d128_k_last", "--out", out.string()});
    EXPECT_EQ(done.status.code, 0) << done.stderr_text;
    EXPECT_NE(done.stdout_text.find("no equal, and what is done instead"), std::string::npos);
    EXPECT_EQ(run({"config", "--check", out.string()}).stdout_text, out.string() + ": sound\n");
  }
  expect_one_line(run({"import-openevolve", "src/openevolve/testdata/kernel_ensemble.yaml"}), 2,
                  {"kernel_ensemble.yaml:6", "'defaults'", "--lenient"});
}

}  // namespace
}  // namespace warpwright
