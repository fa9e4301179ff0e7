// A selection at another size than the definition's own.
#include <gtest/gtest.h>

#include "evaluator/service/evaluator.h"
#include "src/base/files.h"

namespace warpwright::service {
namespace {

constexpr const char* kExperts = "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048";

// Writes zeros, one block for each 128 elements of a token, and knows its size from the prelude only.
constexpr const char* kZeros = R"(#include <cuda_bf16.h>
__global__ void zeros(__nv_bfloat16* output) {
  static_assert(axis::hidden_size == 128 * axis::num_hidden_blocks, "derived constants are scaled too");
  output[blockIdx.x * 128 + threadIdx.x] = __nv_bfloat16();
}
/*@plan
require hidden_size <= 512 else "this one is for the small size";
zeros<<<seq_len * num_hidden_blocks, 128>>>(output);
*/)";

EvaluationReport evaluate(const std::string& selection, Stage last_stage) {
  EvaluatorOptions options;
  options.home = find_home().value();
  const auto evaluator = Evaluator::create(options).value();
  EvaluationRequest request;
  request.id = "1";
  request.source = kZeros;
  request.source_name = "zeros.cu";
  request.definition = kExperts;
  request.selection = selection;
  request.last_stage = last_stage;
  return evaluator->evaluate(request, {});
}

TEST(ScaledSelection, ReachesPlanPreludeAndOutputsAndIsNamedInTheReport) {
  const EvaluationReport report = evaluate("smoke", Stage::kSmoke);
  EXPECT_EQ(report.constants, (std::map<std::string, int64_t>{{"gemm1_out_size", 512},
                                                              {"hidden_size", 512},
                                                              {"intermediate_size", 256},
                                                              {"num_gemm1_out_blocks", 4},
                                                              {"num_hidden_blocks", 4},
                                                              {"num_intermediate_blocks", 2}}));
  // The plan's requirement holds, the kernel compiles and writes every element: what is wrong are the values.
  EXPECT_EQ(report.status, Status::kIncorrectNumerical) << report.message;
  EXPECT_FALSE(report.identity.empty());
  EXPECT_EQ(report.inputs, "synthetic");
  EXPECT_EQ(evaluation_report_from_json(to_json(report)).value().constants, report.constants);
}

TEST(ScaledSelection, LeavesTheDefinitionsOwnSizeToTheOthers) {
  const EvaluationReport report = evaluate("all", Stage::kPlan);
  EXPECT_TRUE(report.constants.empty());
  EXPECT_EQ(report.status, Status::kCompileError);
  EXPECT_NE(report.message.find("this one is for the small size"), std::string::npos) << report.message;
}

}  // namespace
}  // namespace warpwright::service
