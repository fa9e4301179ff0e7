#include "tests/golden_kernels/golden_cases.h"

#include "tests/golden_kernels/task_workloads.h"

namespace warpwright::golden {

std::vector<GoldenCase> task_cases() {
  return {
      {"gdn_decode", [] { return gdn_decode(1, 5); }},
      {"gdn_prefill",
       [] {
         return gdn_prefill({5, 0, 8}, 7);
       }},
      {"dsa_attn", [] { return dsa_attention(1, 500, 0.3, 5); }},
      {"dsa_index", [] { return dsa_index(2, 2, 5); }},
      {"topk", [] { return radix_topk(2, 1500, 300); }},
      {"topk_with_ties", [] { return radix_topk(2, 1500, 300, true); }},
      {"topk_of_few", [] { return radix_topk(1, 300, 300); }},
      {"moe_gemv", [] { return moe_gemv("moe_gemv", 3, 128, 1024, 3); }},
      {"sgemm", [] { return sgemm(64, 128, 64); }},
      {"mma_bf16", [] { return mma_bf16(128, 256, 160); }},
      {"mma_fp8", [] { return mma_fp8(40, 128, 384, 3); }},
  };
}

const std::vector<GoldenCase>& golden_cases() {
  static const std::vector<GoldenCase> all = [] {
    std::vector<GoldenCase> cases;
    for (const auto& part : {task_cases(), synchronisation_cases(), matrix_cases(), cub_cases(),
                             number_cases(), control_flow_cases(), async_cases()})
      cases.insert(cases.end(), part.begin(), part.end());
    return cases;
  }();
  return all;
}

}  // namespace warpwright::golden
