// Choosing among models and operators: by weight, and by what they bring for their money. The worlds below
// are simulated: a call of an arm succeeds with some probability and then gains an exponentially distributed
// amount.
#include "src/search/ensemble.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace warpwright::search {
namespace {

using Choose = size_t (*)(const std::vector<Arm>&, Rng&);

struct World {
  const char* name;
  std::vector<double> price;                // dollars a call
  std::vector<double> success;              // probability, from call `turn` on
  double mean_gain = 0.1;                   // of a success
  std::vector<double> success_before = {};  // until then; empty: the same
  int turn = 0;
};

struct Tally {
  double gain = 0, dollars = 0;
  std::vector<double> late_share;  // of the last quarter's calls, by arm
  std::vector<Arm> arms;
};

constexpr int kCalls = 2'000, kSeeds = 40;

Tally simulate(const World& world, Choose choose, uint64_t seed) {
  Rng rng(seed);
  Tally tally;
  tally.arms.resize(world.price.size());
  tally.late_share.resize(world.price.size());
  for (int call = 0; call < kCalls; ++call) {
    const size_t i = choose(tally.arms, rng);
    const bool before = call < world.turn && !world.success_before.empty();
    const double success = before ? world.success_before[i] : world.success[i];
    const double size = -world.mean_gain * std::log(1 - rng.uniform());
    const double gain = rng.uniform() < success ? size : 0;
    Arm& arm = tally.arms[i];
    ++arm.pulls;
    arm.gain += gain;
    arm.dollars += world.price[i];
    tally.gain += gain;
    tally.dollars += world.price[i];
    if (call >= kCalls * 3 / 4) tally.late_share[i] += 4.0 / kCalls;
  }
  return tally;
}

// Gain per dollar (per call where all is free) of the bandit over that of the weights, all seeds together.
double advantage(const World& world) {
  double rate[2];
  for (int by_bandit : {0, 1}) {
    double gain = 0, cost = 0;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const Tally tally = simulate(world, by_bandit ? choose_by_bandit : choose_by_weight, seed);
      gain += tally.gain;
      cost += tally.dollars > 0 ? tally.dollars : kCalls;
    }
    rate[by_bandit] = gain / cost;
  }
  return rate[1] / rate[0];
}

std::vector<double> shares(Choose choose, const std::vector<Arm>& arms, int draws = 20'000) {
  Rng rng(7);
  std::vector<double> share(arms.size());
  for (int i = 0; i < draws; ++i) share[choose(arms, rng)] += 1.0 / draws;
  return share;
}

TEST(Ensemble, WeightsAreSharesAndZeroIsNever) {
  const auto share = shares(choose_by_weight, {{"a", 1, 0, 0, 0}, {"b", 0, 0, 0, 0}, {"c", 3, 0, 0, 0}});
  EXPECT_NEAR(share[0], 0.25, 0.02);
  EXPECT_EQ(share[1], 0);
  EXPECT_NEAR(share[2], 0.75, 0.02);
  EXPECT_NEAR(shares(choose_by_weight, {{"a", 0, 0, 0, 0}, {"b", 0, 0, 0, 0}})[0], 0.5, 0.02)
      << "all zero: all the same";
}

TEST(Ensemble, WithoutEvidenceTheBanditFollowsTheWeights) {
  const auto share = shares(choose_by_bandit, {{"a", 1, 0, 0, 0}, {"b", 3, 0, 0, 0}, {"c", 0, 0, 0, 0}});
  EXPECT_NEAR(share[0], 0.25, 0.08);
  EXPECT_NEAR(share[1], 0.75, 0.08);
  EXPECT_EQ(share[2], 0);
}

TEST(Ensemble, TheSameRngGivesTheSameChoices) {
  const World world{"", {0.02, 0.2}, {0.05, 0.1}};
  const Tally first = simulate(world, choose_by_bandit, 3), second = simulate(world, choose_by_bandit, 3);
  EXPECT_EQ(first.arms[0].pulls, second.arms[0].pulls);
  EXPECT_EQ(first.gain, second.gain);
}

TEST(Ensemble, TheBanditBeatsTheWeightsOnGainPerDollar) {
  const struct {
    World world;
    double factor;  // at least; the most that could be had is in brackets
  } rows[] = {
      {{"prices 1:10:100, the cheapest is best for its money (13)", {0.002, 0.02, 0.2}, {0.02, 0.05, 0.1}},
       3},
      {{"the same price (2.3)", {0.02, 0.02, 0.02}, {0.01, 0.02, 0.1}}, 1.9},
      {{"small gains (2.3)", {0.02, 0.02, 0.02}, {0.01, 0.02, 0.1}, 0.02}, 1.7},
      {{"large gains (2.3)", {0.02, 0.02, 0.02}, {0.01, 0.02, 0.1}, 0.5}, 1.9},
      {{"all free: gain per call (2.3)", {0, 0, 0}, {0.01, 0.02, 0.1}}, 1.9},
      {{"a dear model that brings nothing (11)", {0.01, 0.02, 0.3}, {0.03, 0.04, 0.02}}, 5},
      {{"six arms, one good (2.8)", std::vector<double>(6, 0.02), {0.01, 0.02, 0.03, 0.02, 0, 0.08}}, 2.2},
      {{"nothing to be had: the dear one is best for its money too (1.04)",
        {0.002, 0.02, 0.2},
        {0, 0.02, 0.3}},
       0.95},
  };
  for (const auto& row : rows) EXPECT_GT(advantage(row.world), row.factor) << row.world.name;
}

TEST(Ensemble, ALateBloomerIsNotStarved) {
  const World worlds[] = {
      {"useless for half of the run, then four times the other",
       {0.02, 0.02},
       {0.05, 0.2},
       0.1,
       {0.05, 0},
       1'000},
      {"one of four, useless for a quarter",
       std::vector<double>(4, 0.02),
       {0.05, 0.03, 0.2, 0.01},
       0.1,
       {0.05, 0.03, 0, 0.05},
       500},
      {"the good one fades", {0.02, 0.02}, {0.01, 0.2}, 0.1, {0.05, 0}, 300},
  };
  for (const World& world : worlds) {
    const size_t bloomer = world.price.size() == 4 ? 2 : 1;
    double share = 0;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const Tally tally = simulate(world, choose_by_bandit, seed);
      share += tally.late_share[bloomer] / kSeeds;
      for (const Arm& arm : tally.arms) EXPECT_GT(arm.pulls, 25) << world.name << ", seed " << seed;
    }
    EXPECT_GT(share, 0.7) << world.name;
    EXPECT_GT(advantage(world), 1.1) << world.name;
  }
}

TEST(Ensemble, EvidenceOutOfRangeChoosesStill) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const std::vector<Arm> arms = {
      {"a", 1, 10, nan, 1}, {"b", 1, 10, 1, -inf}, {"c", nan, 10, inf, 1}, {"d", 1, -5, -1, nan}};
  const auto share = shares(choose_by_bandit, arms, 2'000);
  EXPECT_EQ(share[2], 0);
  EXPECT_GT(share[1], 0.5) << "the only one with a gain";
  EXPECT_GT(
      shares(choose_by_bandit, {{"a", 1, int64_t{1} << 40, 1e12, 1e12}, {"b", 1, 1, 0, 1e-12}}, 2'000)[1], 0);
}

}  // namespace
}  // namespace warpwright::search
