// The evaluator as a whole, on real kernels: every seed passes, every broken kernel gets the verdict that its
// first lines ask for.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "evaluator/service/evaluator.h"
#include "src/base/files.h"

namespace warpwright::service {
namespace {
namespace fs = std::filesystem;

constexpr const char* kDefinition = "gdn_decode_qk4_v8_d128_k_last";

Evaluator& evaluator() {
  static std::unique_ptr<Evaluator> instance = [] {
    EvaluatorOptions options;
    options.home = find_home().value();
    options.datasets = {options.home / "src/rules/testdata/family"};
    auto created = Evaluator::create(options);
    if (!created) throw std::runtime_error(created.error().message);
    return std::move(*created);
  }();
  return *instance;
}

EvaluationReport evaluate(const fs::path& file, const std::string& definition, const std::string& selection) {
  EvaluationRequest request;
  request.id = file.filename();
  request.source = read_file(file).value();
  request.source_name = file.filename();
  request.definition = definition;
  request.selection = selection;
  request.limits.warp_instructions = 20'000'000;
  return evaluator().evaluate(request, {});
}

std::vector<fs::path> kernels_in(const std::string& folder) {
  return list_files(find_home().value() / folder, ".cu");
}

std::string test_name(const testing::TestParamInfo<fs::path>& info) {
  return info.param.stem();
}

// "// expect: STATUS rule" and "// message: text" of a broken kernel.
struct Expectation {
  std::string status, rule, message;
};
Expectation expectation_of(const fs::path& file) {
  std::ifstream stream(file);
  Expectation expected;
  for (std::string line; std::getline(stream, line) && line.starts_with("//");) {
    std::smatch match;
    if (std::regex_match(line, match, std::regex(R"(// expect: (\w+) ?([\w-]*))"))) {
      expected.status = match[1];
      expected.rule = match[2];
    } else if (std::regex_match(line, match, std::regex(R"(// message: (.*))"))) {
      expected.message = match[1];
    }
  }
  return expected;
}

class BrokenKernel : public testing::TestWithParam<fs::path> {};
TEST_P(BrokenKernel, GetsTheVerdictItAsksFor) {
  const Expectation expected = expectation_of(GetParam());
  ASSERT_FALSE(expected.status.empty());
  const EvaluationReport report = evaluate(GetParam(), kDefinition, "smoke");
  EXPECT_EQ(to_string(report.status), expected.status) << report.message;
  EXPECT_EQ(report.rule, expected.rule) << report.message;
  EXPECT_NE(report.message.find(expected.message), std::string::npos) << report.message;
  EXPECT_EQ(report.message.find('\n'), std::string::npos) << "the message is one line";
  for (const std::string& evidence : report.evidence)
    EXPECT_EQ(evidence.find("root:"), std::string::npos) << "a host file leaked into the evidence";
}
INSTANTIATE_TEST_SUITE_P(Tests, BrokenKernel, testing::ValuesIn(kernels_in("tests/broken_kernels")),
                         test_name);

class Seed : public testing::TestWithParam<fs::path> {};
TEST_P(Seed, PassesOnEveryDistinctWorkload) {
  const EvaluationReport report = evaluate(GetParam(), kDefinition, "all");
  EXPECT_EQ(to_string(report.status), "PASSED") << report.message;
  EXPECT_EQ(report.workloads.size(), 7u);
  double weight = 0;
  for (const WorkloadReport& workload : report.workloads) {
    weight += workload.weight;
    EXPECT_GT(workload.latency_us, 0);
  }
  EXPECT_EQ(weight, 54);
  EXPECT_EQ(report.timing.method, "sim-estimate");
  EXPECT_FALSE(report.identity.empty());
}
TEST_P(Seed, PassesTheAdversarialSelection) {
  const EvaluationReport report = evaluate(GetParam(), kDefinition, "adversarial");
  EXPECT_EQ(to_string(report.status), "PASSED") << report.message;
}
INSTANTIATE_TEST_SUITE_P(Tests, Seed, testing::ValuesIn(kernels_in(std::string("seeds/") + kDefinition)),
                         test_name);

// Another member of the family, known only from a dataset folder.
TEST(Family, AMemberWithOtherConstantsNeedsNoCodeOfOurs) {
  const fs::path seed = find_home().value() / "seeds" / kDefinition / "warp_rows.cu";
  const EvaluationReport report = evaluate(seed, "gdn_decode_qk8_v16_d128_k_last", "all");
  EXPECT_EQ(to_string(report.status), "PASSED") << report.message;
  EXPECT_NE(report.dataset.find("testdata/family"), std::string::npos);
}

TEST(Identity, IgnoresNamesAndCommentsAndSeesCodeAndLaunches) {
  const fs::path seed = find_home().value() / "seeds" / kDefinition / "warp_rows.cu";
  const std::string source = read_file(seed).value();
  auto compiled = [](const std::string& text, const KnobValues& knobs) {
    EvaluationRequest request;
    request.id = "identity";
    request.source = text;
    request.definition = kDefinition;
    request.selection = "smoke";
    request.knobs = knobs;
    request.last_stage = Stage::kCompile;
    const EvaluationReport report = evaluator().evaluate(request, {});
    EXPECT_EQ(to_string(report.status), "PASSED") << report.message;
    return report;
  };
  const EvaluationReport plain = compiled(source, {});
  EXPECT_EQ(plain.fingerprint.size(), 64u);
  ASSERT_FALSE(plain.kernels.empty());
  for (const KernelReport& kernel : plain.kernels) {
    EXPECT_GT(kernel.instructions, 50);
    EXPECT_GT(kernel.float_operations, 20);
    EXPECT_GT(kernel.global_bytes, 32);
    EXPECT_EQ(kernel.tensor_instructions, 0);
  }
  const EvaluationReport renamed =
      compiled(std::regex_replace(source, std::regex("gdn_decode"), "renamed") + "\n// a comment\n", {});
  EXPECT_EQ(renamed.identity, plain.identity);
  EXPECT_EQ(renamed.fingerprint, plain.fingerprint);
  EXPECT_EQ(renamed.sketch, plain.sketch);
  const std::string other_constant = std::regex_replace(source, std::regex("20\\.0f"), "21.0f");
  const std::string other_launch = std::regex_replace(source, std::regex(">>>"), ", 64>>>");  // shared bytes
  for (const EvaluationReport& changed :
       {compiled(source, {{"ROWS", "8"}}), compiled(other_constant, {}), compiled(other_launch, {})}) {
    EXPECT_NE(changed.identity, plain.identity);
    EXPECT_NE(changed.fingerprint, plain.fingerprint);
  }
  EXPECT_EQ(compiled(other_launch, {}).sketch, plain.sketch) << "the same code, launched otherwise";
  EXPECT_EQ(compiled(source, {}).fingerprint, plain.fingerprint) << "from the cache";
}

// The grid of a persistent kernel: 128 threads of few registers are sixteen blocks on each of 148 SMs.
TEST(ResidentBlocks, AreWhatTheCompiledKernelAndTheDeviceAllow) {
  const std::string source =
      "/*@plan\nrequire resident_blocks(touch, 128, 0) >= 1000;\n"
      "touch<<<resident_blocks(touch, 128, 0), 128>>>(output, new_state, "
      "i32(resident_blocks(touch, 128, 0)));\n*/\n#include <cuda_bf16.h>\n"
      "__global__ void touch(__nv_bfloat16* output, float* new_state, int blocks) {\n"
      "  if (gridDim.x != blocks || blocks != 16 * 148) __trap();\n}\n";
  EvaluationRequest request;
  request.id = "resident";
  request.source = source;
  request.definition = kDefinition;
  request.selection = "smoke";
  const EvaluationReport report = evaluator().evaluate(request, {});
  EXPECT_EQ(report.stage, Stage::kSmoke);
  EXPECT_EQ(to_string(report.status), "INCORRECT_NUMERICAL") << report.message;
}

TEST(ResidentBlocks, OfAKernelThatDoesNotExistAreACompileError) {
  EvaluationRequest request;
  request.id = "resident";
  request.source =
      "/*@plan\nk<<<resident_blocks(nothing, 128, 0), 128>>>(output, new_state);\n*/\n"
      "#include <cuda_bf16.h>\n__global__ void k(__nv_bfloat16* output, float* new_state) {}\n";
  request.definition = kDefinition;
  request.selection = "smoke";
  const EvaluationReport report = evaluator().evaluate(request, {});
  EXPECT_EQ(to_string(report.status), "COMPILE_ERROR");
  EXPECT_NE(report.message.find("nothing"), std::string::npos) << report.message;
}

TEST(Profile, SaysWhereASeedSpendsItsTime) {
  EvaluationRequest request;
  request.id = "profile";
  request.source = read_file(find_home().value() / "seeds" / kDefinition / "plain.cu").value();
  request.source_name = "plain.cu";
  request.definition = kDefinition;
  request.selection = "0";
  request.profile = true;
  const EvaluationReport report = evaluator().evaluate(request, {});
  ASSERT_EQ(to_string(report.status), "PASSED") << report.message;
  EXPECT_FALSE(report.timing.calibration.empty());
  const WorkloadReport& workload = report.workloads.at(0);
  EXPECT_GT(workload.counters["launches"][0]["counters"]["issue_slots"], 0);
  const Json& kernel = workload.profile.at(0);
  EXPECT_EQ(kernel["launches"], 1);
  EXPECT_FALSE(kernel["lines"].empty());
  double share = 0;
  for (const Json& line : kernel["lines"]) share += line["issue_share"].get<double>();
  EXPECT_NEAR(share, 1, 0.2) << "few lines are beyond those listed";
}

TEST(Evaluator, AnUnknownDefinitionIsAnErrorOfTheRequest) {
  EvaluationRequest request;
  request.id = "1";
  request.source = "x";
  request.definition = "gdn_decode_qk4_v8";
  const EvaluationReport report = evaluator().evaluate(request, {});
  EXPECT_EQ(report.status, Status::kWorkerLost);
  EXPECT_NE(report.message.find("gdn_decode_qk4_v8_d128_k_last"), std::string::npos) << report.message;
}

}  // namespace
}  // namespace warpwright::service
