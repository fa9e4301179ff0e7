// For this folder's tests: the gdn_decode definition, and plans in one call.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "src/plan/plan.h"

namespace warpwright::plan {

inline trace::Tensor test_tensor(std::string name, std::vector<std::string> shape, trace::DType dtype) {
  trace::Tensor tensor;
  tensor.name = std::move(name);
  tensor.is_scalar = shape.empty();
  tensor.shape = std::move(shape);
  tensor.dtype = dtype;
  return tensor;
}

inline trace::Definition gdn_decode_definition() {
  using trace::DType;
  trace::Definition definition;
  definition.name = "gdn_decode_qk4_v8_d128_k_last";
  const auto axis = [&](std::string name, int64_t value) {
    definition.axes.push_back({std::move(name), value != 0, value, ""});
  };
  axis("batch_size", 0);
  axis("seq_len", 1);
  axis("num_q_heads", 4);
  axis("num_k_heads", 4);
  axis("num_v_heads", 8);
  axis("head_size", 128);
  definition.inputs = {
      test_tensor("q", {"batch_size", "seq_len", "num_q_heads", "head_size"}, DType::kBfloat16),
      test_tensor("k", {"batch_size", "seq_len", "num_k_heads", "head_size"}, DType::kBfloat16),
      test_tensor("v", {"batch_size", "seq_len", "num_v_heads", "head_size"}, DType::kBfloat16),
      test_tensor("state", {"batch_size", "num_v_heads", "head_size", "head_size"}, DType::kFloat32),
      test_tensor("A_log", {"num_v_heads"}, DType::kFloat32),
      test_tensor("a", {"batch_size", "seq_len", "num_v_heads"}, DType::kBfloat16),
      test_tensor("dt_bias", {"num_v_heads"}, DType::kFloat32),
      test_tensor("b", {"batch_size", "seq_len", "num_v_heads"}, DType::kBfloat16),
      test_tensor("scale", {}, DType::kFloat32),
  };
  definition.inputs[3].optional = true;
  definition.outputs = {
      test_tensor("output", {"batch_size", "seq_len", "num_v_heads", "head_size"}, DType::kBfloat16),
      test_tensor("new_state", {"batch_size", "num_v_heads", "head_size", "head_size"}, DType::kFloat32),
  };
  return definition;
}

inline CandidateSource source_of(std::string_view plan_text) {
  CandidateSource source;
  source.units.push_back({"", ""});
  source.plan_text = plan_text;
  source.plan_at = {1, 1};
  return source;
}

inline std::string text_of(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& d : diagnostics) {
    if (!text.empty()) text += "\n";
    text += fmt::format("{}:{}: {}", d.at.line, d.at.column, d.message);
  }
  return text;
}

inline BindInputs inputs_for_batch(int64_t batch_size) {
  BindInputs inputs;
  inputs.axes = {{"batch_size", batch_size}};
  inputs.scalars = {{"scale", 0.08838834764831845}};
  return inputs;
}

// The end of every test plan that should be whole: a launch that writes both outputs.
inline constexpr std::string_view kLaunch = "gdn<<<batch_size, 128>>>(output, new_state);";

}  // namespace warpwright::plan
