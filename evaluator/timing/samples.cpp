#include "evaluator/timing/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluator/timing/statistics.h"
#include "src/base/check.h"

namespace warpwright::timing {
namespace {

constexpr double kClockBoundUs = 2;
constexpr double kClockBoundShare = 0.1;

double median_clock(std::span<const cuda::Sample> samples) {
  std::vector<double> clocks;
  for (const cuda::Sample& sample : samples)
    if (sample.invalid.empty() && sample.sm_clock_mhz > 0) clocks.push_back(sample.sm_clock_mhz);
  return clocks.empty() ? 0 : median(std::move(clocks));
}

std::string reason_of(const cuda::Sample& sample, TimingMethod method) {
  if (!sample.invalid.empty()) return sample.invalid;
  if (const double time = time_us(sample, method); std::isfinite(time) && time > 0) return "";
  return method == TimingMethod::kCupti ? "no CUPTI record" : "no time";
}

}  // namespace

Result<std::vector<cuda::Sample>> take_all(const TakeBatch& take, std::span<const cuda::Shot> shots) {
  TRY_ASSIGN(auto samples, take(shots));
  if (samples.size() != shots.size())
    return infrastructure_error(
        fmt::format("the timer gave {} samples for {} shots", samples.size(), shots.size()));
  return samples;
}

std::string_view to_string(TimingMethod method) {
  return method == TimingMethod::kCupti ? "cupti" : "events";
}

TimingMethod method_of(std::span<const cuda::Sample> samples) {
  const bool has_span = std::any_of(samples.begin(), samples.end(), [](const cuda::Sample& sample) {
    return sample.invalid.empty() && sample.span_us > 0;
  });
  return has_span ? TimingMethod::kCupti : TimingMethod::kEvents;
}

double time_us(const cuda::Sample& sample, TimingMethod method) {
  return method == TimingMethod::kCupti ? sample.span_us : sample.events_us;
}

std::vector<std::string> drop_reasons(std::span<const cuda::Sample> samples, TimingMethod method,
                                      const ThrottleRule* rule) {
  const double usual_clock = rule == nullptr ? 0 : median_clock(samples);
  std::vector<std::string> reasons;
  for (const cuda::Sample& sample : samples) {
    std::string reason = reason_of(sample, method);
    if (reason.empty() && rule != nullptr && sample.sm_clock_mhz > 0) {
      if (sample.sm_clock_mhz < rule->share_of_max * rule->max_sm_clock_mhz)
        reason = fmt::format("SM clock below {:.0f} % of the maximum", rule->share_of_max * 100);
      else if (sample.sm_clock_mhz < rule->share_of_median * usual_clock)
        reason = fmt::format("SM clock below {:.0f} % of the run's median", rule->share_of_median * 100);
    }
    reasons.push_back(std::move(reason));
  }
  return reasons;
}

std::string describe(const DropCounts& dropped) {
  std::string text;
  for (const auto& [reason, count] : dropped)
    text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", count, reason);
  return text;
}

Result<void> check_activities(std::span<const cuda::Shot> shots, std::span<const cuda::Sample> samples,
                              std::span<const std::string> reasons) {
  CHECK(samples.size() == shots.size() && samples.size() == reasons.size());
  std::map<int, size_t> first_of;  // contender -> sample
  for (size_t k = 0; k < samples.size(); ++k) {
    if (!reasons[k].empty()) continue;
    const size_t first = first_of.try_emplace(shots[k].contender, k).first->second;
    if (samples[k].activities != samples[first].activities)
      return infrastructure_error(
          fmt::format("the timer saw other kernels in sample {} than in sample {} of the same program: its "
                      "records are not complete",
                      k, first));
  }
  return {};
}

ClockAgreement compare_clocks(std::span<const cuda::Sample> samples, std::span<const std::string> reasons) {
  CHECK(samples.size() == reasons.size());
  std::vector<double> differences;
  int disagreeing = 0;
  for (size_t k = 0; k < samples.size(); ++k) {
    const cuda::Sample& sample = samples[k];
    if (!reasons[k].empty() || sample.span_us <= 0 || sample.events_us <= 0) continue;
    differences.push_back(sample.events_us - sample.span_us);
    if (std::abs(differences.back()) > std::max(kClockBoundUs, kClockBoundShare * sample.span_us))
      ++disagreeing;
  }
  ClockAgreement agreement;
  if (differences.empty()) return agreement;
  agreement.samples = static_cast<int>(differences.size());
  agreement.disagreeing_share = static_cast<double>(disagreeing) / agreement.samples;
  agreement.median_difference_us = median(std::move(differences));
  return agreement;
}

}  // namespace warpwright::timing
