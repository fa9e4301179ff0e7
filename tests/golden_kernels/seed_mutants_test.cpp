// Mutants of the asynchronous seed: grouped_fp8.cu with a wait, fence, arrival or commit left out, or a phase
// or count put wrong, in its products by tcgen05 (sm_100a) and by wgmma (sm_90a). The evaluator runs them as
// it would a candidate, in tiles from 33 tokens on; each is refused.
#include <gtest/gtest.h>

#include "evaluator/service/evaluator.h"
#include "src/base/files.h"
#include "tests/golden_kernels/compile_kernel.h"
#include "tests/golden_kernels/mutants.h"

namespace warpwright::golden {
namespace {

constexpr const char* kDefinition = "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048";

enum Targets { kTcgen05 = 1, kWgmma = 2, kBoth = 3 };
struct SeedSubstitution {
  Targets targets;
  const char* text;
  const char* replacement;
};
const SeedSubstitution kSubstitutions[] = {
    // The ring of stages. Not its fence_to_async(): CUTLASS's kernels that fill stages by cp.async have none,
    // and the simulator does not ask for one there.
    {kWgmma, "wait_for_copies<ahead - 1>();", ";"},
    {kBoth, "wait_for_barrier(fulls + number * 8, use / stages % 2);", ";"},
    {kWgmma, "use / stages % 2)", "use / stages % 2 ^ 1)"},
    {kTcgen05, "__syncthreads();  // also: the products", ";  //"},
    {kTcgen05, "expect_bytes(fulls + number * 8, 2 * half_bytes)",
     "expect_bytes(fulls + number * 8, half_bytes)"},
    {kWgmma, "expect_bytes(fulls + number * 8, 2 * half_bytes)",
     "expect_bytes(fulls + number * 8, 2 * half_bytes + 16)"},
    {kTcgen05, "init_barrier(__cvta_generic_to_shared(&shared.full[i]));", ";"},
    {kTcgen05, "ahead = stages - 2", "ahead = stages - 1"},
    {kWgmma, "ahead = stages - 1", "ahead = stages"},

    // Products by tcgen05
    {kTcgen05, "tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%0];", ""},
    {kTcgen05, "done + issued % 2 * 8)", "done)"},
    {kTcgen05, "wait_for_barrier(done + product % 2 * 8, product / 2 % 2);", ";"},
    {kTcgen05, "product / 2 % 2)", "product / 2 % 2 ^ 1)"},
    {kTcgen05, "after_barrier();\n    const uint32_t from", "const uint32_t from"},
    {kTcgen05, "after_barrier();\n    if (threadIdx.x == 0) issue", "if (threadIdx.x == 0) issue"},
    {kTcgen05, "++issued;\n    before_barrier();", "++issued;"},
    {kTcgen05, R"(\ntcgen05.wait::ld.sync.aligned;)", ""},
    {kTcgen05, "products.free();", ";"},

    // Products by wgmma
    {kWgmma, "asm volatile(\"wgmma.fence.sync.aligned;\" ::: \"memory\");", ";"},
    {kWgmma, "asm volatile(\"wgmma.commit_group.sync.aligned;\" ::: \"memory\");", ";"},
    {kWgmma, "wait<1>(parts[p % 2]);", "wait<2>(parts[p % 2]);"},
    {kWgmma, "wait<0>(parts[p % 2]);", "wait<1>(parts[p % 2]);"},
};

class AsyncSeedMutants : public testing::TestWithParam<Targets> {
 protected:
  // Empty: it passed.
  std::string refusal_of(service::Evaluator& evaluator, const std::string& source) {
    EvaluationRequest request;
    request.id = "grouped_fp8";
    request.source = source;
    request.source_name = "grouped_fp8.cu";
    request.definition = kDefinition;
    request.selection = "sim";
    request.target = GetParam() == kTcgen05 ? "sm_100a" : "sm_90a";
    request.device = GetParam() == kTcgen05 ? "b200" : "h100";
    request.knobs = {{"STREAM_TOKENS", "32"}, {"STAGES", "3"}};  // every stage is used again
    request.last_stage = Stage::kValidate;
    const EvaluationReport report = evaluator.evaluate(request, {});
    if (report.status == Status::kPassed) return "";
    return report.rule.empty() ? std::string(to_string(report.status)) : report.rule;
  }
};

TEST_P(AsyncSeedMutants, AreRefused) {
  if (const auto toolkit = compile::find_toolkit(); !toolkit) GTEST_SKIP() << toolkit.error().message;
  service::EvaluatorOptions options;
  options.home = find_home().value();
  auto evaluator = service::Evaluator::create(options);
  ASSERT_TRUE(evaluator) << evaluator.error().message;
  const std::string source = read_file(options.home / "seeds" / kDefinition / "grouped_fp8.cu").value();
  ASSERT_EQ(refusal_of(**evaluator, source), "") << "the seed itself";
  const std::string name = GetParam() == kTcgen05 ? "grouped_fp8.cu (sm_100a)" : "grouped_fp8.cu (sm_90a)";
  for (const SeedSubstitution& one : kSubstitutions) {
    if ((one.targets & GetParam()) == 0) continue;
    const auto found = substitutes_of(source, one.text, one.replacement);
    EXPECT_FALSE(found.empty()) << "nothing reads `" << one.text << "`";
    for (const Mutant& mutant : found) {
      const std::string refusal = refusal_of(**evaluator, mutant.text);
      EXPECT_NE(refusal, std::string(to_string(Status::kCompileError))) << mutant.removed;
      judge(name, mutant, refusal);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Targets, AsyncSeedMutants, testing::Values(kTcgen05, kWgmma),
                         [](const auto& instance) {
                           return instance.param == kTcgen05 ? "tcgen05" : "wgmma";
                         });

}  // namespace
}  // namespace warpwright::golden
