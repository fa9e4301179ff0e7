#include "src/estimate/estimate.h"

#include <gtest/gtest.h>

namespace warpwright::estimate {
namespace {

rules::DeviceModel b200() {
  auto device = rules::load_device("b200");
  EXPECT_TRUE(device.has_value());
  return device.value_or(rules::DeviceModel{});
}

double estimate_us(const rules::DeviceModel& device, const LaunchWork& work) {
  return estimate_call(device, {work}).latency_us;
}

LaunchWork some_kernel() {
  LaunchWork work;
  work.label = "k";
  work.blocks = 512;
  work.block = {256, 64, 32 * 1024};
  work.issue_slots = 4e6;
  work.fma_slots = 1e6;
  work.alu_slots = 5e5;
  work.xu_slots = 2e5;
  work.lsu_slots = 4e5;
  work.shared_wavefronts = 5e5;
  work.tensor_flops = 1e9;
  work.sectors_read = 1e6;
  work.sectors_written = 4e5;
  work.unique_sectors_read = 8e5;
  work.unique_sectors_written = 4e5;
  work.atomic_lanes = 1e4;
  work.critical_path_cycles = 4000;
  return work;
}

// Gated delta net decode as the best kernels do it: the state is read and written once, two rows a thread.
LaunchWork gdn_decode(int batch) {
  LaunchWork work;
  work.blocks = int64_t{batch} * 8 * 8;
  work.block = {128, 64, 2048};
  work.unique_sectors_read = work.sectors_read = batch * 524288.0 / 32;
  work.unique_sectors_written = work.sectors_written = batch * 524288.0 / 32;
  work.issue_slots = batch * 8 * 128 * 128 / 32.0 * 3;
  work.fma_slots = batch * 8 * 128 * 128 / 32.0 * 2;
  work.critical_path_cycles = 1200;
  return work;
}

TEST(Estimate, AnEmptyCallCostsNothingAndAnEmptyKernelTheLaunchFloor) {
  const rules::DeviceModel device = b200();
  EXPECT_EQ(estimate_call(device, {}).latency_us, 0);
  LaunchWork empty;
  empty.blocks = 1;
  empty.block = {32, 16, 0};
  empty.critical_path_cycles = 50;
  const double us = estimate_us(device, empty);
  EXPECT_GE(us, device.calibration.first_launch_us);
  EXPECT_LT(us, device.calibration.first_launch_us + 0.1);
  EXPECT_EQ(estimate_call(device, {empty}).launches[0].bound_by, "launch");
}

TEST(Estimate, EachFurtherLaunchCostsAGapAndADependentLaunchLess) {
  const rules::DeviceModel device = b200();
  LaunchWork work = some_kernel();
  const double once = estimate_us(device, work);
  const double twice = estimate_call(device, {work, work}).latency_us;
  EXPECT_NEAR(twice - once, once - device.calibration.first_launch_us + device.calibration.next_launch_us,
              1e-9);
  LaunchWork dependent = work;
  dependent.programmatic_dependent = true;
  EXPECT_LT(estimate_call(device, {work, dependent}).latency_us, twice);
}

TEST(Estimate, IsNeverBelowTheDramFloor) {
  const rules::DeviceModel device = b200();
  const LaunchWork work = some_kernel();
  const double bytes = (work.unique_sectors_read + work.unique_sectors_written) * 32;
  EXPECT_GE(estimate_us(device, work),
            device.calibration.first_launch_us + bytes / device.dram_bandwidth_gb_s * 1e-3);
}

TEST(Estimate, MoreWorkOfAnyKindIsNeverFaster) {
  const rules::DeviceModel device = b200();
  const double base = estimate_us(device, some_kernel());
  double LaunchWork::*const kFields[] = {
      &LaunchWork::issue_slots,     &LaunchWork::fma_slots,           &LaunchWork::alu_slots,
      &LaunchWork::xu_slots,        &LaunchWork::lsu_slots,           &LaunchWork::fp64_slots,
      &LaunchWork::tensor_flops,    &LaunchWork::shared_wavefronts,   &LaunchWork::sectors_read,
      &LaunchWork::sectors_written, &LaunchWork::unique_sectors_read, &LaunchWork::unique_sectors_written,
      &LaunchWork::atomic_lanes,    &LaunchWork::critical_path_cycles};
  for (double LaunchWork::*const field : kFields) {
    LaunchWork more = some_kernel();
    for (int step = 0; step < 6; ++step) {
      const double before = estimate_us(device, more);
      more.*field = more.*field * 10 + 1e3;
      EXPECT_GE(estimate_us(device, more), before);
    }
    EXPECT_GT(estimate_us(device, more), base);
  }
}

TEST(Estimate, BytesPastTheCapacityOfL2AreReadAgain) {
  const rules::DeviceModel device = b200();
  LaunchWork small = some_kernel();
  small.unique_sectors_read = 1e6;  // 32 MB
  small.sectors_read = 2e7;
  LaunchWork large = small;
  large.unique_sectors_read = 1e7;  // 320 MB
  const double small_dram = estimate_call(device, {small}).launches[0].us_of(rules::Resource::kDram);
  const double large_dram = estimate_call(device, {large}).launches[0].us_of(rules::Resource::kDram);
  EXPECT_GT(large_dram, 10 * small_dram);
  EXPECT_LT(large_dram, 2e7 * 32 / device.dram_bandwidth_gb_s * 1e-3 * 1.1);
}

TEST(Estimate, MoreSmsAreNeverSlower) {
  rules::DeviceModel device = b200();
  for (const int64_t blocks : {1, 100, 148, 149, 1000}) {
    LaunchWork work = some_kernel();
    work.blocks = blocks;
    double previous = 1e30;
    for (int sms = 16; sms <= 1024; sms *= 2) {
      device.sm_count = sms;
      const double us = estimate_us(device, work);
      EXPECT_LE(us, previous) << blocks << " blocks on " << sms;
      previous = us;
    }
  }
}

TEST(Estimate, AWaveMoreTakesAStep) {
  const rules::DeviceModel device = b200();
  LaunchWork work;
  work.block = {1024, 64, 0};  // one block per SM
  work.critical_path_cycles = 20000;
  const auto us = [&](int64_t blocks) {
    work.blocks = blocks;
    return estimate_us(device, work);
  };
  EXPECT_DOUBLE_EQ(us(1), us(148));
  EXPECT_NEAR(us(149) - us(148), device.calibration.latency_weight * 20000 / device.sm_clock_mhz, 1e-9);
  EXPECT_DOUBLE_EQ(us(149), us(296));
}

TEST(Estimate, FewBlocksUseFewSms) {
  const rules::DeviceModel device = b200();
  LaunchWork spread = some_kernel();
  LaunchWork packed = spread;
  packed.blocks = 8;
  EXPECT_GT(estimate_us(device, packed), 5 * estimate_us(device, spread));
}

TEST(Estimate, NamesTheBottleneck) {
  const rules::DeviceModel device = b200();
  LaunchWork work = some_kernel();
  work.xu_slots = 1e9;
  EXPECT_EQ(estimate_call(device, {work}).launches[0].bound_by, "xu");
  work.unique_sectors_read = work.sectors_read = 1e12;
  const LaunchEstimate estimate = estimate_call(device, {work}).launches[0];
  EXPECT_EQ(estimate.bound_by, "dram");
  EXPECT_NE(describe(estimate).find("bound by dram"), std::string::npos);
}

// Published B200 times of the best known decode kernels per batch size, by CUPTI with a cold L2.
TEST(Estimate, IsPlausibleForGatedDeltaNetDecode) {
  const std::pair<int, double> published[] = {{1, 2.46},  {4, 3.04},   {8, 4.05},  {16, 4.92},
                                              {32, 7.44}, {48, 10.09}, {64, 12.55}};
  const rules::DeviceModel device = b200();
  for (const auto& [batch, us] : published)
    EXPECT_NEAR(estimate_us(device, gdn_decode(batch)) / us, 1, 0.25) << batch;
}

TEST(Estimate, CopiesAreBoundByMemory) {
  const rules::DeviceModel device = b200();
  const LaunchEstimate copy = estimate_call(device, {copy_work("copy", 1 << 28, 1 << 28)}).launches[0];
  EXPECT_EQ(copy.bound_by, "dram");
  EXPECT_LT(estimate_us(device, copy_work("memset", 0, 64)), device.calibration.first_launch_us + 1);
}

TEST(Occupancy, FollowsThePublishedRules) {
  const rules::DeviceModel device = b200();
  struct Case {
    BlockShape block;
    int blocks;
    std::string_view limiter;
  };
  const Case cases[] = {{{1024, 32, 0}, 2, "threads"},
                        {{1024, 64, 0}, 1, "registers"},
                        {{256, 64, 0}, 4, "registers"},
                        {{256, 65, 0}, 3, "registers"},  // 72 each: 28 warps
                        {{128, 32, 0}, 16, "threads"},
                        {{32, 32, 0}, 32, "blocks"},
                        {{128, 32, 100 * 1024}, 2, "shared memory"},
                        {{128, 32, 227 * 1024}, 1, "shared memory"},
                        {{33, 0, 0}, 32, "blocks"},
                        {{384, 168, 0}, 1, "registers"}};
  for (const Case& expected : cases) {
    const Occupancy got = occupancy(device, expected.block);
    EXPECT_EQ(got.blocks_per_sm, expected.blocks)
        << expected.block.threads << " threads, " << expected.block.registers_per_thread << " registers";
    EXPECT_EQ(got.limiter, expected.limiter)
        << expected.block.threads << " " << expected.block.registers_per_thread;
  }
  EXPECT_EQ(occupancy(device, {1025, 32, 0}).blocks_per_sm, 0);
  EXPECT_EQ(occupancy(device, {128, 32, 228 * 1024}).blocks_per_sm, 0);
}

}  // namespace
}  // namespace warpwright::estimate
