#include "src/plan/binder.h"

#include <gtest/gtest.h>

#include "src/plan/testing.h"

namespace warpwright::plan {
namespace {

Plan parsed(std::string_view text) {
  auto plan = parse_plan(source_of(text), gdn_decode_definition());
  EXPECT_TRUE(plan) << text_of(plan.error()) << "\n" << text;
  return plan ? *plan : Plan(nullptr);
}

BoundPlan bound(std::string_view text, const BindInputs& inputs = inputs_for_batch(4)) {
  auto plan = bind(parsed(text), gdn_decode_definition(), inputs);
  EXPECT_TRUE(plan) << text_of(plan.error()) << "\n" << text;
  return plan ? *plan : BoundPlan{};
}

std::string bind_errors(std::string_view text, const BindInputs& inputs = inputs_for_batch(4)) {
  const auto plan = bind(parsed(text), gdn_decode_definition(), inputs);
  return plan ? "" : text_of(plan.error());
}

std::string with_launch(std::string_view text) {
  return std::string(text) + "\n" + std::string(kLaunch);
}

const BoundLaunch& launch_of(const BoundPlan& plan, size_t index = 0) {
  return std::get<BoundLaunch>(plan.operations.at(index));
}

TEST(BinderTest, BindsALaunchWithViewsScalarsAndTemplateArguments) {
  const BoundPlan plan = bound(R"(
tune N = 16 in {8, 16};
workspace float part[batch_size * N];
gdn<N, float, true><<<dim3(batch_size, 8), dim3(32, 4), 96 * 1024>>>(
    q + 128, bytes<uint4>(part, 16), batch_size, i64(batch_size), scale, f64(scale), N > 4, output, new_state);
)");
  const BoundLaunch& launch = launch_of(plan);
  EXPECT_EQ(launch.name_expression, "gdn<16, float, true>");
  EXPECT_EQ(launch.grid.y, 8);
  EXPECT_EQ(launch.block.y, 4);
  EXPECT_EQ(launch.dynamic_shared_bytes, 96 * 1024);
  const auto& view = std::get<BufferView>(launch.arguments[0]);
  EXPECT_EQ(view.byte_offset, 256);
  EXPECT_EQ(view.element_type, "__nv_bfloat16");
  const auto& bytes = std::get<BufferView>(launch.arguments[1]);
  EXPECT_EQ(bytes.byte_offset, 16);
  EXPECT_EQ(bytes.element_type, "uint4");
  using Type = ScalarArgument::Type;
  const Type types[] = {Type::kI32, Type::kI64, Type::kF32, Type::kF64, Type::kBool};
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(std::get<ScalarArgument>(launch.arguments[2 + i]).type, types[i]);
  EXPECT_EQ(std::get<ScalarArgument>(launch.arguments[4]).number, static_cast<double>(0.08838834764831845f));
  EXPECT_EQ(plan.workspaces[0].bytes, 4 * 16 * 4);
}

TEST(BinderTest, UntakenBranchesAllocateAndSetNothing) {
  const char* text = R"(
if (batch_size > 100) {
  workspace float part[batch_size];
  tensormap m = tiled(part, dims = {batch_size}, box = {4});
  memset(part, 0, 4 * batch_size);
  gdn<<<batch_size, 128>>>(m, output, new_state);
} else {
  gdn<<<batch_size, 64>>>(output, new_state);
})";
  const BoundPlan small = bound(text);
  EXPECT_TRUE(small.workspaces.empty());
  EXPECT_TRUE(small.tensor_maps.empty());
  EXPECT_EQ(small.operations.size(), 1u);
  const BoundPlan large = bound(text, inputs_for_batch(256));
  EXPECT_EQ(large.workspaces.size(), 1u);
  EXPECT_EQ(large.tensor_maps.size(), 1u);
  EXPECT_EQ(large.operations.size(), 2u);
}

TEST(BinderTest, EvaluatesOnlyWhatIsNeeded) {
  const BoundPlan plan = bound(with_launch(R"(
const int zero = batch_size - 4;
const int n = zero == 0 ? 1 : 10 / zero;
require zero == 0 || 10 / zero > 1;
require !(zero != 0 && 10 / zero > 1);)"));
  EXPECT_EQ(plan.operations.size(), 1u);
}

TEST(BinderTest, AnAbsentOptionalTensorIsANullPointer) {
  BindInputs inputs = inputs_for_batch(4);
  inputs.present["state"] = false;
  const char* text = "gdn<<<1, 32>>>(state, has(state), output, new_state);";
  const BoundPlan absent = bound(text, inputs);
  EXPECT_TRUE(std::get<BufferView>(launch_of(absent).arguments[0]).is_null);
  EXPECT_EQ(std::get<ScalarArgument>(launch_of(absent).arguments[1]).integer, 0);
  EXPECT_FALSE(std::get<BufferView>(launch_of(bound(text)).arguments[0]).is_null);
  EXPECT_EQ(bind_errors(with_launch("copy(new_state, state, 4);"), inputs),
            "1:17: 'state' is absent in this workload: guard copy with if (has(state))");
}

TEST(BinderTest, NamesOfSeparateBlocksStayApart) {
  const BoundPlan plan = bound(R"(
if (batch_size > 1) { workspace float part[4]; gdn<<<1, 32>>>(part); }
if (batch_size > 2) { workspace float part[8]; gdn<<<1, 32>>>(part, output, new_state); })");
  ASSERT_EQ(plan.workspaces.size(), 2u);
  EXPECT_EQ(plan.workspaces[1].name, "part.2");
  EXPECT_EQ(std::get<BufferView>(launch_of(plan, 1).arguments[0]).buffer, "part.2");
}

struct BadBinding {
  const char* text;
  const char* error;
};

TEST(BinderTest, ArithmeticErrorsHaveAPlace) {
  const BadBinding cases[] = {
      {"const int n = 9223372036854775807 + batch_size;",
       "1:35: 9223372036854775807 + 4 overflows a 64-bit integer"},
      {"const int n = 5000000000 * 5000000000;", "1:26: 5000000000 * 5000000000 overflows a 64-bit integer"},
      {"const int n = (-9223372036854775807 - 1) / -1;",
       "1:42: 0 - -9223372036854775808 overflows a 64-bit integer"},
      {"const int n = 1 / (batch_size - 4);", "1:17: division by zero: 1 / 0"},
      {"const int n = 1 % (batch_size - 4);", "1:17: division by zero: 1 % 0"},
      {"const float x = 1.5 / (batch_size - 4);", "1:21: division by zero: 1.5 / 0"},
      {"const float x = 1e300 * 1e300;", "1:23: 1e+300 * 1e+300 is not finite"},
      {"const int n = 1 << 64;", "1:17: 1 << 64: a shift is by 0 to 62"},
      {"const int n = 1 >> -1;", "1:17: 1 >> -1: a shift is by 0 to 62"},
      {"const int n = 3 << 62;", "1:17: 3 << 62 overflows a 64-bit integer"},
      {"const int n = ceil_div(4, 0);",
       "1:15: ceil_div(4, 0): the first must not be negative, the second must be positive"},
      {"const int n = i32(3000000000);",
       "1:15: 3000000000 does not fit in an int: pass i64(...) and take a long long"},
      {"const int n = i64(1e30);", "1:15: 1e+30 does not fit in a 64-bit integer"},
      {"workspace float w[batch_size - 5];", "1:30: workspace 'w' has a negative size: -1 elements"},
      {"workspace float w[1 << 40];",
       "1:21: workspace 'w' of 1099511627776 elements: all workspaces together may have at most 256 GiB"},
      {"require batch_size > 4 else \"large batches only\";",
       "1:1: the requirement does not hold: large batches only"},
      {"const int n = resident_blocks(gdn<4>, 128, 0);",
       "1:15: resident_blocks(gdn<4>, ...) is not known here: it needs the compiled kernel"},
  };
  for (const BadBinding& bad : cases) EXPECT_EQ(bind_errors(with_launch(bad.text)), bad.error) << bad.text;
}

TEST(BinderTest, LaunchErrorsNameTheLimit) {
  const BadBinding cases[] = {
      {"gdn<<<1, 2048>>>();", "1:10: block x is 2048: it must be 1 to 1024 threads"},
      {"gdn<<<1, dim3(64, 32)>>>();",
       "1:15: a block of 64 x 32 x 1 = 2048 threads: at most 1024 are possible"},
      {"gdn<<<1, dim3(1, 1, 65)>>>();", "1:21: block z is 65: it must be 1 to 64 threads"},
      {"gdn<<<1, 0>>>();", "1:10: block x is 0: it must be 1 to 1024 threads"},
      {"gdn<<<batch_size - 4, 32>>>();",
       "1:18: grid x is 0: it must be 1 to 2147483647; guard the launch with if"},
      {"gdn<<<dim3(1, 65536), 32>>>();",
       "1:15: grid y is 65536: it must be 1 to 65535; put the large size in x"},
      {"gdn<<<dim3(1, 1, 65536), 32>>>();",
       "1:18: grid z is 65536: it must be 1 to 65535; put the large size in x"},
      {"gdn<<<2147483648, 32>>>();", "1:7: grid x is 2147483648: it must be 1 to 2147483647"},
      {"gdn<<<1, 32, 228 * 1024>>>();",
       "1:18: dynamic shared memory of 233472 bytes (228 KiB): a block has at most 232448 bytes (227 KiB)"},
      {"gdn<<<1, 32, -1>>>();", "1:14: dynamic shared memory is negative: -1 bytes"},
      {"[[cluster(3)]] gdn<<<4, 32>>>();",
       "1:11: grid x is 4, no multiple of the cluster's 3: write round_up(4, 3)"},
      {"[[cluster(4, 8)]] gdn<<<dim3(8, 8), 32>>>();",
       "1:11: a cluster of 4 x 8 x 1 = 32 blocks: at most 16 are possible (8 on every device)"},
      {"[[cluster(0)]] gdn<<<8, 32>>>();", "1:11: a cluster size of 0: it must be 1 to 16"},
      {"[[carveout(101)]] gdn<<<8, 32>>>();", "1:12: carveout of 101: it is a percentage, 0 to 100"},
      {"gdn<<<1, 32>>>(batch_size * 1000000000);",
       "1:27: 4000000000 does not fit in an int: pass i64(...) and take a long long"},
      {"gdn<<<1, 32>>>(1e300);", "1:16: 1e+300 does not fit in a float: pass f64(...) and take a double"},
      {"gdn<<<1, 32>>>(q + 2049);", "1:20: offset 2049 into 'q' is outside: it has 2048 elements"},
      {"gdn<<<1, 32>>>(q + (0 - 1));", "1:23: offset -1 into 'q' is outside: it has 2048 elements"},
      {"gdn<<<1, 32>>>(bytes<float>(q, 2));",
       "1:32: offset 2 into 'q' is not aligned for float: its byte offset must be a multiple of 4"},
      {"memset(output, 256, 4);", "1:16: memset sets bytes: 256 is not in 0 to 255"},
      {"memset(output, 0, -1);", "1:19: memset of -1 bytes: the size is negative"},
      {"memset(output + 1, 0, 8192);",
       "1:8: memset of 8192 bytes from byte 2 of 'output': it has 8192 bytes"},
      {"copy(new_state, q, 4097);", "1:17: copy of 4097 bytes from byte 0 of 'q': it has 4096 bytes"},
      {"copy(output, output + 4, 16);", "1:1: copy of 16 bytes within 'output': the two ranges overlap"},
  };
  for (const BadBinding& bad : cases) EXPECT_EQ(bind_errors(with_launch(bad.text)), bad.error) << bad.text;
}

TEST(BinderTest, ReportsTheErrorsOfSeveralLaunches) {
  EXPECT_EQ(bind_errors("gdn<<<0, 2048>>>(output);\ngdn<<<1, 2048>>>(new_state);"),
            "1:7: grid x is 0: it must be 1 to 2147483647; guard the launch with if\n"
            "1:10: block x is 2048: it must be 1 to 1024 threads\n"
            "2:10: block x is 2048: it must be 1 to 1024 threads");
}

TEST(BinderTest, TensorMapsKeepTheDriversRules) {
  const char* prefix = "workspace float w[1 << 20];\ntensormap m = tiled(";
  const BadBinding cases[] = {
      {"w, dims = {0}, box = {4});", "2:32: dim 0 of tensor map 'm' is 0: it must be 1 to 2^32"},
      {"w, dims = {5, 4}, box = {4, 4});",
       "2:32: stride 0 of tensor map 'm' is 20 bytes: it must be a multiple of 16"},
      {"w, dims = {8, 4}, strides_bytes = {40}, box = {4, 4});",
       "2:56: stride 0 of tensor map 'm' is 40 bytes: it must be a multiple of 16"},
      {"w, dims = {8}, box = {257});", "2:43: box 0 of tensor map 'm' is 257: it must be 1 to 256"},
      {"w, dims = {8}, box = {3});",
       "2:43: the inner box of tensor map 'm' has 12 bytes: it must be a multiple of 16"},
      {"w, dims = {64}, box = {64}, swizzle_128b);",
       "2:44: the inner box of tensor map 'm' has 256 bytes: swizzle_128b allows at most 128"},
      {"w + 1, dims = {64}, box = {16});",
       "2:21: tensor map 'm' begins at byte 4 of 'w': it must be a multiple of 16"},
      {"w + 4, dims = {1 << 20}, box = {16});",
       "2:1: tensor map 'm' spans 4194304 bytes from byte 16 of 'w', which has 4194304"},
      {"w, dims = {8}, box = {4}, elem_strides = {9});",
       "2:63: element stride 0 of tensor map 'm' is 9: it must be 1 to 8"},
      {"w, dims = {8}, box = {4}, interleave_16b);",
       "2:43: tensor map 'm' is interleaved: it needs 3 to 5 dims, not 1"},
  };
  for (const BadBinding& bad : cases) {
    EXPECT_EQ(bind_errors(with_launch(prefix + std::string(bad.text))), bad.error) << bad.text;
  }
  const BoundPlan good =
      bound(with_launch("tensormap m = tiled(q, dims = {128, 4 * batch_size}, box = {64, 4});"));
  EXPECT_EQ(good.tensor_maps.at(0).strides_bytes, std::vector<int64_t>{256});
  EXPECT_EQ(good.tensor_maps.at(0).elem_strides, (std::vector<int64_t>{1, 1}));
}

TEST(BinderTest, KnobOverridesMustBeDeclaredValues) {
  const std::string text = with_launch(
      "tune N = 16 in {8, 16};\ntune X = 0.5 in {0.5, 1};\ntune B = false in {true, false};\n"
      "const int n = B ? N : 2 * N;");
  BindInputs inputs = inputs_for_batch(1);
  inputs.knobs = {{"N", "8"}, {"X", "1.0"}, {"B", "1"}};
  const BoundPlan plan = bound(text, inputs);
  EXPECT_EQ(plan.knobs, (KnobValues{{"B", "true"}, {"N", "8"}, {"X", "1.0"}}));
  inputs.knobs = {{"N", "9"}, {"M", "1"}};
  EXPECT_EQ(
      bind_errors(text, inputs),
      "1:1: the plan has no knob 'M'; it has: N X B\n1:6: knob 'N' cannot be 9: its values are {8, 16}");
}

TEST(BinderTest, RequirementsAreSeenWithoutDiagnostics) {
  const Plan plan = parsed(with_launch("tune N = 16 in {8, 16};\nrequire batch_size % N == 0;"));
  EXPECT_FALSE(violates_requirement(plan, gdn_decode_definition(), inputs_for_batch(32)));
  EXPECT_TRUE(violates_requirement(plan, gdn_decode_definition(), inputs_for_batch(8)));
  BindInputs inputs = inputs_for_batch(8);
  inputs.knobs["N"] = "8";
  EXPECT_FALSE(violates_requirement(plan, gdn_decode_definition(), inputs));
}

TEST(BinderTest, ResidentBlocksAreThoseOfTheWholeDevice) {
  BindInputs inputs = inputs_for_batch(4);
  inputs.device.sm_count = 10;
  std::string asked;
  inputs.device.resident_blocks = [&](const std::string& kernel, int64_t threads, int64_t shared_bytes) {
    asked = fmt::format("{} {} {}", kernel, threads, shared_bytes);
    return kernel == "gdn<2>" ? std::optional<int64_t>(3) : std::nullopt;
  };
  const BoundPlan plan =
      bound("gdn<2><<<resident_blocks(gdn<2>, 128, 64), 128>>>(output, new_state);", inputs);
  EXPECT_EQ(asked, "gdn<2> 128 64");
  EXPECT_EQ(launch_of(plan).grid.x, 30);
  EXPECT_EQ(bind_errors("gdn<<<resident_blocks(nothing, 128, 0), 128>>>(output, new_state);", inputs),
            "1:7: resident_blocks: there is no kernel 'nothing' in the device code");
}

TEST(BinderTest, AMissingAxisIsReported) {
  EXPECT_EQ(bind_errors("gdn<<<batch_size, 32>>>(1, output, new_state);", BindInputs{}),
            "1:7: axis 'batch_size' has no value in this workload");
}

TEST(IntegerTest, EvaluatesOverAxes) {
  const trace::Definition definition = gdn_decode_definition();
  const auto value = [&](const char* text) {
    return evaluate_integer(text, definition, {{"batch_size", 8}}, "floor bytes");
  };
  EXPECT_EQ(*value("2 * batch_size * head_size"), 2048);
  EXPECT_EQ(value("batch_size > 1").error().message, "floor bytes: column 12: a count must be int, not bool");
  EXPECT_EQ(value("1.5").error().message, "floor bytes: column 1: a count must be int, not float");
}

TEST(ConditionTest, EvaluatesOverAxes) {
  const trace::Definition definition = gdn_decode_definition();
  EXPECT_TRUE(
      *evaluate_condition("batch_size <= 8 && head_size == 128", definition, {{"batch_size", 8}}, "band"));
  EXPECT_FALSE(*evaluate_condition("batch_size <= 8", definition, {{"batch_size", 9}}, "band"));
  const auto error = [&](const char* text) {
    return evaluate_condition(text, definition, {{"batch_size", 8}}, "band small").error().message;
  };
  EXPECT_EQ(error("batchsize <= 8"),
            "band small: column 1: unknown name 'batchsize'; did you mean 'batch_size'?");
  EXPECT_EQ(error("batch_size"), "band small: column 1: a condition must be bool, not int");
  EXPECT_EQ(error("batch_size <= 8 8"), "band small: column 17: expected the end of the expression, got '8'");
  EXPECT_EQ(error("1 / (batch_size - 8) == 1"), "band small: column 3: division by zero: 1 / 0");
  EXPECT_EQ(error("has(state)"), "band small: column 1: has(...) cannot be used here: only axes are known");
  EXPECT_EQ(error(""), "band small: column 1: expected an expression, got the end of the plan");
}

}  // namespace
}  // namespace warpwright::plan
