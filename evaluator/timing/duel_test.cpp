#include "evaluator/timing/duel.h"

#include <gtest/gtest.h>

#include <cmath>

#include "evaluator/timing/noise_models.h"

namespace warpwright::timing {
namespace {

NoiseModel quiet() {
  NoiseModel model;
  model.sigma = 0.005;
  return model;
}

Duel duel_at(double true_ratio, const NoiseModel& model, double floor = 0.005, uint64_t seed = 1) {
  NoisyTimer timer(model, {10 * true_ratio, 10}, seed);
  Rng rng(seed);
  return run_duel(timer.take(), {0, 1}, floor, {}, rng).value();
}

TEST(Duel, SaysWhatIsTrueOnQuietDevices) {
  EXPECT_EQ(duel_at(0.9, quiet()).verdict, Verdict::kFaster);
  EXPECT_EQ(duel_at(1.1, quiet()).verdict, Verdict::kSlower);
  EXPECT_EQ(duel_at(1.0, quiet()).verdict, Verdict::kSame);
  EXPECT_EQ(duel_at(1 / 1.005, quiet()).verdict, Verdict::kUnclear);  // on the floor itself
}

TEST(Duel, StatesTheRatioWithItsIntervalAndBothTimes) {
  const Duel duel = duel_at(0.9, quiet());
  EXPECT_NEAR(duel.ratio, 0.9, 0.005);
  EXPECT_LE(duel.interval.low, duel.ratio);
  EXPECT_GE(duel.interval.high, duel.ratio);
  EXPECT_LT(duel.interval.high - duel.interval.low, 0.02);
  EXPECT_NEAR(duel.challenger_us, 9, 0.05);
  EXPECT_NEAR(duel.incumbent_us, 10, 0.05);
  EXPECT_EQ(duel.method, TimingMethod::kCupti);
}

TEST(Duel, ClearWinnersAndLosersEndAtTheFirstLook) {
  EXPECT_EQ(duel_at(0.9, quiet()).pairs(), 32);
  EXPECT_EQ(duel_at(1.1, quiet()).pairs(), 32);
  EXPECT_EQ(duel_at(1 / 1.005, quiet()).pairs(), 300);
}

TEST(Duel, ADifferenceBelowTheFloorIsNoVictory) {
  EXPECT_EQ(duel_at(0.97, quiet(), 0.05).verdict, Verdict::kSame);
  EXPECT_EQ(duel_at(0.97, quiet(), 0.01).verdict, Verdict::kFaster);
  EXPECT_EQ(duel_at(0.97, quiet(), 0).noise_floor, 0.005);  // never below
}

TEST(Duel, LinearDriftCancelsInEveryRound) {
  NoiseModel drift;
  drift.sigma = 0;
  drift.drift_per_shot = 0.01;  // 1 % a shot, a thousandfold over the duel
  const Duel duel = duel_at(0.98, drift);
  for (const double value : duel.log_ratios) EXPECT_NEAR(value, std::log(0.98), 1e-9);
}

TEST(Duel, RoundsAreXyyxWithTheFirstDrawnAndOneVersionAPair) {
  std::vector<cuda::Shot> seen;
  const TakeBatch take = [&](std::span<const cuda::Shot> shots) {
    seen.insert(seen.end(), shots.begin(), shots.end());
    std::vector<cuda::Sample> samples(shots.size());
    for (cuda::Sample& sample : samples) sample.span_us = 1;
    return samples;
  };
  DuelOptions options;
  options.versions = 5;
  Rng rng(3);
  const Duel duel = run_duel(take, {2, 4}, 0, options, rng).value();
  EXPECT_EQ(duel.verdict, Verdict::kSame);
  ASSERT_EQ(seen.size() % 4, 0u);
  int challenger_first = 0;
  for (size_t k = 0; k < seen.size(); k += 4) {
    EXPECT_EQ(seen[k].contender, seen[k + 3].contender);
    EXPECT_EQ(seen[k + 1].contender, seen[k + 2].contender);
    EXPECT_EQ(seen[k].contender + seen[k + 1].contender, 6);
    EXPECT_EQ(seen[k].version, seen[k + 1].version);
    EXPECT_EQ(seen[k + 2].version, seen[k + 3].version);
    challenger_first += seen[k].contender == 2;
  }
  EXPECT_GT(challenger_first, 2);
  EXPECT_LT(challenger_first, static_cast<int>(seen.size() / 4) - 2);
}

// Drops, throttling and failures of the timer.
TakeBatch disturbed(NoisyTimer& timer, std::function<void(int, cuda::Sample&)> disturb) {
  return [inner = timer.take(), disturb = std::move(disturb),
          k = 0](std::span<const cuda::Shot> shots) mutable -> Result<std::vector<cuda::Sample>> {
    TRY_ASSIGN(auto samples, inner(shots));
    for (cuda::Sample& sample : samples) disturb(k++, sample);
    return samples;
  };
}

TEST(Duel, ARoundWithASampleThatDoesNotCountIsTakenAgain) {
  NoisyTimer timer(quiet(), {9, 10}, 1);
  Rng rng(1);
  const Duel duel = run_duel(disturbed(timer,
                                       [](int k, cuda::Sample& sample) {
                                         sample.sm_clock_mhz = k % 10 == 3 ? 900 : 1900;
                                         if (k % 10 == 3) sample.span_us *= 2;
                                       }),
                             {0, 1}, 0, {.throttle = {.max_sm_clock_mhz = 1965}}, rng)
                        .value();
  EXPECT_EQ(duel.verdict, Verdict::kFaster);
  EXPECT_GE(duel.pairs(), 32);
  EXPECT_GT(duel.dropped.at("SM clock below 75 % of the maximum"), 0);
  EXPECT_EQ(duel.clock_mhz, 1900);
}

TEST(Duel, ADeviceThatCannotBeTimedGivesNoVerdict) {
  NoisyTimer timer(quiet(), {9, 10}, 1);
  Rng rng(1);
  const auto duel = run_duel(disturbed(timer, [](int, cuda::Sample& sample) { sample.invalid = "lost"; }),
                             {0, 1}, 0, {}, rng);
  ASSERT_FALSE(duel);
  EXPECT_EQ(duel.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(duel.error().message.find("x lost"), std::string::npos);
}

TEST(Duel, RecordsThatChangeAreTheTimersFailure) {
  NoisyTimer timer(quiet(), {9, 10}, 1);
  Rng rng(1);
  EXPECT_FALSE(run_duel(disturbed(timer, [](int k, cuda::Sample& sample) { sample.activities += k == 40; }),
                        {0, 1}, 0, {}, rng));
}

TEST(NoiseFloor, IsHalfAPercentOnAQuietDevice) {
  NoisyTimer timer(quiet(), {10, 10, 10}, 1);
  Rng rng(1);
  const NoiseFloor floor = measure_noise_floor(timer.take(), {1, 2}, {}, rng).value();
  EXPECT_EQ(floor.relative, 0.005);
  EXPECT_EQ(floor.pairs, 50);
}

TEST(NoiseFloor, HoldsWhatPlacementAloneCanDo) {  // the same program is 3 % slower at its other place
  NoisyTimer timer(quiet(), {10.3, 10, 10.3}, 1);
  Rng rng(1);
  const TakeBatch take = timer.take();
  const NoiseFloor floor = measure_noise_floor(take, {1, 2}, {}, rng).value();
  EXPECT_GT(floor.relative, 0.03);
  EXPECT_LT(floor.relative, 0.04);
  const Verdict verdict = run_duel(take, {0, 1}, floor.relative, {}, rng)->verdict;
  EXPECT_NE(verdict, Verdict::kSlower);
  EXPECT_NE(verdict, Verdict::kFaster);
}

// --- known truth ---

int count_verdicts(const NoiseModel& model, double true_ratio, Verdict verdict, int duels) {
  int count = 0;
  for (int k = 0; k < duels; ++k)
    count += simulate_duel(model, true_ratio, {}, static_cast<uint64_t>(k)).value().verdict == verdict;
  return count;
}

TEST(DuelOfEqualPrograms, IsFasterInUnderOnePercentWhateverTheNoise) {
  constexpr int kDuels = 1000;
  for (const NoiseModel& model : noise_models())
    EXPECT_LT(count_verdicts(model, 1, Verdict::kFaster, kDuels), kDuels / 100) << model.name;
}

// The sign test alone has to hold the rate where the floor is no help.
TEST(DuelOfEqualPrograms, IsFasterInUnderOnePercentEvenWithoutAFloor) {
  constexpr int kDuels = 1500;
  DuelOptions options;
  options.least_floor = 0;
  for (const NoiseModel& model : noise_models()) {
    int faster = 0;
    for (int k = 0; k < kDuels; ++k) {
      NoisyTimer timer(model, {10, 10}, static_cast<uint64_t>(k));
      Rng rng = Rng::stream(static_cast<uint64_t>(k), "duel");
      faster += run_duel(timer.take(), {0, 1}, 0, options, rng).value().verdict == Verdict::kFaster;
    }
    EXPECT_LT(faster, kDuels / 100) << model.name;
  }
}

TEST(DuelOfUnequalPrograms, FindsFivePercentInAllNoiseModels) {
  constexpr int kDuels = 50;
  for (const NoiseModel& model : noise_models())
    EXPECT_GT(count_verdicts(model, 0.95, Verdict::kFaster, kDuels), kDuels * 8 / 10) << model.name;
}

// --- definitions ---

struct DefinitionTest : ::testing::Test {
  void add(double true_ratio, double weight, const NoiseModel& model = quiet()) {
    duels.push_back(duel_at(true_ratio, model, 0.005, duels.size() + seed * 100));
    weights.push_back(weight);
  }
  DefinitionDuel judge() {
    std::vector<DuelOfWorkload> workloads;
    for (size_t k = 0; k < duels.size(); ++k) workloads.push_back({&duels[k], weights[k]});
    Rng rng(seed);
    return judge_definition(workloads, {}, rng);
  }
  std::vector<Duel> duels;
  std::vector<double> weights;
  uint64_t seed = 1;
};

TEST_F(DefinitionTest, ItsRatioIsTheScoresWeightedMeanOfSpeedUps) {
  add(0.5, 1);
  add(1.0, 3);
  const DefinitionDuel whole = judge();
  EXPECT_NEAR(whole.ratio, 4 / (1 / 0.5 + 3), 0.005);
  EXPECT_LT(whole.interval.low, whole.ratio);
  EXPECT_GT(whole.interval.high, whole.ratio);
  EXPECT_EQ(whole.verdict, Verdict::kFaster);
  EXPECT_EQ(whole.faster_share, 0.25);
  EXPECT_EQ(whole.pairs, duels[0].pairs() + duels[1].pairs());
}

TEST_F(DefinitionTest, OneWorkloadIsItsOwnVerdict) {
  add(1 / 1.005, 2);
  const DefinitionDuel whole = judge();
  EXPECT_EQ(whole.verdict, duels[0].verdict);
  EXPECT_EQ(whole.interval.low, duels[0].interval.low);
}

TEST_F(DefinitionTest, FasterAsAWholeForgivesAMinorityThatIsSlower) {
  add(0.7, 3);
  add(1.05, 2);
  const DefinitionDuel whole = judge();
  EXPECT_EQ(whole.verdict, Verdict::kFaster);
  EXPECT_EQ(whole.slower_share, 0.4);
}

TEST_F(DefinitionTest, AMeanCarriedByAFewIsUnclear) {
  add(0.2, 2);
  add(1.05, 3);
  const DefinitionDuel whole = judge();
  EXPECT_LT(whole.ratio, 0.5);
  EXPECT_EQ(whole.verdict, Verdict::kUnclear);
  EXPECT_EQ(whole.slower_share, 0.6);
}

TEST_F(DefinitionTest, SlowerAndSame) {
  add(1.1, 1);
  add(1.0, 1);
  EXPECT_EQ(judge().verdict, Verdict::kSlower);
  duels.clear(), weights.clear();
  add(1, 1);
  add(1, 1);
  EXPECT_EQ(judge().verdict, Verdict::kSame);
}

TEST_F(DefinitionTest, OfEqualProgramsIsFasterInUnderOnePercent) {
  constexpr int kDefinitions = 400;
  int faster = 0;
  for (int k = 0; k < kDefinitions; ++k) {
    duels.clear(), weights.clear();
    seed = static_cast<uint64_t>(k) + 10;
    const std::vector<NoiseModel> models = noise_models();
    for (size_t w = 0; w < 4; ++w)
      add(1, static_cast<double>(w + 1), models[(w + static_cast<size_t>(k)) % models.size()]);
    faster += judge().verdict == Verdict::kFaster;
  }
  EXPECT_LT(faster, kDefinitions / 100);
}

}  // namespace
}  // namespace warpwright::timing
