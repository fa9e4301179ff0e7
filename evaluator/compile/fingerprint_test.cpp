#include "evaluator/compile/fingerprint.h"

#include <algorithm>

#include "evaluator/compile/testing.h"

namespace warpwright::compile {
namespace {

constexpr const char* kSource = R"(
__constant__ float table[4] = {1, 2, 3, 4};
__constant__ int shifts[4] = {1, 2, 3, 5};
__device__ __noinline__ float helper(float x, int n) { return x * table[n & 3] + shifts[n & 1]; }
__device__ __noinline__ float other(float x) { return __expf(x) + 1; }
__global__ void __launch_bounds__(128) scale(float* out, const float* in, int n) {
  __shared__ float tile[128];
  __shared__ float sums[4];
  float total = 0;
  for (int row = 0; row < n; ++row) {
    tile[threadIdx.x] = in[row * 128 + threadIdx.x];
    __syncthreads();
    total += helper(tile[threadIdx.x ^ 1], threadIdx.x) * 5;
    if (threadIdx.x < 4) sums[threadIdx.x] = total;
    __syncthreads();
  }
  out[threadIdx.x] = other(total) + sums[threadIdx.x & 3];
}
)";

KernelCode code_of(const std::string& source, const std::string& kernel = "scale") {
  const CompiledProgram program = program_of(compile_or_fail(one_unit(source, {kernel})));
  if (program.units.empty()) return {};
  const CompiledUnit& unit = program.units[0];
  const auto module = ptx::parse(unit.ptx);
  if (!module) ADD_FAILURE() << module.error().message;
  return module ? KernelReader(*module, unit.ptx).read(unit.lowered_names.at(kernel)) : KernelCode{};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  for (; at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

double likeness(const KernelCode& a, const KernelCode& b) {
  const std::string x = sketch_of(a.grams), y = sketch_of(b.grams);
  EXPECT_EQ(x.size(), 128u);
  int equal = 0;
  for (size_t at = 0; at < x.size(); at += 4) equal += x.compare(at, 4, y, at, 4) == 0 ? 1 : 0;
  return equal / 32.0;
}

TEST(Fingerprint, WhatAProgramIsCalledDoesNotCount) {
  REQUIRE_TOOLKIT();
  const KernelCode original = code_of(kSource);
  const std::pair<std::string, std::string> changes[] = {
      {"\n", "\n// a comment\n\n"},
      {"total", "a_longer_name"},
      {"helper", "h"},
      {"tile", "a"},
      {"table", "zzz"},
      {"int n)", "int number_of_rows)"},
  };
  for (const auto& [from, to] : changes) {
    std::string source = replaced(kSource, from, to);
    if (to == "int number_of_rows)") source = replaced(source, "row < n", "row < number_of_rows");
    if (to == "int number_of_rows)") source = replaced(source, "number_of_rows) { return", "n) { return");
    const KernelCode code = code_of(source);
    EXPECT_EQ(code.fingerprint, original.fingerprint) << from << " -> " << to;
    EXPECT_EQ(sketch_of(code.grams), sketch_of(original.grams));
  }
  EXPECT_EQ(code_of(replaced(kSource, "scale", "a_name"), "a_name").fingerprint, original.fingerprint);
}

TEST(Fingerprint, OrderOfDeclarationsDoesNotCount) {
  REQUIRE_TOOLKIT();
  const std::string original = code_of(kSource).fingerprint;
  const std::pair<std::string, std::string> swaps[] = {
      {"__constant__ float table[4] = {1, 2, 3, 4};\n", "__constant__ int shifts[4] = {1, 2, 3, 5};\n"},
      {"__device__ __noinline__ float helper(float x, int n) { return x * table[n & 3] + shifts[n & 1]; }\n",
       "__device__ __noinline__ float other(float x) { return __expf(x) + 1; }\n"},
      {"  __shared__ float tile[128];\n", "  __shared__ float sums[4];\n"},
  };
  for (const auto& [first, second] : swaps)
    EXPECT_EQ(code_of(replaced(kSource, first + second, second + first)).fingerprint, original) << first;
  const std::string unused =
      "__device__ float not_used(float x) { return x * 9; }\n__constant__ int odd = 3;\n";
  EXPECT_EQ(code_of(unused + kSource + "__global__ void another(int* p) { *p = odd; }").fingerprint,
            original);
}

TEST(Fingerprint, WhatTheKernelDoesCounts) {
  REQUIRE_TOOLKIT();
  std::vector<std::string> seen = {code_of(kSource).fingerprint};
  const std::pair<std::string, std::string> changes[] = {
      {"* 5", "* 6"},
      {"3, 4}", "3, 5}"},
      {"3, 5}", "3, 6}"},
      {"+ 1;", "+ 2;"},
      {"__expf", "__sinf"},
      {"tile[128]", "tile[160]"},
      {"bounds__(128)", "bounds__(96)"},
      {"bounds__(128)", "bounds__(128, 4)"},
      {"x ^ 1", "x ^ 2"},
      {"in[row * 128", "in[row * 64"},
      {"const float* in", "const double* in"},
      {"  for", "#pragma unroll 1\n  for"},
      {"__launch_bounds__(128)", "__maxnreg__(64)"},
  };
  for (const auto& [from, to] : changes) {
    const std::string fingerprint = code_of(replaced(kSource, from, to)).fingerprint;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), fingerprint), 0) << from << " -> " << to;
    seen.push_back(fingerprint);
  }
}

TEST(Sketch, SmallEditsAreNearOtherProgramsAreFar) {
  REQUIRE_TOOLKIT();
  const KernelCode original = code_of(kSource);
  EXPECT_EQ(likeness(original, original), 1);
  EXPECT_EQ(likeness(original, code_of(replaced(kSource, "* 5", "* 6"))), 1) << "only constants differ";
  EXPECT_GE(likeness(original, code_of(replaced(kSource, "other(total)", "total"))), 0.4);
  EXPECT_LT(
      likeness(original, code_of("__global__ void scale(int* p) { atomicAdd(p, p[threadIdx.x] % 7); }")),
      0.3);
  const KernelCode empty = code_of("__global__ void scale() {}");
  EXPECT_EQ(likeness(empty, empty), 1);
}

TEST(StaticMix, CountsEachInstructionOnce) {
  REQUIRE_TOOLKIT();
  const StaticMix mix = code_of(R"(
__global__ void scale(float4* out, const float4* in) {
  float4 v = in[threadIdx.x];
  v.x = fmaf(v.x, 3, 1);
  v.y = v.y * v.z;
  out[threadIdx.x] = v;
})")
                            .mix;
  EXPECT_EQ(mix.float_operations, 3);
  EXPECT_EQ(mix.global_bytes, 32);
  EXPECT_EQ(mix.tensor_instructions, 0);
  EXPECT_GT(mix.instructions, 6);
}

TEST(StaticMix, KnowsTensorCores) {
  REQUIRE_TOOLKIT();
  const StaticMix mix = code_of(R"(
__global__ void scale(float* out, const unsigned* in) {
  float d[4] = {0, 0, 0, 0};
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
               "{%0,%1,%2,%3};" : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(in[0]), "r"(in[1]), "r"(in[2]), "r"(in[3]), "r"(in[4]), "r"(in[5]));
  out[threadIdx.x] = d[0] + d[3];
})")
                            .mix;
  EXPECT_EQ(mix.tensor_instructions, 1);
  EXPECT_EQ(mix.float_operations, 16 * 8 * 16 * 2 / 32 + 1);
  EXPECT_EQ(mix.global_bytes, 6 * 4 + 4);
}

}  // namespace
}  // namespace warpwright::compile
