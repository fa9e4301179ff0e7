#include "evaluator/timing/sampling.h"

#include <gtest/gtest.h>

#include "evaluator/timing/noise_models.h"

namespace warpwright::timing {
namespace {

cuda::Sample sample_of(double span_us, double events_us = 0) {
  cuda::Sample sample;
  sample.span_us = span_us;
  sample.events_us = events_us == 0 && span_us > 0 ? span_us + 0.5 : events_us;
  sample.activities = 17;
  return sample;
}

// A timer by formula: the sample of the n-th shot.
class ScriptedTimer {
 public:
  explicit ScriptedTimer(std::function<cuda::Sample(int)> sample_of_shot)
      : sample_(std::move(sample_of_shot)) {}
  TakeBatch take() {
    return [this](std::span<const cuda::Shot> shots) -> Result<std::vector<cuda::Sample>> {
      std::vector<cuda::Sample> samples;
      for (const cuda::Shot& shot : shots) {
        seen.push_back(shot);
        samples.push_back(sample_(static_cast<int>(seen.size()) - 1));
      }
      batches.push_back(shots.size());
      return samples;
    };
  }
  std::vector<cuda::Shot> seen;
  std::vector<size_t> batches;

 private:
  std::function<cuda::Sample(int)> sample_;
};

ContestOptions contest_of(int warm_up, int iterations, int trials) {
  ContestOptions options;
  options.counts = {warm_up, iterations, trials};
  return options;
}

TEST(ContestTiming, IsTheMeanOverTrialsOfEachTrialsMedianWithoutItsWarmUp) {
  // Trials of 1 + 3 shots: a slow warm-up, then t, t + 1, t + 5 with t = 10, 20, 30.
  ScriptedTimer timer([](int k) {
    const double offsets[] = {1000, 0, 5, 1};
    return sample_of(10.0 * (1 + k / 4) + offsets[k % 4]);
  });
  const Timing timing = time_contest(timer.take(), contest_of(1, 3, 3)).value();
  EXPECT_DOUBLE_EQ(timing.latency_us, 21);
  EXPECT_EQ(timing.kept, 9);
  EXPECT_EQ(timing.dropped_count(), 0);
  EXPECT_EQ(timing.method, TimingMethod::kCupti);
  EXPECT_EQ(timer.batches, (std::vector<size_t>{4, 4, 4}));
}

TEST(ContestTiming, TakesTheOfficialCountsByDefaultAndOneVersionATrial) {
  ScriptedTimer timer([](int) { return sample_of(5); });
  ContestOptions options;
  options.versions = 2;
  ASSERT_TRUE(time_contest(timer.take(), options));
  EXPECT_EQ(timer.batches, (std::vector<size_t>{60, 60, 60}));
  EXPECT_EQ(timer.seen.at(0).version, 0);
  EXPECT_EQ(timer.seen.at(60).version, 1);
  EXPECT_EQ(timer.seen.at(179).version, 0);
}

TEST(ContestTiming, KeepsThrottledSamplesAsTheContestDoes) {
  ScriptedTimer timer([](int k) {
    cuda::Sample sample = sample_of(5);
    sample.sm_clock_mhz = k % 2 == 0 ? 1965 : 600;
    return sample;
  });
  EXPECT_EQ(time_contest(timer.take(), contest_of(0, 10, 1)).value().kept, 10);
}

TEST(ContestTiming, ReadsEventsWhereThereIsNoCupti) {
  ScriptedTimer timer([](int) { return sample_of(0, 7); });
  const Timing timing = time_contest(timer.take(), contest_of(0, 4, 1)).value();
  EXPECT_EQ(timing.method, TimingMethod::kEvents);
  EXPECT_EQ(timing.latency_us, 7);
  EXPECT_EQ(timing.agreement.samples, 0);
}

TEST(ContestTiming, NeverMixesTheClocks) {
  ScriptedTimer timer([](int k) { return k == 2 ? sample_of(0, 70) : sample_of(5); });
  const Timing timing = time_contest(timer.take(), contest_of(0, 4, 1)).value();
  EXPECT_EQ(timing.latency_us, 5);
  EXPECT_EQ(timing.dropped, (DropCounts{{"no CUPTI record", 1}}));
}

TEST(ContestTiming, ATrialOfMostlyInvalidSamplesIsTheMachinesFailure) {
  ScriptedTimer timer([](int k) {
    cuda::Sample sample = sample_of(5);
    if (k % 4 != 0) sample.invalid = "records dropped";
    return sample;
  });
  const auto timing = time_contest(timer.take(), contest_of(0, 8, 1));
  ASSERT_FALSE(timing);
  EXPECT_EQ(timing.error().kind, ErrorKind::kInfrastructure);
  EXPECT_EQ(timing.error().message,
            "6 of 8 samples of a trial do not count (6 x records dropped): the device cannot be timed now");
}

TEST(ContestTiming, SamplesThatSawOtherKernelsAreTheTimersFailure) {
  ScriptedTimer timer([](int k) {
    cuda::Sample sample = sample_of(5);
    sample.activities = k == 3 ? 1 : 2;
    return sample;
  });
  const auto timing = time_contest(timer.take(), contest_of(0, 4, 1));
  ASSERT_FALSE(timing);
  EXPECT_NE(timing.error().message.find("sample 3"), std::string::npos);
}

TEST(ContestTiming, ATimerThatLosesSamplesIsAnError) {
  const TakeBatch take = [](std::span<const cuda::Shot>) { return std::vector<cuda::Sample>(1); };
  EXPECT_FALSE(time_contest(take, contest_of(0, 4, 1)));
}

TEST(ContestTiming, AnErrorOfTheTimerIsHandedOn) {
  const TakeBatch take = [](std::span<const cuda::Shot>) -> Result<std::vector<cuda::Sample>> {
    return infrastructure_error("the device is gone");
  };
  EXPECT_EQ(time_contest(take, {}).error().message, "the device is gone");
}

TEST(ClockAgreement, IsTheMedianDifferenceAndTheShareBeyondTheBound) {
  // Bound: max(2 us, 10 %). At 100 us 8 us agree and 12 us do not; at 5 us 3 us do not.
  const std::vector<cuda::Sample> samples = {sample_of(100, 108), sample_of(100, 112), sample_of(5, 6),
                                             sample_of(5, 8), sample_of(5, 0)};
  std::vector<std::string> reasons(5);
  std::vector<cuda::Sample> without_events = samples;
  without_events[4].events_us = 0;
  const ClockAgreement agreement = compare_clocks(without_events, reasons);
  EXPECT_EQ(agreement.samples, 4);
  EXPECT_DOUBLE_EQ(agreement.disagreeing_share, 0.5);
  EXPECT_DOUBLE_EQ(agreement.median_difference_us, 5.5);
}

struct StrictTest : ::testing::Test {
  Result<Timing> time(const TakeBatch& take) {
    Rng rng(5);
    return time_strict(take, options, rng, clock);
  }
  StrictOptions options;
  FakeClock clock;
};

TEST_F(StrictTest, AQuietShortCallGetsItsTwoHundredSamples) {
  NoisyTimer timer({.name = {}, .sigma = 0.002}, {8}, 1);
  const Timing timing = time(timer.take()).value();
  EXPECT_EQ(timing.stopped_by, "interval");
  EXPECT_GE(timing.kept, 200);
  EXPECT_LE(timing.kept, 216);
  EXPECT_NEAR(timing.latency_us, 8, 0.02);
  EXPECT_NEAR(timing.spread_us, 0.016, 0.005);
}

TEST_F(StrictTest, AQuietLongCallGetsThirty) {
  NoisyTimer timer({.name = {}, .sigma = 0.002}, {800}, 1);
  EXPECT_EQ(time(timer.take()).value().kept, 32);
}

TEST_F(StrictTest, ANoisyCallGoesOnUntilItsNoiseIsKnown) {
  NoisyTimer timer({.name = {}, .sigma = 0.1}, {100}, 1);
  const Timing timing = time(timer.take()).value();
  EXPECT_EQ(timing.stopped_by, "stable noise");
  EXPECT_GT(timing.kept, 200);
  EXPECT_NEAR(timing.latency_us, 100, 3);
}

TEST_F(StrictTest, EndsAtItsCapOfSamples) {
  options.stable = 0;
  options.most = 500;
  NoisyTimer timer({.name = {}, .sigma = 0.3}, {100}, 1);
  const Timing timing = time(timer.take()).value();
  EXPECT_EQ(timing.stopped_by, "samples");
  EXPECT_EQ(timing.kept, 500);
}

TEST_F(StrictTest, EndsAtItsCapOfTime) {
  options.most_ms = 1000;
  NoisyTimer timer({.name = {}, .sigma = 0.3}, {100}, 1);
  const TakeBatch inner = timer.take();
  const TakeBatch slow = [&](std::span<const cuda::Shot> shots) {
    clock.now_ms += 300;
    return inner(shots);
  };
  const Timing timing = time(slow).value();
  EXPECT_EQ(timing.stopped_by, "time");
  EXPECT_EQ(timing.kept, 48);  // the warm-up's 300 ms, then three batches
}

TEST_F(StrictTest, ThrottledSamplesAreDroppedByBothRules) {
  options.throttle.max_sm_clock_mhz = 1965;
  ScriptedTimer timer([](int k) {
    cuda::Sample sample = sample_of(100);
    sample.sm_clock_mhz = 1900;
    if (k % 10 == 3) sample = sample_of(180), sample.sm_clock_mhz = 1000;  // below 75 % of 1965
    if (k % 10 == 7) sample = sample_of(110), sample.sm_clock_mhz = 1750;  // below 95 % of 1900
    return sample;
  });
  const Timing timing = time(timer.take()).value();
  EXPECT_EQ(timing.latency_us, 100);
  EXPECT_EQ(timing.clock_mhz, 1900);
  EXPECT_EQ(timing.dropped.size(), 2u);
  EXPECT_TRUE(timing.dropped.contains("SM clock below 75 % of the maximum"));
  EXPECT_TRUE(timing.dropped.contains("SM clock below 95 % of the run's median"));
}

TEST_F(StrictTest, ADeviceThatThrottlesAlwaysCannotBeTimed) {
  options.throttle.max_sm_clock_mhz = 1965;
  ScriptedTimer timer([](int) {
    cuda::Sample sample = sample_of(100);
    sample.sm_clock_mhz = 1000;
    return sample;
  });
  const auto timing = time(timer.take());
  ASSERT_FALSE(timing);
  EXPECT_EQ(timing.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(timing.error().message.find("2000 x SM clock below 75 %"), std::string::npos);
}

TEST_F(StrictTest, DrawsEveryVersionOfTheInputs) {
  options.versions = 3;
  options.contender = 1;
  ScriptedTimer timer([](int) { return sample_of(100); });
  ASSERT_TRUE(time(timer.take()));
  int counts[3] = {};
  for (const cuda::Shot& shot : timer.seen) {
    EXPECT_EQ(shot.contender, 1);
    ++counts[shot.version];
  }
  for (const int count : counts) EXPECT_GT(count, 5);
}

TEST_F(StrictTest, SameSeedSameShots) {
  options.versions = 4;
  auto shots = [&] {
    ScriptedTimer timer([](int) { return sample_of(100); });
    EXPECT_TRUE(time(timer.take()));
    std::vector<int> versions;
    for (const cuda::Shot& shot : timer.seen) versions.push_back(shot.version);
    return versions;
  };
  EXPECT_EQ(shots(), shots());
}

}  // namespace
}  // namespace warpwright::timing
