#include "tests/cuda_engine/engine_testing.h"

#include <set>

namespace warpwright::cuda {
namespace {

using namespace std::string_literals;

using Kind = DeviceFault::Kind;

TEST_F(EngineTest, SaysWhatTheDeviceIs) {
  const DeviceFacts& facts = engine->facts();
  EXPECT_GE(facts.arch, 75);
  EXPECT_GT(facts.sm_count, 0);
  EXPECT_GT(facts.l2_bytes, 0);
  EXPECT_GT(facts.memory_bytes, 0);
  EXPECT_TRUE(facts.timer.starts_with("cupti ") || facts.timer.starts_with("events (")) << facts.timer;
  EXPECT_FALSE(facts.clocks.empty());
}

TEST_F(EngineTest, ACallComputesAndLeavesNothingBroken) {
  open();
  EXPECT_EQ(messages(call({scale_launch()})), "");
  const auto y = read(1);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], 2 * x[i]);
}

TEST_F(EngineTest, OperationsRunInOrder) {
  open({{"part", BufferRole::kWorkspace, 4000}});
  Launch merge = make_launch(kMerge, "merge", 8, 128, At{2}, At{1}, kCountOfFloats);
  merge.programmatic_dependent = true;
  const std::vector<Operation> operations = {
      make_launch(kSplit, "split", 8, 128, At{0}, At{2}, kCountOfFloats), Operation{merge},
      Memset{{1, 0}, 0, 8}, Copy{{1, 8}, {0, 0}, 4}};
  EXPECT_EQ(messages(call(operations)), "");
  const auto y = read(1);
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[1], 0);
  EXPECT_EQ(y[2], x[0]);
  EXPECT_EQ(y[3], 2 * x[3]);
  EXPECT_EQ(y[999], 2 * x[999]);
}

TEST_F(EngineTest, OutputsAndWorkspacesHoldThePoisonThatWasAskedFor) {
  open({{"part", BufferRole::kWorkspace, 100}});
  const std::vector<Operation> nothing = {Copy{{1, 0}, {0, 0}, 4}};
  const std::vector<unsigned char> nan(100, 0xff), finite(100, 0x4b);
  call(nothing, {Fill::kNan, true});
  EXPECT_EQ(read<unsigned char>(2, 100), nan);
  EXPECT_EQ(read<unsigned char>(1, 4000)[4], 0xff);
  call(nothing, {Fill::kFinite, true});
  EXPECT_EQ(read<unsigned char>(2, 100), finite);
  call(nothing, {Fill::kRandom, true});
  const auto first = read<unsigned char>(2, 100);
  call(nothing, {Fill::kRandom, true});
  EXPECT_NE(read<unsigned char>(2, 100), first) << "random contents differ each time";
  EXPECT_NE(first, finite);
}

TEST_F(EngineTest, SelfCleanWorkspacesAreZeroedOnceOnly) {
  open({{"counter", BufferRole::kSelfClean, 4}});
  const std::vector<Operation> count = {make_launch(kCount, "count", 1, 1, At{2})};
  call(count);
  EXPECT_EQ(read<int>(2, 1)[0], 1);
  call(count);
  EXPECT_EQ(read<int>(2, 1)[0], 2);
}

TEST_F(EngineTest, WritesBesideABufferAreSeenOnBothSides) {
  open({{"part", BufferRole::kWorkspace, 1001}});
  const auto after = call({scale_launch(), poke(2, 1001)});
  ASSERT_EQ(after.size(), 1u) << messages(after);
  EXPECT_EQ(after[0].kind, Kind::kGuardBroken);
  EXPECT_EQ(after[0].message,
            "workspace part of 1001 bytes: 1 bytes after its end were overwritten, the first at offset 1001");
  const auto before = call({scale_launch(), poke(1, -4), poke(1, -300)});
  ASSERT_EQ(before.size(), 1u) << messages(before);
  EXPECT_EQ(before[0].message,
            "output y of 4000 bytes: 2 bytes before its start were overwritten, the last at offset -4");
  const auto far = call({scale_launch(), poke(2, 1001 + (64 << 10) - 24)});
  EXPECT_EQ(far.size(), 1u) << "the zone is 64 KiB at least";
  EXPECT_EQ(messages(call({scale_launch()})), "") << "each call is judged by itself";
}

TEST_F(EngineTest, AModifiedInputIsAFault) {
  open();
  const auto faults = call({scale_launch(), poke(0, 2001)});
  ASSERT_EQ(faults.size(), 1u) << messages(faults);
  EXPECT_EQ(faults[0].kind, Kind::kInputModified);
  EXPECT_NE(faults[0].message.find("input x"), std::string::npos);
}

TEST_F(EngineTest, UncheckedCallsSayNothing) {
  open();
  EXPECT_EQ(messages(call({poke(0, 1), poke(1, -1)}, {Fill::kNan, false})), "");
}

TEST_F(EngineTest, AddressesDifferEachTime) {
  if (!is_fake_gpu()) GTEST_SKIP();
  std::set<uint64_t> seen;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    value_of(engine->open_buffers(kBuffers, {{"x", BufferRole::kInput, 4000}, {"y", BufferRole::kOutput, 8}},
                                  GuardKind::kZones, seed));
    CallWork work;
    work.tensor_maps.push_back(TensorMap{{0, 0}, 7, {100}, {}, {32}, {1}, 0, 0, 0, 0});
    Launch launch = make_launch(kFirstWord, "first_word", 1, 1);
    launch.parameters.resize(136);
    launch.maps.push_back({0, 0});
    launch.pointers.push_back({128, {1, 0}});
    work.operations.push_back(launch);
    ASSERT_EQ(messages(value_of(engine->call(kProgram, kBuffers, work, {}))), "");
    seen.insert(read<uint64_t>(1, 1)[0]);
  }
  EXPECT_GT(seen.size(), 6u) << "a tensor map's first word is the address, on the fake GPU";
}

TEST_F(EngineTest, ARefusedTensorMapIsTheCandidates) {
  open();
  CallWork work;
  work.tensor_maps.push_back(TensorMap{{0, 4}, 7, {100}, {}, {32}, {1}, 0, 0, 0, 0});
  work.operations.push_back(scale_launch());
  const auto faults = value_of(engine->call(kProgram, kBuffers, work, {}));
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].kind, Kind::kLaunch);
  EXPECT_NE(faults[0].message.find("tensor map 0"), std::string::npos) << faults[0].message;
}

TEST_F(EngineTest, UnmappedNeighboursFaultAtOnce) {
  open({}, GuardKind::kUnmapped);
  EXPECT_EQ(messages(call({scale_launch()})), "");
  // 4000 bytes end 96 bytes before the mapping does.
  const auto near = call({scale_launch(), poke(1, 4000)});
  ASSERT_EQ(near.size(), 1u) << messages(near);
  EXPECT_EQ(near[0].kind, Kind::kGuardBroken);
  const auto before = call({scale_launch(), poke(1, -1)});
  ASSERT_EQ(before.size(), 1u) << messages(before);
  EXPECT_EQ(before[0].kind, Kind::kGuardBroken);
  in_child_process(
      [this] {
        return messages(call({scale_launch(), poke(1, 4096)}));
      },
      "^scale, poke: CUDA_ERROR_ILLEGAL_ADDRESS");
}

TEST_F(EngineTest, LaunchesThatAreRefusedLeaveTheContextIntact) {
  open();
  Launch large = scale_launch();
  large.block.x = 2048;
  const auto faults = call({large});
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].kind, Kind::kLaunch);
  EXPECT_EQ(faults[0].cuda_error, 1);
  EXPECT_NE(faults[0].message.find("scale: CUDA_ERROR_INVALID_VALUE"), std::string::npos)
      << faults[0].message;
  EXPECT_EQ(messages(call({scale_launch()})), "");
}

TEST_F(EngineTest, SharedMemoryIsAskedForAndItsLimitIsTheCandidates) {
  open();
  Launch launch = make_launch(kUseShared, "use_shared", 1, 256, At{1});
  launch.dynamic_shared_bytes = 100'000;
  launch.carveout_percent = 100;
  EXPECT_EQ(messages(call({launch})), "");
  EXPECT_EQ(read(1)[0], 255);
  launch.dynamic_shared_bytes = 300'000;
  const auto faults = call({launch});
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].kind, Kind::kLaunch);
  EXPECT_NE(faults[0].message.find("300000 bytes of dynamic"), std::string::npos) << faults[0].message;
}

TEST_F(EngineTest, ClustersAboveEightAreAllowed) {
  open();
  Launch launch = make_launch(kScale, "scale", 16, 64, At{0}, At{1}, kCountOfFloats);
  launch.cluster = Dim3{16, 1, 1};
  const auto faults = call({launch});
  for (const DeviceFault& fault : faults) EXPECT_NE(fault.cuda_error, 912) << fault.message;
}

TEST_F(EngineTest, ReloadedModulesForget) {
  open();
  const std::vector<Operation> count = {make_launch(kCountInModule, "count_in_module", 1, 1, At{1})};
  for (int i = 1; i <= 3; ++i) {
    call(count);
    EXPECT_EQ(read<int>(1)[0], i);
  }
  value_of(engine->reload_program(kProgram));
  call(count);
  EXPECT_EQ(read<int>(1)[0], 1);
}

TEST_F(EngineTest, CodeThatCannotBeLoadedIsTheCandidates) {
  ProgramImages broken = test_images();
  broken.images[0] = ".version 7.8\n.target sm_90\n.address_size 64\n.entry f() { nonsense; }";
  const auto bad = value_of(engine->open_program(9, broken));
  ASSERT_TRUE(bad.fault);
  EXPECT_EQ(bad.fault->kind, Kind::kLaunch);
  EXPECT_EQ(bad.fault->message.find('\n'), std::string::npos);
  ProgramImages lacking = test_images();
  lacking.functions.push_back({0, "no_such_kernel"});
  const auto missing = value_of(engine->open_program(9, lacking));
  ASSERT_TRUE(missing.fault);
  EXPECT_NE(missing.fault->message.find("no_such_kernel"), std::string::npos) << missing.fault->message;
}

TEST_F(EngineTest, IdsThatAreNotOpenAreErrors) {
  EXPECT_FALSE(engine->call(kProgram, 77, {}, {}));
  EXPECT_FALSE(engine->reload_program(77));
  EXPECT_FALSE(engine->take(77, {}));
  open();
  EXPECT_FALSE(engine->call(77, kBuffers, {}, {}));
  value_of(engine->close_buffers(kBuffers));
  EXPECT_FALSE(engine->call(kProgram, kBuffers, {}, {}));
}

TEST_F(EngineTest, TheFirstLaunchIsNeverProgrammatic) {
  if (!is_fake_gpu()) GTEST_SKIP();
  open();
  Launch launch = scale_launch();
  launch.programmatic_dependent = true;
  EXPECT_DEATH(call({launch}), "programmatic_dependent");
}

TEST_F(EngineTest, AfterAFaultEveryCallFails) {
  if (!is_fake_gpu()) GTEST_SKIP();
  open();
  in_child_process(
      [this] {
        const auto faults = call({scale_launch(), poke(1, 1LL << 40)});
        if (faults.size() != 1 || faults[0].kind != Kind::kFault || faults[0].cuda_error != 700)
          return "no fault"s;
        const auto after = engine->call(kProgram, kBuffers, {}, {});
        if (after || engine->read(kBuffers, 0, {}) || engine->open_buffers(8, {}, GuardKind::kZones, 1) ||
            engine->open_program(8, test_images()) || engine->open_sampler(8, {}))
          return "goes on"s;
        engine.reset();
        return after.error().message;
      },
      "its context was lost: scale, poke: CUDA_ERROR_ILLEGAL_ADDRESS");
}

}  // namespace
}  // namespace warpwright::cuda
