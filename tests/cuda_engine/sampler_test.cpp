#include "tests/cuda_engine/engine_testing.h"

#include <set>

namespace warpwright::cuda {
namespace {

using namespace std::string_literals;
using Kind = DeviceFault::Kind;

class SamplerTest : public EngineTest {
 protected:
  // One contender: y = 2 x, through a workspace.
  SamplerSpec two_launches(TimingProfile profile) const {
    SamplerSpec spec;
    spec.inputs_and_outputs = x_and_y();
    spec.profile = profile;
    spec.secret_seed = 77;
    Launch merge = make_launch(kMerge, "merge", 8, 128, At{2}, At{1}, kCountOfFloats);
    merge.programmatic_dependent = true;
    const CallWork work{{}, {make_launch(kSplit, "split", 8, 128, At{0}, At{2}, kCountOfFloats), merge}};
    spec.contenders.push_back({kProgram, work, {{"part", BufferRole::kWorkspace, 4000}}});
    return spec;
  }
  SamplerSpec of(TimingProfile profile, const std::vector<Operation>& operations,
                 const std::vector<BufferSpec>& workspaces = {}) const {
    SamplerSpec spec = two_launches(profile);
    spec.contenders[0] = {kProgram, CallWork{{}, operations}, workspaces};
    return spec;
  }
  SamplerInfo open_sampler(const SamplerSpec& spec) {
    const SamplerInfo info = value_of(engine->open_sampler(kSampler, spec));
    for (int version = 0; version < spec.versions; ++version)
      value_of(engine->write_version(kSampler, version, 0, bytes_of(content(version))));
    return info;
  }
  std::vector<float> content(int version) const {
    std::vector<float> values = x;
    for (float& value : values) value += static_cast<float>(1000 * version);
    return values;
  }
  Outcome<std::vector<Sample>> take(const std::vector<Shot>& shots) {
    return value_of(engine->take(kSampler, shots));
  }
  std::vector<Sample> samples(const std::vector<Shot>& shots) {
    auto outcome = take(shots);
    EXPECT_FALSE(outcome.fault) << outcome.fault->message;
    return outcome.value;
  }
  std::vector<float> kept(int shot) {
    std::vector<float> values(kCountOfFloats);
    value_of(engine->read_kept(kSampler, shot, 1, std::as_writable_bytes(std::span(values))));
    return values;
  }
};

class BothProfiles : public SamplerTest, public ::testing::WithParamInterface<TimingProfile> {};
INSTANTIATE_TEST_SUITE_P(Sampler, BothProfiles,
                         ::testing::Values(TimingProfile::kContest, TimingProfile::kStrict),
                         [](const auto& profile) {
                           return profile.param == TimingProfile::kContest ? "Contest" : "Strict";
                         });

TEST_P(BothProfiles, TimesEveryShot) {
  open_sampler(two_launches(GetParam()));
  const auto taken = samples(std::vector<Shot>(10));
  ASSERT_EQ(taken.size(), 10u);
  for (const Sample& sample : taken) {
    EXPECT_EQ(sample.invalid, "");
    EXPECT_GT(sample.span_us, 0);
    EXPECT_GT(sample.sm_clock_mhz, 100);
    EXPECT_EQ(sample.activities, taken[0].activities);
    EXPECT_EQ(sample.output_hash, taken[0].output_hash);
    if (GetParam() == TimingProfile::kContest)
      EXPECT_EQ(sample.events_us, 0) << "the contest's procedure records no events where there is CUPTI";
    else
      EXPECT_NEAR(sample.events_us, sample.span_us, 2.0);
  }
}

TEST_P(BothProfiles, EachShotSeesItsVersionAndKeepsItsOutputs) {
  SamplerSpec spec = two_launches(GetParam());
  spec.versions = 3;
  open_sampler(spec);
  const std::vector<int> versions = {0, 2, 1, 1, 0, 2, 2, 0};
  std::vector<Shot> shots;
  for (const int version : versions) shots.push_back({0, version, true});
  const auto taken = samples(shots);
  std::map<int, uint64_t> hashes;
  for (size_t i = 0; i < shots.size(); ++i) {
    const auto y = kept(static_cast<int>(i)), expected = content(versions[i]);
    for (size_t k = 0; k < y.size(); ++k) ASSERT_EQ(y[k], 2 * expected[k]) << "shot " << i;
    const uint64_t hash = hashes.try_emplace(versions[i], taken[i].output_hash).first->second;
    EXPECT_EQ(taken[i].output_hash, hash) << "equal outputs, equal hash";
  }
  EXPECT_EQ(std::set<uint64_t>({hashes[0], hashes[1], hashes[2]}).size(), 3u);
}

TEST_P(BothProfiles, OnlyKeptOutputsCanBeRead) {
  open_sampler(two_launches(GetParam()));
  samples({{0, 0, false}, {0, 0, true}});
  std::vector<std::byte> y(4000);
  EXPECT_FALSE(engine->read_kept(kSampler, 0, 1, y));
  EXPECT_TRUE(engine->read_kept(kSampler, 1, 1, y));
  EXPECT_FALSE(engine->read_kept(kSampler, 2, 1, y));
}

TEST_P(BothProfiles, VersionsMustBeWrittenBeforeTheyAreUsed) {
  SamplerSpec spec = two_launches(GetParam());
  value_of(engine->open_sampler(kSampler, spec));
  const std::vector<Shot> shots(1);
  const auto outcome = engine->take(kSampler, shots);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("input x was not written"), std::string::npos);
}

TEST_P(BothProfiles, ABrokenGuardNamesItsShot) {
  SamplerSpec spec = two_launches(GetParam());
  SamplerSpec::Contender villain = spec.contenders[0];
  villain.work.operations.push_back(poke(2, 4000));
  spec.contenders.push_back(villain);
  open_sampler(spec);
  const auto outcome = take({{0}, {0}, {1}, {0}});
  ASSERT_TRUE(outcome.fault);
  EXPECT_EQ(outcome.fault->kind, Kind::kGuardBroken);
  EXPECT_EQ(outcome.fault->shot, 2);
  EXPECT_NE(outcome.fault->message.find("workspace part"), std::string::npos) << outcome.fault->message;
  const std::vector<Shot> more(1);
  EXPECT_FALSE(engine->take(kSampler, more)) << "it ended";
}

TEST_P(BothProfiles, AModifiedInputNamesItsShot) {
  SamplerSpec spec = of(GetParam(), {scale_launch(), poke(0, 17)});
  open_sampler(spec);
  const auto outcome = take({{0}, {0}});
  ASSERT_TRUE(outcome.fault);
  EXPECT_EQ(outcome.fault->kind, Kind::kInputModified);
  EXPECT_EQ(outcome.fault->shot, 0);
}

TEST_P(BothProfiles, SelfCleanWorkspacesMustBeZeroAgain) {
  const BufferSpec counter{"counter", BufferRole::kSelfClean, 64};
  open_sampler(of(GetParam(),
                  {scale_launch(), make_launch(kCount, "count", 1, 1, At{2}), Memset{{2, 0}, 0, 4}},
                  {counter}));
  samples({{0}, {0}, {0}});
  open_sampler(of(GetParam(), {scale_launch(), make_launch(kCount, "count", 1, 1, At{2})}, {counter}));
  const auto outcome = take({{0}, {0}});
  ASSERT_TRUE(outcome.fault);
  EXPECT_EQ(outcome.fault->kind, Kind::kSelfCleanBroken);
  EXPECT_EQ(outcome.fault->shot, 0);
}

TEST_P(BothProfiles, ARefusedLaunchIsAFaultOfTheShot) {
  Launch large = scale_launch();
  large.block.x = 4096;
  open_sampler(of(GetParam(), {large}));
  const auto outcome = take({{0}, {0}});
  ASSERT_TRUE(outcome.fault);
  EXPECT_EQ(outcome.fault->kind, Kind::kLaunch);
  EXPECT_EQ(outcome.fault->shot, 0);
  Launch hungry = scale_launch();
  hungry.dynamic_shared_bytes = 1 << 20;
  open_sampler(of(GetParam(), {hungry}));
  EXPECT_TRUE(take({{0}}).fault);
  EXPECT_EQ(messages({*take({{0}}).fault}).find("scale: 1048576 bytes of dynamic"), 0u);
}

TEST_P(BothProfiles, ALostContextIsAFaultOfTheShot) {
  if (!is_fake_gpu()) GTEST_SKIP();
  open_sampler(of(GetParam(), {scale_launch(), poke(1, 1LL << 41)}));
  in_child_process(
      [this] {
        const auto outcome = take({{0}});
        engine.reset();
        return outcome.fault ? outcome.fault->message : "no fault"s;
      },
      "^scale, poke: CUDA_ERROR_ILLEGAL_ADDRESS");
}

TEST_F(SamplerTest, ContestLeavesOutputsAsTheyWereUnlessTheContentsChange) {
  SamplerSpec spec = of(TimingProfile::kContest, {make_launch(kCount, "count", 1, 1, At{1, 4})});
  spec.versions = 2;
  const SamplerInfo info = open_sampler(spec);
  EXPECT_EQ(info.buffer_sets, 1);
  samples({{0, 0, true}, {0, 0, true}, {0, 1, true}});
  const auto counter = [this](int shot) {
    const auto y = kept(shot);
    int32_t value = 0;
    std::memcpy(&value, &y[1], 4);
    return value;
  };
  EXPECT_EQ(counter(1), counter(0) + 1) << "the output still holds what the shot before left";
  EXPECT_NE(counter(2), counter(1) + 1) << "new contents, random outputs";
}

TEST_F(SamplerTest, ContestNeverShowsAContenderTheOthersOutputs) {
  SamplerSpec spec = of(TimingProfile::kContest, {scale_launch()});
  spec.contenders.push_back({kProgram, CallWork{{}, {Memset{{1, 0}, 0, 4}}}, {}});  // writes one element only
  open_sampler(spec);
  samples({{0, 0, true}, {1, 0, true}, {1, 0, true}});
  EXPECT_EQ(kept(0)[500], 2 * x[500]);
  EXPECT_EQ(kept(1)[0], 0);
  EXPECT_NE(kept(1)[500], 2 * x[500]);
}

TEST_F(SamplerTest, StrictPoisonsBeforeEveryShot) {
  open_sampler(of(TimingProfile::kStrict, {make_launch(kCount, "count", 1, 1, At{1})}));
  const auto taken = samples(std::vector<Shot>(6));
  std::set<uint64_t> hashes;
  for (const Sample& sample : taken) hashes.insert(sample.output_hash);
  EXPECT_EQ(hashes.size(), 6u);
}

// A tensor map's first word is the address, on the fake GPU.
TEST_F(SamplerTest, StrictRotatesOverSetsThatExceedTheCache) {
  if (!is_fake_gpu()) GTEST_SKIP();
  SamplerSpec spec = of(TimingProfile::kStrict, {});
  Launch launch = make_launch(kFirstWord, "first_word", 1, 1);
  launch.parameters.resize(136);
  launch.maps.push_back({0, 0});
  launch.pointers.push_back({128, {1, 0}});
  spec.contenders[0].work.operations = {Memset{{1, 0}, 0, 4000}, launch};
  spec.contenders[0].work.tensor_maps.push_back(TensorMap{{0, 0}, 7, {100}, {}, {32}, {1}, 0, 0, 0, 0});
  const SamplerInfo info = open_sampler(spec);
  EXPECT_EQ(info.bytes_per_set, 8000);
  EXPECT_GT(info.buffer_sets, 1);
  EXPECT_GE(info.buffer_sets * info.bytes_per_set,
            std::min<int64_t>(3 * engine->facts().l2_bytes, 64 * 8000));
  std::vector<uint64_t> order;
  for (const Sample& sample : samples(std::vector<Shot>(static_cast<size_t>(info.buffer_sets) * 2)))
    order.push_back(sample.output_hash);
  const auto half = order.begin() + info.buffer_sets;
  EXPECT_EQ(std::set<uint64_t>(order.begin(), half).size(), static_cast<size_t>(info.buffer_sets));
  EXPECT_EQ(std::set<uint64_t>(order.begin(), order.end()).size(), static_cast<size_t>(info.buffer_sets));
  EXPECT_NE(std::vector<uint64_t>(order.begin(), half), std::vector<uint64_t>(half, order.end()))
      << "another order each round";
  for (size_t i = 1; i < order.size(); ++i) EXPECT_NE(order[i], order[i - 1]);
}

TEST_F(SamplerTest, LongCallsGoWithoutTheGateAndSaySo) {
  EXPECT_EQ(open_sampler(two_launches(TimingProfile::kStrict)).note.find("gate"), std::string::npos);
  const SamplerInfo info =
      open_sampler(of(TimingProfile::kStrict, std::vector<Operation>(25, Operation{scale_launch()})));
  EXPECT_NE(info.note.find("not queued behind the gate (25 operations"), std::string::npos) << info.note;
  for (const Sample& sample : samples(std::vector<Shot>(3))) EXPECT_EQ(sample.invalid, "");
}

TEST_F(SamplerTest, ReloadedModulesGoOn) {
  Launch launch = make_launch(kUseShared, "use_shared", 1, 256, At{1});
  launch.dynamic_shared_bytes = 100'000;
  for (const TimingProfile profile : {TimingProfile::kStrict, TimingProfile::kContest}) {
    open_sampler(of(profile, {scale_launch(), launch}));
    const auto before = samples(std::vector<Shot>(2));
    value_of(engine->reload_program(kProgram));
    EXPECT_EQ(samples(std::vector<Shot>(2))[1].output_hash, before[0].output_hash);
    value_of(engine->close_program(kProgram));
    EXPECT_EQ(samples(std::vector<Shot>(2))[1].output_hash, before[0].output_hash)
        << "kept as long as it is used";
    value_of(engine->open_program(kProgram, test_images()));
  }
}

// Another buffer has taken most of the memory.
TEST_F(SamplerTest, WithoutRoomInputsAreCopiedFromTheHost) {
  if (!is_fake_gpu()) GTEST_SKIP();
  const auto all = static_cast<uint64_t>(engine->facts().memory_bytes);
  value_of(engine->open_buffers(kBuffers, {{"hog", BufferRole::kWorkspace, all - (24 << 20)}},
                                GuardKind::kZones, 1));
  SamplerSpec spec = of(TimingProfile::kStrict, {scale_launch(), poke(2, 5, 9)});
  spec.inputs_and_outputs.push_back({"large", BufferRole::kInput, 8 << 20});
  const SamplerInfo info = value_of(engine->open_sampler(kSampler, spec));
  EXPECT_EQ(info.buffer_sets, 1);
  EXPECT_NE(info.note.find("from the host"), std::string::npos) << info.note;
  value_of(engine->write_version(kSampler, 0, 0, bytes_of(x)));
  std::vector<std::byte> large(8 << 20, std::byte{3});
  large[5] = std::byte{9};  // what the call pokes there
  value_of(engine->write_version(kSampler, 0, 2, large));
  EXPECT_EQ(samples({{0, 0, true}}).size(), 1u);
  EXPECT_EQ(kept(0)[7], 2 * x[7]);
  large[5] = std::byte{3};
  value_of(engine->write_version(kSampler, 0, 2, large));
  const auto outcome = take({{0}});
  ASSERT_TRUE(outcome.fault);
  EXPECT_EQ(outcome.fault->kind, Kind::kInputModified);
  EXPECT_NE(outcome.fault->message.find("input large"), std::string::npos);
}

TEST_F(SamplerTest, CopiesAndMemsetsCountAsActivities) {
  open_sampler(of(TimingProfile::kStrict, {Memset{{1, 0}, 0, 4000}, Copy{{1, 0}, {0, 0}, 400},
                                           Memset{{1, 0}, 0, 0}, scale_launch()}));
  for (const Sample& sample : samples(std::vector<Shot>(3))) {
    EXPECT_EQ(sample.invalid, "");
    EXPECT_GT(sample.span_us, 0);
  }
}

}  // namespace
}  // namespace warpwright::cuda
