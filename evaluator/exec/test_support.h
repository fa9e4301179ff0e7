// A small program with its plan, for tests of executors: y[i] = x[i] * factor, 32 threads.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "evaluator/exec/executor.h"

namespace warpwright::exec::testing {

inline constexpr const char* kScalePtx = R"(.version 7.0
.target sm_70
.address_size 64
.visible .entry scale(.param .u64 y, .param .u64 x, .param .f32 factor) {
  .reg .b32 %r<2>; .reg .b64 %rd<5>; .reg .f32 %f<4>;
  ld.param.u64 %rd1, [y];
  ld.param.u64 %rd2, [x];
  ld.param.f32 %f1, [factor];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd3, %r1, 4;
  add.s64 %rd1, %rd1, %rd3;
  add.s64 %rd2, %rd2, %rd3;
  ld.global.f32 %f2, [%rd2];
  mul.f32 %f3, %f2, %f1;
  st.global.f32 [%rd1], %f3;
  ret;
}
)";

// The same code under another name, so that recordings can tell programs apart.
inline std::vector<CodeUnit> scale_units(const std::string& comment = "") {
  return {{"", std::string(kScalePtx) + "// " + comment + "\n", "", {{"scale", "scale"}}}};
}

inline plan::BoundLaunch scale_launch(float factor) {
  plan::BoundLaunch launch;
  launch.kernel = launch.name_expression = "scale";
  launch.block.x = 32;
  plan::ScalarArgument scalar;
  scalar.type = plan::ScalarArgument::Type::kF32;
  scalar.number = factor;
  launch.arguments = {plan::BufferView{"y", 0, "float", false}, plan::BufferView{"x", 0, "float", false},
                      scalar};
  launch.at = {7, 3};
  return launch;
}

inline plan::BoundPlan scale_plan(float factor) {
  plan::BoundPlan plan;
  plan.operations.push_back(scale_launch(factor));
  return plan;
}

inline std::vector<std::byte> floats(float first) {
  std::vector<std::byte> bytes(32 * sizeof(float));
  for (int i = 0; i < 32; ++i) {
    const float value = first + static_cast<float>(i);
    std::memcpy(bytes.data() + sizeof value * static_cast<size_t>(i), &value, sizeof value);
  }
  return bytes;
}

inline float float_at(std::span<const std::byte> bytes, size_t index) {
  float value = 0;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

}  // namespace warpwright::exec::testing
