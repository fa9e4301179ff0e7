#include "evaluator/timing/duel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/check.h"

namespace warpwright::timing {
namespace {

constexpr size_t kShots = 4;  // of a round

// The error rate of each look: doubling, so that the last one, which decides most duels, has half of the
// whole. By the union bound the sum holds for all looks together, however they depend on one another.
double share_of_look(const DuelOptions& options, size_t look) {
  const double all = std::exp2(static_cast<double>(options.looks.size())) - 1;
  return options.error_rate * std::exp2(static_cast<double>(look)) / all;
}

// Takes rounds, keeps those that count.
class Rounds {
 public:
  Rounds(const TakeBatch& take, Contenders contenders, const DuelOptions& options, Rng& rng)
      : take_(take), contenders_(contenders), options_(options), rng_(rng) {}

  Result<void> warm_up() {
    if (options_.warm_up_rounds == 0) return {};
    return take_all(take_, draw(options_.warm_up_rounds)).map([](const auto&) {});
  }

  // Until `count` rounds count.
  Result<void> fill(int count) {
    while (kept() < count) {
      for (int missing = count - kept(); missing > 0; missing -= options_.rounds_per_batch)
        TRY(take_batch(std::min(missing, options_.rounds_per_batch)));
      TRY(judge());
    }
    return {};
  }

  // What a verdict is made of.
  Duel look() const {
    Duel duel;
    duel.log_ratios = log_ratios_;
    const BootstrapMedian bootstrap(log_ratios_);
    const Interval interval = bootstrap.interval(options_.confidence);
    duel.ratio = std::exp(bootstrap.median());
    duel.interval = {std::exp(interval.low), std::exp(interval.high)};
    return duel;
  }

  // What a report says besides.
  void describe_in(Duel& duel) const {
    duel.dropped = dropped_;
    duel.method = method_;
    duel.challenger_us = median(challenger_us_);
    duel.incumbent_us = median(incumbent_us_);
    if (!clocks_mhz_.empty()) duel.clock_mhz = median(clocks_mhz_);
  }

 private:
  int kept() const { return static_cast<int>(log_ratios_.size()); }

  Result<void> take_batch(int rounds) {
    const auto shots = draw(rounds);
    TRY_ASSIGN(auto samples, take_all(take_, shots));
    shots_.insert(shots_.end(), shots.begin(), shots.end());
    std::move(samples.begin(), samples.end(), std::back_inserter(samples_));
    return {};
  }

  std::vector<cuda::Shot> draw(int rounds) {
    std::vector<cuda::Shot> shots;
    const auto versions = static_cast<uint64_t>(options_.versions);
    for (int k = 0; k < rounds; ++k) {
      int x = contenders_.challenger, y = contenders_.incumbent;
      if (rng_.below(2) == 1) std::swap(x, y);
      const auto first = static_cast<int>(rng_.below(versions)),
                 second = static_cast<int>(rng_.below(versions));
      for (const cuda::Shot& shot : {cuda::Shot{x, first}, {y, first}, {y, second}, {x, second}})
        shots.push_back(shot);
    }
    return shots;
  }

  // What all samples so far are worth: clocks are judged against the run's median, which moves.
  Result<void> judge() {
    method_ = method_of(samples_);
    const std::vector<std::string> reasons = drop_reasons(samples_, method_, &options_.throttle);
    TRY(check_activities(shots_, samples_, reasons));
    log_ratios_.clear(), challenger_us_.clear(), incumbent_us_.clear(), clocks_mhz_.clear(), dropped_.clear();
    for (size_t first = 0; first < samples_.size(); first += kShots) add_round(first, reasons);
    const size_t taken = samples_.size() / kShots, dropped = taken - log_ratios_.size();
    const bool too_many = static_cast<double>(dropped) > options_.max_dropped * static_cast<double>(taken);
    if (too_many && taken >= static_cast<size_t>(options_.rounds_per_batch))
      return infrastructure_error(
          fmt::format("{} of {} rounds of a duel do not count ({}): the device cannot be timed now", dropped,
                      taken, describe(dropped_)));
    return {};
  }

  void add_round(size_t first, const std::vector<std::string>& reasons) {
    double value = 0;
    for (size_t k = first; k < first + kShots; ++k) {
      if (reasons[k].empty()) continue;
      ++dropped_[reasons[k]];
      return;
    }
    for (size_t k = first; k < first + kShots; ++k) {
      const double time = time_us(samples_[k], method_);
      const bool is_challenger = shots_[k].contender == contenders_.challenger;
      value += (is_challenger ? 0.5 : -0.5) * std::log(time);
      (is_challenger ? challenger_us_ : incumbent_us_).push_back(time);
      if (samples_[k].sm_clock_mhz > 0) clocks_mhz_.push_back(samples_[k].sm_clock_mhz);
    }
    log_ratios_.push_back(value);
  }

  const TakeBatch& take_;
  const Contenders contenders_;
  const DuelOptions& options_;
  Rng& rng_;
  std::vector<cuda::Shot> shots_;
  std::vector<cuda::Sample> samples_;
  TimingMethod method_ = TimingMethod::kCupti;
  std::vector<double> log_ratios_, challenger_us_, incumbent_us_, clocks_mhz_;
  DropCounts dropped_;
};

// FASTER, SLOWER and SAME once they are certain at this look; else UNCLEAR.
Verdict verdict_at(const Duel& duel, double noise_floor, double error_rate) {
  const double margin = std::log1p(noise_floor);
  int faster = 0, slower = 0;
  for (const double value : duel.log_ratios) {
    faster += value < -margin;
    slower += value > margin;
  }
  const auto n = static_cast<int>(duel.log_ratios.size());
  const double low = std::log(duel.interval.low), high = std::log(duel.interval.high);
  if (high < -margin && sign_test(faster, n - faster) <= error_rate) return Verdict::kFaster;
  if (low > margin && sign_test(slower, n - slower) <= error_rate) return Verdict::kSlower;
  return low > -margin && high < margin ? Verdict::kSame : Verdict::kUnclear;
}

Verdict verdict_of(const DefinitionDuel& duel, const DefinitionOptions& options) {
  const double margin = 1 + duel.noise_floor;
  if (duel.interval.high < 1 / margin)
    return duel.slower_share <= options.max_slower_share ? Verdict::kFaster : Verdict::kUnclear;
  if (duel.interval.low > margin) return Verdict::kSlower;
  return duel.interval.low > 1 / margin && duel.interval.high < margin ? Verdict::kSame : Verdict::kUnclear;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFaster:
      return "FASTER";
    case Verdict::kSame:
      return "SAME";
    case Verdict::kSlower:
      return "SLOWER";
    case Verdict::kUnclear:
      return "UNCLEAR";
  }
  CHECK(false);
}

Result<Duel> run_duel(const TakeBatch& take, Contenders contenders, double noise_floor,
                      const DuelOptions& options, Rng& rng) {
  CHECK(!options.looks.empty() && options.versions > 0 && options.rounds_per_batch > 0);
  noise_floor = std::max(noise_floor, options.least_floor);
  Rounds rounds(take, contenders, options, rng);
  TRY(rounds.warm_up());
  Duel duel;
  for (size_t look = 0; look < options.looks.size(); ++look) {
    TRY(rounds.fill(options.looks[look]));
    duel = rounds.look();
    duel.noise_floor = noise_floor;
    duel.verdict = verdict_at(duel, noise_floor, share_of_look(options, look));
    if (duel.verdict != Verdict::kUnclear) break;
  }
  rounds.describe_in(duel);
  return duel;
}

Result<NoiseFloor> measure_noise_floor(const TakeBatch& take, Contenders same_program,
                                       const DuelOptions& options, Rng& rng) {
  CHECK(options.floor_rounds > 0 && options.versions > 0 && options.rounds_per_batch > 0);
  Rounds rounds(take, same_program, options, rng);
  TRY(rounds.warm_up());
  TRY(rounds.fill(options.floor_rounds));
  const Duel duel = rounds.look();
  // The difference seen; where chance does not explain it, as far as it may go.
  double distance = std::abs(std::log(duel.ratio));
  if (duel.interval.low > 1 || duel.interval.high < 1)
    distance = std::max(std::abs(std::log(duel.interval.low)), std::abs(std::log(duel.interval.high)));
  return NoiseFloor{std::max(options.least_floor, std::expm1(distance)), duel.ratio, duel.interval,
                    duel.pairs()};
}

DefinitionDuel judge_definition(std::span<const DuelOfWorkload> workloads, const DefinitionOptions& options,
                                Rng& rng) {
  CHECK(!workloads.empty() && options.resamples > 0);
  DefinitionDuel whole;
  double weights = 0, speed_up = 0;
  for (const auto& [duel, weight] : workloads) {
    CHECK(duel != nullptr && weight > 0);
    weights += weight;
    speed_up += weight / duel->ratio;
    whole.noise_floor += weight * duel->noise_floor;
    whole.pairs += duel->pairs();
    whole.faster_share += duel->verdict == Verdict::kFaster ? weight : 0;
    whole.slower_share += duel->verdict == Verdict::kSlower ? weight : 0;
  }
  whole.ratio = weights / speed_up;
  whole.noise_floor /= weights;
  whole.faster_share /= weights;
  whole.slower_share /= weights;
  if (workloads.size() == 1) {  // its own verdict has the repeated looks accounted for
    whole.interval = workloads.front().duel->interval;
    whole.verdict = workloads.front().duel->verdict;
    return whole;
  }
  std::vector<double> ratios(static_cast<size_t>(options.resamples), 0);  // first sums of speed-ups
  for (const auto& [duel, weight] : workloads) {
    const std::vector<double> medians = BootstrapMedian(duel->log_ratios).draws(options.resamples, rng);
    for (size_t k = 0; k < ratios.size(); ++k) ratios[k] += weight * std::exp(-medians[k]);
  }
  for (double& ratio : ratios) ratio = weights / ratio;
  std::sort(ratios.begin(), ratios.end());
  const double tail = (1 - options.confidence) / 2;
  whole.interval = {quantile(ratios, tail), quantile(ratios, 1 - tail)};
  whole.verdict = verdict_of(whole, options);
  return whole;
}

}  // namespace warpwright::timing
