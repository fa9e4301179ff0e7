#include "evaluator/timing/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "evaluator/timing/statistics.h"
#include "src/base/check.h"

namespace warpwright::timing {
namespace {

// The samples of a run with what each is worth.
struct Kept {
  std::vector<double> times_us, clocks_mhz;
  DropCounts dropped;
};

Kept keep(std::span<const cuda::Sample> samples, std::span<const std::string> reasons, TimingMethod method) {
  Kept kept;
  for (size_t k = 0; k < samples.size(); ++k) {
    if (!reasons[k].empty()) {
      ++kept.dropped[reasons[k]];
      continue;
    }
    kept.times_us.push_back(time_us(samples[k], method));
    if (samples[k].sm_clock_mhz > 0) kept.clocks_mhz.push_back(samples[k].sm_clock_mhz);
  }
  return kept;
}

Result<void> check_enough(const Kept& kept, size_t taken, double max_dropped, std::string_view of_what) {
  const auto dropped = static_cast<double>(taken - kept.times_us.size());
  if (!kept.times_us.empty() && dropped <= max_dropped * static_cast<double>(taken)) return {};
  return infrastructure_error(
      fmt::format("{} of {} samples of {} do not count ({}): the device cannot be timed now",
                  taken - kept.times_us.size(), taken, of_what, describe(kept.dropped)));
}

Timing summarize(std::span<const cuda::Sample> samples, std::span<const std::string> reasons, Kept kept,
                 TimingMethod method) {
  Timing timing;
  timing.method = method;
  timing.kept = static_cast<int>(kept.times_us.size());
  timing.spread_us = robust_spread(kept.times_us);
  timing.latency_us = median(std::move(kept.times_us));
  timing.dropped = std::move(kept.dropped);
  if (!kept.clocks_mhz.empty()) timing.clock_mhz = median(std::move(kept.clocks_mhz));
  timing.agreement = compare_clocks(samples, reasons);
  return timing;
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Whether the last `window` noise estimates vary by less than `stable`, relative to their mean.
bool is_stable(const std::vector<double>& noise, int window, double stable) {
  if (static_cast<int>(noise.size()) < window) return false;
  const std::span<const double> last = std::span(noise).last(static_cast<size_t>(window));
  const double centre = mean(last);
  double squares = 0;
  for (double value : last) squares += (value - centre) * (value - centre);
  return centre == 0 || std::sqrt(squares / static_cast<double>(window)) < stable * centre;
}

// A run of the strict profile: takes batches and says when it is enough.
class StrictRun {
 public:
  StrictRun(const TakeBatch& take, const StrictOptions& options, Rng& rng)
      : take_(take), options_(options), rng_(rng) {}

  Result<void> warm_up() {
    if (options_.warm_up == 0) return {};
    return take_all(take_, draw(options_.warm_up)).map([](const auto&) {});
  }

  Result<void> step() {
    const int left = options_.most - static_cast<int>(samples_.size());
    const auto shots = draw(std::min(options_.batch, left));
    TRY_ASSIGN(auto batch, take_all(take_, shots));
    shots_.insert(shots_.end(), shots.begin(), shots.end());
    std::move(batch.begin(), batch.end(), std::back_inserter(samples_));
    method_ = method_of(samples_);
    reasons_ = drop_reasons(samples_, method_, &options_.throttle);
    TRY(check_activities(shots_, samples_, reasons_));
    kept_ = keep(samples_, reasons_, method_);
    if (!kept_.times_us.empty()) noise_.push_back(relative_spread(kept_.times_us));
    return {};
  }

  // Why it is enough; empty: it is not.
  std::string done() const {
    const auto n = static_cast<int>(kept_.times_us.size());
    if (n > 0) {
      const double centre = median(kept_.times_us);
      const bool enough = n >= (centre < options_.short_us ? options_.least_short : options_.least_long);
      const Interval interval = median_interval(kept_.times_us, 0.95);
      if (enough && interval.high - interval.low <= 2 * options_.half_width * centre) return "interval";
      if (enough && is_stable(noise_, options_.window, options_.stable)) return "stable noise";
    }
    return static_cast<int>(samples_.size()) >= options_.most ? "samples" : "";
  }

  Result<Timing> result(std::string stopped_by) {
    TRY(check_enough(kept_, samples_.size(), options_.max_dropped, "the run"));
    Timing timing = summarize(samples_, reasons_, std::move(kept_), method_);
    timing.stopped_by = std::move(stopped_by);
    return timing;
  }

 private:
  std::vector<cuda::Shot> draw(int count) {
    std::vector<cuda::Shot> list;
    for (int k = 0; k < count; ++k)
      list.push_back(
          {options_.contender, static_cast<int>(rng_.below(static_cast<uint64_t>(options_.versions)))});
    return list;
  }

  const TakeBatch& take_;
  const StrictOptions& options_;
  Rng& rng_;
  std::vector<cuda::Shot> shots_;
  std::vector<cuda::Sample> samples_;
  std::vector<std::string> reasons_;
  TimingMethod method_ = TimingMethod::kCupti;
  Kept kept_;
  std::vector<double> noise_;
};

}  // namespace

int Timing::dropped_count() const {
  int count = 0;
  for (const auto& [reason, times] : dropped) count += times;
  return count;
}

Result<Timing> time_contest(const TakeBatch& take, const ContestOptions& options) {
  CHECK(options.counts.iterations > 0 && options.counts.trials > 0 && options.versions > 0);
  const auto warm_up = static_cast<size_t>(options.counts.warm_up);
  std::vector<cuda::Sample> samples;  // of all trials, without the warm-ups
  for (int trial = 0; trial < options.counts.trials; ++trial) {
    const std::vector<cuda::Shot> shots(warm_up + static_cast<size_t>(options.counts.iterations),
                                        {options.contender, trial % options.versions});
    TRY_ASSIGN(auto batch, take_all(take, shots));
    samples.insert(samples.end(), batch.begin() + static_cast<std::ptrdiff_t>(warm_up), batch.end());
  }
  const TimingMethod method = method_of(samples);
  const std::vector<std::string> reasons = drop_reasons(samples, method, nullptr);
  TRY(check_activities(std::vector<cuda::Shot>(samples.size(), {options.contender}), samples, reasons));

  double sum_us = 0;
  const auto iterations = static_cast<size_t>(options.counts.iterations);
  for (size_t begin = 0; begin < samples.size(); begin += iterations) {
    Kept kept = keep(std::span(samples).subspan(begin, iterations),
                     std::span(reasons).subspan(begin, iterations), method);
    TRY(check_enough(kept, iterations, 0.5, "a trial"));
    sum_us += median(std::move(kept.times_us));
  }
  Timing timing = summarize(samples, reasons, keep(samples, reasons, method), method);
  timing.latency_us = sum_us / options.counts.trials;
  timing.stopped_by = "counts";
  return timing;
}

void StrictOptions::ask_at_least(int samples) {
  if (samples <= 0) return;
  least_short = std::max(least_short, samples);
  least_long = std::max(least_long, samples);
  if (most >= 2 * samples) return;
  most_ms = most_ms * 2 * samples / most;
  most = 2 * samples;
}

Result<Timing> time_strict(const TakeBatch& take, const StrictOptions& options, Rng& rng, Clock& clock) {
  CHECK(options.versions > 0 && options.batch > 0 && options.most > 0);
  const int64_t start_ms = clock.monotonic_ms();
  StrictRun run(take, options, rng);
  TRY(run.warm_up());
  for (;;) {
    TRY(run.step());
    std::string why = run.done();
    if (why.empty() && clock.monotonic_ms() - start_ms >= options.most_ms) why = "time";
    if (!why.empty()) return run.result(std::move(why));
  }
}

}  // namespace warpwright::timing
