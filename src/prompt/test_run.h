// For tests of prompts: a small operator, a run of a few candidates on it, and a library of our templates
// with short texts in place of the long ones.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "src/base/files.h"
#include "src/prompt/build_prompt.h"
#include "src/prompt/lessons.h"

namespace warpwright::prompt {

template <class T>
T value_of(Result<T> result) {
  EXPECT_TRUE(result) << result.error().message;
  if (!result) std::abort();
  return std::move(*result);
}

inline PromptLibrary::Files test_files() {
  PromptLibrary::Files files;
  for (const auto& path : list_files("prompts", ".md"))
    files["prompts/" + path.filename().string()] = value_of(read_file(path));
  files["prompts/plan_language.md"] =
      "# The candidate\n\nOne file with its plan: `/*@plan scale<<<rows, 32>>>(x, weight, bias, y); */`.\n";
  files["prompts/definitions/row_scale.md"] =
      "# row_scale\n\ny[r, c] = x[r, c] * weight[r] + bias, in float32.\n";
  files["prompts/devices/b200.md"] = "# NVIDIA B200\n\n148 SMs.\n";
  files["prompts/knowledge/loads.md"] =
      "---\ntitle: Wide loads\ntags: [bf16, memory]\n---\n\n* 16 bytes a lane.\n";
  files["prompts/knowledge/hopper.md"] =
      "---\ntitle: Hopper only\ntags: [general]\nneeds: [hopper]\n---\n\n* wgmma.\n";
  files["prompts/knowledge/races.md"] =
      "---\ntitle: Races\ntags: [failure-race]\n---\n\n* A barrier between writing and reading.\n";
  files["prompts/knowledge/compile.md"] =
      "---\ntitle: What does not compile\ntags: [failure-compile]\n---\n\n* Host functions.\n";
  return files;
}

inline PromptLibrary test_library() {
  return value_of(PromptLibrary::from_files(test_files()));
}

inline constexpr std::string_view kParentSource = R"(/*@plan
tune THREADS = 32 in {32, 64};
scale<<<rows, THREADS>>>(x, weight, bias, y);
*/
#include <cuda_bf16.h>

__global__ void scale(const __nv_bfloat16* x, const float* weight, float bias, __nv_bfloat16* y) {
  const float w = weight == nullptr ? 1.0f : weight[blockIdx.x];
  for (int i = threadIdx.x; i < axis::width; i += knob::THREADS) {
    const int at = blockIdx.x * axis::width + i;
    y[at] = __float2bfloat16(__bfloat162float(x[at]) * w + bias);
  }
}
)";

// A run with a baseline (c0000), a parent (c0001, tuned as c0002), a compile error, a wrong result and a
// slower rewrite.
class TestRun {
 public:
  TestRun();
  PromptContext context(
      std::string op) const;  // what the engine would fill in for this operator; points into this
  TestRun(const TestRun&) = delete;

  trace::Definition definition;
  rules::Rules rules;
  rules::DeviceModel device;
  events::RunView view;
  std::vector<rules::SelectedWorkload> workloads;
  std::vector<ShownCandidate> shown;  // by id
};

}  // namespace warpwright::prompt
