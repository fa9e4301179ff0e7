#include "evaluator/service/admission.h"

#include <gtest/gtest.h>

namespace warpwright::service {
namespace {

using compile::KernelResources;

rules::DeviceModel b200() {
  auto device = rules::load_device("b200");
  EXPECT_TRUE(device.has_value());
  return device.value_or(rules::DeviceModel());
}

plan::BoundLaunch launch_of(int64_t threads, int64_t blocks = 10) {
  plan::BoundLaunch launch;
  launch.name_expression = "k";
  launch.block = {threads, 1, 1};
  launch.grid = {blocks, 1, 1};
  return launch;
}

KernelResources resources_of(int registers, int static_shared = 0) {
  KernelResources resources;
  resources.registers = registers;
  resources.static_shared = static_shared;
  resources.has_resources = true;
  return resources;
}

std::string complaint(const plan::BoundLaunch& launch, const KernelResources& resources,
                      const ptx::Function& entry = {}) {
  return over_a_limit(b200(), launch, resources, &entry).value_or("");
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Admission, WhatFitsPasses) {
  EXPECT_EQ(complaint(launch_of(1024), resources_of(64)), "");
  EXPECT_EQ(complaint(launch_of(256), resources_of(255, 48 * 1024)), "");
}

// 21 warps of 96 registers are 64512 of 65536, but each of four partitions holds only five such warps.
TEST(Admission, RegistersAreCountedByPartition) {
  const std::string text = complaint(launch_of(672), resources_of(96));
  EXPECT_TRUE(has(text, "21 warps of 3072 each")) << text;
  EXPECT_TRUE(has(text, "at most 640 threads")) << text;
  EXPECT_EQ(complaint(launch_of(640), resources_of(96)), "");
  EXPECT_TRUE(has(complaint(launch_of(1024), resources_of(65)), "__launch_bounds__(1024)"));
}

TEST(Admission, SharedMemoryIsHeldAgainstTheDevice) {
  plan::BoundLaunch launch = launch_of(128);
  launch.dynamic_shared_bytes = 227 * 1024;
  EXPECT_EQ(complaint(launch, resources_of(32)), "");
  EXPECT_TRUE(
      has(complaint(launch, resources_of(32, 16)), "232464 bytes of shared memory (16 static + 232448"));
  EXPECT_TRUE(has(complaint(launch_of(128), resources_of(32, 49168)), "more than 49152 must be dynamic"));
}

TEST(Admission, LaunchBoundsAreTheKernelsWord) {
  ptx::Function entry;
  entry.max_threads[0] = 128;
  EXPECT_TRUE(has(complaint(launch_of(256), resources_of(32), entry), "__launch_bounds__ allow 128: raise"));
  EXPECT_EQ(complaint(launch_of(128), resources_of(32), entry), "");
  ptx::Function exact;
  exact.required_threads[0] = 32;
  exact.required_threads[1] = 4;
  EXPECT_TRUE(has(complaint(launch_of(128), resources_of(32), exact), "demands (32, 4, 1)"));
  KernelResources compiled = resources_of(200);
  compiled.max_threads = 320;
  EXPECT_TRUE(has(complaint(launch_of(512), compiled), "compiled for at most 320 (200 registers each)"));
}

TEST(Admission, ACooperativeGridMustBeResident) {
  plan::BoundLaunch launch = launch_of(256, 148 * 8);
  launch.attributes.cooperative = true;
  EXPECT_EQ(complaint(launch, resources_of(32)), "");
  launch.grid.x += 1;
  const std::string text = complaint(launch, resources_of(32));
  EXPECT_TRUE(has(text, "1185 blocks, but NVIDIA B200 holds 1184 of them at once (limited by threads)"))
      << text;
  EXPECT_TRUE(has(text, "resident_blocks(k, 256, 0)")) << text;
}

TEST(Admission, ClustersParametersAndLocalMemoryHaveLimits) {
  ptx::Function entry;
  entry.required_cluster[0] = 4;
  EXPECT_TRUE(
      has(complaint(launch_of(32, 10), resources_of(32), entry), "no multiple of its __cluster_dims__"));
  EXPECT_EQ(complaint(launch_of(32, 12), resources_of(32), entry), "");
  ptx::Function wide;
  wide.parameter_size = 32765;
  EXPECT_TRUE(has(complaint(launch_of(32), resources_of(32), wide), "the limit is 32764"));
  KernelResources deep = resources_of(32);
  deep.stack = 600000;
  EXPECT_TRUE(has(complaint(launch_of(32), deep), "600000 bytes of local memory"));
}

TEST(Admission, ATargetThatTheDeviceCannotRunIsToldOf) {
  EXPECT_EQ(target_warning(b200(), "sm_100a"), "");
  EXPECT_TRUE(has(target_warning(b200(), "sm_90a"), "does not run on NVIDIA B200 (compute capability 10.0)"));
  EXPECT_TRUE(has(target_warning(b200(), "compute_100a"), "use sm_100a"));
}

TEST(Admission, AskedKernelsAreTakenApartAtTheUnitsName) {
  plan::CandidateSource source;
  source.units.push_back({"merge", ""});
  EXPECT_EQ(asked_kernel(source, "merge::k<4>").unit, "merge");
  EXPECT_EQ(asked_kernel(source, "merge::k<4>").name_expression, "k<4>");
  EXPECT_EQ(asked_kernel(source, "k<4>").unit, "");
}

}  // namespace
}  // namespace warpwright::service
