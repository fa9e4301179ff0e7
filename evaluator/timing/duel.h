// Duels: is the challenger faster than the incumbent, by more than noise can do?
//
// A round is four shots, challenger and incumbent in the order XYYX, with X drawn by a fair coin; each XY
// pair runs on one version of the inputs. A round's value is the mean of its two pairs' log ratios
// ln(challenger / incumbent): linear drift cancels in it, and if both were the same program the coin alone
// would decide its sign. So the sign test of the rounds is exact whatever the noise is like (README.md).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "evaluator/timing/samples.h"
#include "evaluator/timing/statistics.h"
#include "src/base/rng.h"

namespace warpwright::timing {

enum class Verdict { kFaster, kSame, kSlower, kUnclear };
std::string_view to_string(Verdict verdict);  // "FASTER", "SAME", "SLOWER", "UNCLEAR"

struct DuelOptions {
  // Rounds kept at each look at the result; the last is the longest a duel gets. Fixed beforehand: how often
  // one looks is what the error rate pays for.
  std::vector<int> looks = {16, 25, 40, 63, 98, 150};
  double error_rate = 0.005;  // of FASTER, and of SLOWER, for equal programs, over all looks together
  double confidence = 0.99;   // of reported intervals
  double least_floor = 0.005;
  int floor_rounds = 25;   // of the A/A run
  int warm_up_rounds = 2;  // not looked at
  int rounds_per_batch = 8;
  int versions = 1;          // of the inputs
  double max_dropped = 0.5;  // share of the rounds taken; more is an error
  ThrottleRule throttle;
};

struct Duel {
  Verdict verdict = Verdict::kUnclear;
  double ratio = 1;   // exp(median of the rounds' values): challenger / incumbent
  Interval interval;  // of the ratio
  double noise_floor = 0;
  std::vector<double> log_ratios;  // one per round kept
  DropCounts dropped;              // rounds, by the first reason in each
  TimingMethod method = TimingMethod::kCupti;
  double challenger_us = 0, incumbent_us = 0;  // medians
  double clock_mhz = 0;

  int pairs() const { return 2 * static_cast<int>(log_ratios.size()); }
};

// Indices into the sampler's contenders.
struct Contenders {
  int challenger = 0;
  int incumbent = 1;
};

// Error: `take`'s own, or infrastructure: too many rounds dropped, activities of a contender differ.
Result<Duel> run_duel(const TakeBatch& take, Contenders contenders, double noise_floor,
                      const DuelOptions& options, Rng& rng);

// The A/A run: two contenders that are the same program. What ratio they show is what placement and chance
// can do here; a duel of different programs must show more. Relative, at least options.least_floor.
struct NoiseFloor {
  double relative = 0;
  double ratio = 1;
  Interval interval;
  int pairs = 0;
};
Result<NoiseFloor> measure_noise_floor(const TakeBatch& take, Contenders same_program,
                                       const DuelOptions& options, Rng& rng);

// Several workloads, as a score weighs them: the weighted arithmetic mean of the speed-ups.
struct DuelOfWorkload {
  const Duel* duel = nullptr;
  double weight = 1;
};
struct DefinitionOptions {
  double confidence = 0.99;
  int resamples = 2000;
  // A challenger that is SLOWER on more of the weight than this is not FASTER as a whole, whatever the mean.
  double max_slower_share = 0.5;
};
struct DefinitionDuel {
  Verdict verdict = Verdict::kUnclear;
  double ratio = 1;  // 1 / (weighted mean of incumbent / challenger)
  Interval interval;
  double noise_floor = 0;  // weighted mean of the workloads'
  int pairs = 0;
  double slower_share = 0, faster_share = 0;  // of the weight, by the workloads' own verdicts
};
// REQUIRES: at least one workload, positive weights.
DefinitionDuel judge_definition(std::span<const DuelOfWorkload> workloads, const DefinitionOptions& options,
                                Rng& rng);

}  // namespace warpwright::timing
