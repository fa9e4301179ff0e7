#include "evaluator/timing/profile.h"

#include <gtest/gtest.h>

#include "evaluator/timing/work.h"

namespace warpwright::timing {
namespace {

using rules::Resource;
using sim::InstructionProfile;

constexpr std::string_view kSource = "first\n  second(a[i]);  \nthird\n";

InstructionProfile instruction(const std::string& opcode, const std::string& source, uint64_t warps,
                               double slots = 0) {
  InstructionProfile one;
  one.opcode = opcode;
  one.source = source;
  one.ptx_line = 99;
  one.warp_executions = warps;
  one.lane_executions = 32 * warps;
  one.issue_slots = slots > 0 ? slots : static_cast<double>(warps);
  return one;
}

InstructionProfile scattered_load(const std::string& source) {
  InstructionProfile load = instruction("ld.global.f32", source, 100);
  load.sectors = 3200;
  load.ideal_sectors = 400;
  return load;
}

// A kernel whose estimated time is all of one kind.
KernelProfile kernel_bound_by(Resource resource, std::vector<InstructionProfile> instructions) {
  KernelProfile kernel;
  kernel.label = "k";
  kernel.launches = 1;
  kernel.instructions = std::move(instructions);
  estimate::LaunchEstimate estimate;
  estimate.latency_us = 10;
  estimate.resource_us[static_cast<size_t>(resource)] = 9;
  estimate.launch_us = 1;
  kernel.estimates.push_back(estimate);
  return kernel;
}

std::vector<ProfileFinding> findings_of(const KernelProfile& kernel) {
  return find_hot_spots(kernel, profile_by_line(kernel.instructions, "k.cu", kSource));
}

std::string first_finding(const KernelProfile& kernel) {
  const auto findings = findings_of(kernel);
  return findings.empty() ? "none" : findings.front().message;
}

TEST(Profile, SumsByLineOverInlinedCopiesAndLaunches) {
  const auto lines = profile_by_line({instruction("add.f32", "k.cu:2", 10), scattered_load("k.cu:2"),
                                      scattered_load("k.cu:2"), instruction("mov.u32", "k.cu:3", 1)},
                                     "some/folder/k.cu", kSource);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].location, "line 2");
  EXPECT_EQ(lines[0].text, "second(a[i]);");
  EXPECT_EQ(lines[0].warp_executions, 210);
  EXPECT_EQ(lines[0].sectors, 6400);
  EXPECT_EQ(lines[0].global_executions, 200);
  EXPECT_EQ(lines[0].lanes_per_execution(), 32);
  EXPECT_EQ(lines[0].opcodes, (std::vector<std::string>{"ld.global.f32", "add.f32"}));
}

TEST(Profile, NamesWhatIsNotTheCandidatesByFileOrByPtxLine) {
  const auto lines = profile_by_line({instruction("add.f32", "", 3), instruction("sub.f32", "cub.cuh:7", 2),
                                      instruction("mul.f32", "k.cu:77", 1)},
                                     "k.cu", kSource);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].location, "PTX line 99");
  EXPECT_EQ(lines[0].text, "add.f32");
  EXPECT_EQ(lines[1].location, "cub.cuh:7");
  EXPECT_EQ(lines[2].location, "line 77");
  EXPECT_EQ(lines[2].text, "") << "a line that the source does not have";
}

TEST(Profile, ScatteredAccessIsNamedWithItsCostAndItsMend) {
  const auto finding = first_finding(kernel_bound_by(Resource::kL2, {scattered_load("k.cu:2")}));
  EXPECT_TRUE(finding.starts_with("line 2: each warp reads 32 sectors of global memory where 4 would do"))
      << finding;
  EXPECT_NE(finding.find("32 bytes or more apart"), std::string::npos) << finding;
}

TEST(Profile, BankConflictsAreNamedByTheirDegree) {
  InstructionProfile load = instruction("ld.shared.f32", "k.cu:3", 100);
  load.wavefronts = 800;
  load.ideal_wavefronts = 100;
  const auto finding = first_finding(kernel_bound_by(Resource::kShared, {load}));
  EXPECT_TRUE(finding.starts_with("line 3: shared memory conflicts, 8 wavefronts where 1 would do"))
      << finding;
}

TEST(Profile, DivergenceWaitsAndHotLinesAreFound) {
  InstructionProfile few = instruction("add.f32", "k.cu:1", 100);
  few.lane_executions = 400;
  EXPECT_TRUE(first_finding(kernel_bound_by(Resource::kIssue, {few})).starts_with("line 1: "));
  EXPECT_NE(findings_of(kernel_bound_by(Resource::kIssue, {few}))[1].message.find("4.0 of 32 lanes"),
            std::string::npos);
  InstructionProfile slow = instruction("fma.rn.f32", "k.cu:3", 100);
  slow.wait_cycles = 50000;
  KernelProfile waiting = kernel_bound_by(Resource::kDram, {slow});
  waiting.estimates[0].waiting_us = 5;
  EXPECT_TRUE(
      first_finding(waiting).starts_with("line 3: 100 % of a lone warp's waiting is here, 500 cycles"));
}

TEST(Profile, SaysNothingAboutWhatDoesNotMatter) {
  EXPECT_EQ(first_finding(kernel_bound_by(Resource::kXu, {scattered_load("k.cu:2")})), "none");
  InstructionProfile ideal = scattered_load("k.cu:2");
  ideal.sectors = ideal.ideal_sectors;
  EXPECT_EQ(first_finding(kernel_bound_by(Resource::kL2, {ideal})), "none");
}

TEST(Profile, UnevenBlocksAreALaunchsFault) {
  KernelProfile kernel = kernel_bound_by(Resource::kXu, {});
  kernel.estimates[0].balance = 0.25;
  EXPECT_NE(first_finding(kernel).find("only 25 % of the fullest SM's blocks"), std::string::npos);
}

TEST(Profile, AsJsonIsBoundedAndCountsWhatItLeavesOut) {
  std::vector<InstructionProfile> many;
  for (int line = 1; line <= 40; ++line)
    many.push_back(instruction("add.f32", "k.cu:" + std::to_string(line), static_cast<uint64_t>(line)));
  const Json json = profile_json(kernel_bound_by(Resource::kIssue, many), "k.cu", kSource);
  EXPECT_EQ(json["lines"].size(), 24u);
  EXPECT_EQ(json["line_count"], 40);
  EXPECT_EQ(json["lines"][0]["line"], 40) << "the heaviest first";
}

TEST(Work, TakesItsFiguresFromTheCounters) {
  sim::Counters counters;
  counters.blocks = 7;
  counters.global_sectors_read = 11;
  counters.alu = 2;
  counters.wide = 1;
  counters.tensor_flops_by_type[static_cast<size_t>(sim::TensorType::kBf16)] = 100;
  counters.tensor_flops_by_type[static_cast<size_t>(sim::TensorType::kF8)] = 10;
  const estimate::LaunchWork work = work_from_counters("k", {128, 32, 0}, counters);
  EXPECT_EQ(work.blocks, 7);
  EXPECT_EQ(work.sectors_read, 11);
  EXPECT_EQ(work.alu_slots, 5);
  EXPECT_EQ(work.tensor_flops, 105);
  const Json json = counters_json(work, counters);
  EXPECT_EQ(json["tensor_flops_by_type"], (Json{{"bf16", 100.0}, {"f8", 10.0}}));
  for (const char* key : {"copy_engine_bytes", "tensor_pipe_cycles", "mbarrier_wait_cycles"})
    EXPECT_FALSE(json.contains(key)) << "nothing of the kind happened: " << key;
  const auto again = estimate::launch_work_from_json(json, "here");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_json(*again), to_json(work));
}

TEST(Work, SaysWhatAsynchronousKernelsDid) {
  sim::Counters counters;
  counters.copy_engine_bytes = 4096;
  counters.tensor_pipe_cycles = 12.5;
  counters.mbarrier_wait_cycles = 90;
  counters.longest_mbarrier_wait_cycles = 60;
  counters.critical_mbarrier_cycles = 30;
  const Json json = counters_json(work_from_counters("k", {128, 32, 0}, counters), counters);
  EXPECT_EQ(json["copy_engine_bytes"], 4096);
  EXPECT_EQ(json["tensor_pipe_cycles"], 12.5);
  EXPECT_EQ(json["mbarrier_wait_cycles"], 90);
  EXPECT_EQ(json["longest_mbarrier_wait_cycles"], 60);
  EXPECT_EQ(json["critical_mbarrier_cycles"], 30);
}

}  // namespace
}  // namespace warpwright::timing
