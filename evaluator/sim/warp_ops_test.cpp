// Shuffles, votes, matches and reductions: one warp, checked lane by lane.
#include <cmath>

#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

// One warp, every lane its number; `body` leaves a result in %r1.
std::vector<uint32_t> warp_kernel(const std::string& body) {
  TestLaunch t(
      ".version 9.0\n.target sm_100a\n.address_size 64\n.visible .entry k(.param .u64 a) {\n.reg .pred "
      "%p<4>;\n.reg .b32 %r<9>;\n"
      ".reg .b64 %d<4>;\nld.param.u64 %d0, [a];\nmov.u32 %r0, %tid.x;\nmul.wide.u32 %d1, %r0, 4;\nadd.s64 "
      "%d0, %d0, %d1;\n" +
      body + "st.global.u32 [%d0], %r1;\nret;\n}\n");
  const uint64_t out = t.output<uint32_t>("out", 32);
  const LaunchReport report = t.run({1, 1, 1}, {32, 1, 1});
  EXPECT_TRUE(report.completed && report.findings.empty()) << messages(report);
  return t.read<uint32_t>(out);
}

TEST(WarpOps, ShufflesMoveLanesAndSayWhetherTheyCould) {
  const auto down =
      warp_kernel("shfl.sync.down.b32 %r1|%p0, %r0, 3, 31, -1;\n@!%p0 add.u32 %r1, %r1, 100;\n");
  const auto up = warp_kernel("shfl.sync.up.b32 %r1|%p0, %r0, 5, 0, -1;\n@!%p0 add.u32 %r1, %r1, 100;\n");
  const auto bfly = warp_kernel("shfl.sync.bfly.b32 %r1, %r0, 18, 31, -1;\n");
  // Segments of 8 lanes: mask 24 in bits 8 to 12.
  const auto idx = warp_kernel("shfl.sync.idx.b32 %r1, %r0, 2, 6175, -1;\n");
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(down[lane], lane + 3 < 32 ? lane + 3 : lane + 100);
    EXPECT_EQ(up[lane], lane >= 5 ? lane - 5 : lane + 100);
    EXPECT_EQ(bfly[lane], lane ^ 18);
    EXPECT_EQ(idx[lane], (lane & 24) + 2);
  }
}

TEST(WarpOps, VotesMatchesAndReductions) {
  const auto ballot = warp_kernel("setp.gt.u32 %p0, %r0, 20;\nvote.sync.ballot.b32 %r1, !%p0, -1;\n");
  EXPECT_EQ(ballot[0], (1u << 21) - 1);
  const auto match = warp_kernel("shr.u32 %r2, %r0, 3;\nmatch.any.sync.b32 %r1, %r2, -1;\n");
  EXPECT_EQ(match[9], 0xff00u);
  EXPECT_EQ(warp_kernel("redux.sync.add.s32 %r1, %r0, -1;\n")[4], 31u * 32 / 2);
  EXPECT_EQ(warp_kernel("sub.u32 %r2, %r0, 7;\nredux.sync.min.s32 %r1, %r2, -1;\n")[4],
            static_cast<uint32_t>(-7));
  EXPECT_EQ(warp_kernel("elect.sync %r1|%p0, -1;\n@%p0 add.u32 %r1, %r1, 50;\n")[0], 50u);
}

TEST(WarpOps, CarryChainsAddWideNumbers) {
  const auto high = warp_kernel("mov.u32 %r2, 0xffffffff;\nadd.cc.u32 %r3, %r2, %r0;\naddc.u32 %r1, 0, 0;\n");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(high[lane], lane > 0);
}

// Reductions over every lane's values, and over some of the lanes.
TEST(WarpOps, ReductionsOfEveryKind) {
  const auto value = [](uint32_t lane) { return (lane * 0x9e3779b9u) ^ (lane << 7); };
  const std::string make = "mul.lo.u32 %r2, %r0, 0x9e3779b9;\nshl.b32 %r3, %r0, 7;\nxor.b32 %r2, %r2, %r3;\n";
  struct Reduction {
    const char* name;
    uint32_t (*combine)(uint32_t, uint32_t);
  };
  const Reduction reductions[] = {{"add.u32", [](uint32_t a, uint32_t b) { return a + b; }},
                                  {"add.s32", [](uint32_t a, uint32_t b) { return a + b; }},
                                  {"min.u32", [](uint32_t a, uint32_t b) { return a < b ? a : b; }},
                                  {"max.u32", [](uint32_t a, uint32_t b) { return a > b ? a : b; }},
                                  {"min.s32", [](uint32_t a, uint32_t b) { return s32(a) < s32(b) ? a : b; }},
                                  {"max.s32", [](uint32_t a, uint32_t b) { return s32(a) > s32(b) ? a : b; }},
                                  {"and.b32", [](uint32_t a, uint32_t b) { return a & b; }},
                                  {"or.b32", [](uint32_t a, uint32_t b) { return a | b; }},
                                  {"xor.b32", [](uint32_t a, uint32_t b) { return a ^ b; }}};
  for (const Reduction& reduction : reductions) {
    uint32_t all = value(0), odd = value(1);
    for (uint32_t lane = 1; lane < 32; ++lane) all = reduction.combine(all, value(lane));
    for (uint32_t lane = 3; lane < 32; lane += 2) odd = reduction.combine(odd, value(lane));
    const std::string name = std::string("redux.sync.") + reduction.name;
    for (const uint32_t got : warp_kernel(make + name + " %r1, %r2, -1;\n")) EXPECT_EQ(got, all) << name;
    const auto some =
        warp_kernel(make + "mov.u32 %r1, 0;\nand.b32 %r3, %r0, 1;\nsetp.eq.u32 %p0, %r3, 1;\n@%p0 " + name +
                    " %r1, %r2, 0xaaaaaaaa;\n");
    for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(some[lane], lane % 2 == 1 ? odd : 0) << name;
  }
}

TEST(WarpOps, ReductionsOfFloats) {
  // Lane 5 holds a NaN, lane 9 -100, the others their number.
  const std::string make =
      "cvt.rn.f32.u32 %r2, %r0;\nsetp.eq.u32 %p0, %r0, 9;\nselp.b32 %r2, 0xc2c80000, %r2, %p0;\n"
      "setp.eq.u32 %p0, %r0, 5;\nselp.b32 %r2, 0x7fc00000, %r2, %p0;\n";
  const auto reduce = [&](const std::string& name) {
    return f32(warp_kernel(make + "redux.sync." + name + ".f32 %r1, %r2, -1;\n")[3]);
  };
  EXPECT_EQ(reduce("min"), -100.0f);
  EXPECT_EQ(reduce("max"), 31.0f);
  EXPECT_EQ(reduce("max.abs"), 100.0f);
  EXPECT_EQ(reduce("min.abs"), 0.0f);
  EXPECT_TRUE(std::isnan(reduce("min.NaN")));
  EXPECT_TRUE(std::isnan(reduce("max.abs.NaN")));
}

TEST(WarpOps, VotesOfSomeLanes) {
  const auto vote = [](const std::string& mode, const std::string& condition) {
    return warp_kernel(condition + "vote.sync." + mode +
                       ".pred %p1, %p0, -1;\nselp.b32 %r1, 1, 0, %p1;\n")[7];
  };
  const std::string none = "setp.gt.u32 %p0, %r0, 40;\n", some = "setp.gt.u32 %p0, %r0, 20;\n",
                    every = "setp.lt.u32 %p0, %r0, 40;\n";
  EXPECT_EQ(vote("all", none) + vote("all", some) * 2 + vote("all", every) * 4, 4u);
  EXPECT_EQ(vote("any", none) + vote("any", some) * 2 + vote("any", every) * 4, 6u);
  EXPECT_EQ(vote("uni", none) + vote("uni", some) * 2 + vote("uni", every) * 4, 5u);
  const auto all = warp_kernel("match.all.sync.b32 %r1|%p0, %r0, -1;\n@%p0 mov.u32 %r1, 77;\n");
  EXPECT_EQ(all[3], 0u);
  EXPECT_EQ(warp_kernel("mov.u32 %r2, 5;\nmatch.all.sync.b32 %r1|%p0, %r2, -1;\n@!%p0 mov.u32 %r1, 77;\n")[3],
            ~0u);
  EXPECT_EQ(
      warp_kernel("cvt.u64.u32 %d2, %r0;\nshr.u64 %d2, %d2, 4;\nmatch.any.sync.b64 %r1, %d2, -1;\n")[20],
      0xffff0000u);
  EXPECT_EQ(warp_kernel("activemask.b32 %r1;\n")[0], ~0u);
}

TEST(WarpOps, SpecialRegistersThatEveryKernelMayRead) {
  const auto read = [](const std::string& name) { return warp_kernel("mov.u32 %r1, " + name + ";\n"); };
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(read("%laneid")[lane], lane);
    EXPECT_EQ(read("%lanemask_lt")[lane], (1ull << lane) - 1);
    EXPECT_EQ(read("%lanemask_le")[lane], static_cast<uint32_t>((2ull << lane) - 1));
    EXPECT_EQ(read("%lanemask_gt")[lane], ~static_cast<uint32_t>((2ull << lane) - 1));
    EXPECT_EQ(read("%lanemask_ge")[lane], ~static_cast<uint32_t>((1ull << lane) - 1));
    EXPECT_EQ(read("%lanemask_eq")[lane], 1u << lane);
  }
  for (const char* zero : {"%warpid", "%ctaid.x", "%cluster_ctarank", "%is_explicit_cluster", "%envreg3",
                           "%pm0", "%dynamic_smem_size", "%clock_hi"})
    EXPECT_EQ(read(zero)[5], 0u) << zero;
  for (const char* one : {"%nctaid.x", "%ntid.y", "%cluster_nctaid.x", "%cluster_nctarank"})
    EXPECT_EQ(read(one)[5], 1u) << one;
  EXPECT_EQ(read("%ntid.x")[5], 32u);
  EXPECT_EQ(read("WARP_SZ")[5], 32u);
  warp_kernel(
      "mov.u64 %d2, %globaltimer;\nmov.u64 %d3, %clock64;\nmov.u64 %d2, %current_graph_exec;\nmov.u32 %r1, "
      "%clock;\n");
}

}  // namespace
}  // namespace warpwright::sim::testing
