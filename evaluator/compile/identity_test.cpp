#include "evaluator/compile/identity.h"

#include "evaluator/compile/testing.h"

namespace warpwright::compile {
namespace {

std::string identity_of(const std::string& source, const std::string& kernel,
                        const std::string& target = "sm_100a", const std::string& prelude = "") {
  CompileRequest request = one_unit(source, {kernel}, target);
  request.units[0].prelude = prelude;
  const CompiledProgram program = program_of(compile_or_fail(request));
  if (program.units.empty()) return "";
  const CompiledUnit& unit = program.units[0];
  const auto identity = code_identity(unit, {unit.lowered_names.at(kernel)});
  if (!identity) ADD_FAILURE() << identity.error().message;
  return identity.value_or("");
}

constexpr const char* kSource = R"(
__constant__ float table[4] = {1, 2, 3, 4};
__device__ __noinline__ float helper(float x, int n) { return x * table[n & 3] + 3; }
__global__ void __launch_bounds__(128) scale(float* out, const float* in) {
  __shared__ float tile[128];
  tile[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = helper(tile[threadIdx.x ^ 1], threadIdx.x) * 5;
}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  for (; at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

class Identity : public testing::TestWithParam<std::string> {};

TEST_P(Identity, NamesCommentsAndLinesDoNotCount) {
  REQUIRE_TOOLKIT();
  const std::string original = identity_of(kSource, "scale", GetParam());
  EXPECT_EQ(identity_of("// a comment\n\n" + std::string(kSource), "scale", GetParam()), original);
  EXPECT_EQ(
      identity_of(replaced(kSource, "scale", "a_longer_name_for_it"), "a_longer_name_for_it", GetParam()),
      original);
  EXPECT_EQ(identity_of(replaced(kSource, "helper", "h"), "scale", GetParam()), original);
  EXPECT_EQ(
      identity_of(std::string(kSource) + "__global__ void another(int* p) { *p = 7; }", "scale", GetParam()),
      original);
}

TEST_P(Identity, WhatTheKernelDoesCounts) {
  REQUIRE_TOOLKIT();
  std::vector<std::string> seen = {identity_of(kSource, "scale", GetParam())};
  const std::pair<std::string, std::string> changes[] = {{"* 5", "* 6"},
                                                         {"3, 4}", "3, 5}"},
                                                         {"+ 3", "+ 4"},
                                                         {"tile[128]", "tile[160]"},
                                                         {"bounds__(128)", "bounds__(96)"}};
  for (const auto& [from, to] : changes) {
    const std::string identity = identity_of(replaced(kSource, from, to), "scale", GetParam());
    for (const std::string& other : seen) EXPECT_NE(identity, other) << from << " -> " << to;
    seen.push_back(identity);
  }
}
INSTANTIATE_TEST_SUITE_P(Targets, Identity, testing::Values("sm_100a", "sm_90a"));

TEST(IdentityOfConstants, UnusedKnobsDoNotCountUsedOnesDo) {
  REQUIRE_TOOLKIT();
  const char* source = R"(
__device__ const int* const pointer = knob::TABLE;
__global__ void f(int* p, int i) { p[0] = knob::USED; p[1] = pointer[i]; })";
  auto identity = [&](int used, int unused, int entry) {
    return identity_of(source, "f", "sm_100a",
                       "namespace knob { constexpr int USED = " + std::to_string(used) +
                           "; constexpr int UNUSED = " + std::to_string(unused) +
                           "; constexpr int TABLE[3] = {1, 2, " + std::to_string(entry) + "}; }");
  };
  const std::string original = identity(1, 2, 3);
  EXPECT_EQ(identity(1, 9, 3), original);
  EXPECT_NE(identity(9, 2, 3), original);
  EXPECT_NE(identity(1, 2, 9), original);
}

TEST(IdentityOfBytes, DamagedCubinIsAnErrorNotACrash) {
  REQUIRE_TOOLKIT();
  CompiledUnit unit =
      program_of(compile_or_fail(one_unit("__global__ void f(int* p) { *p = 1; }", {"f"}))).units.at(0);
  EXPECT_FALSE(code_identity(unit, {"missing"}));
  const std::string whole = unit.cubin;
  for (size_t size = 1; size < whole.size() / 2; size += 37) {  // the section table lies behind the sections
    unit.cubin = whole.substr(0, size);
    EXPECT_FALSE(code_identity(unit, {"_Z1fPi"})) << size;
  }
  for (size_t at = 0; at < whole.size(); at += 13) {  // any answer, but no crash
    unit.cubin = whole;
    unit.cubin[at] = static_cast<char>(unit.cubin[at] ^ 0xff);
    const auto identity = code_identity(unit, {"_Z1fPi"});
    EXPECT_TRUE(!identity || identity->size() == 64);
  }
}

}  // namespace
}  // namespace warpwright::compile
