// Which samples of a timed run count, and by which clock.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "evaluator/cuda/work.h"
#include "src/base/result.h"

namespace warpwright::timing {

// Takes one sample per shot, in order: an exec::Sampler, a recorded one, synthetic noise. An error ends the
// run and is handed on as it is; who must tell a candidate's failure from the machine's keeps it aside.
using TakeBatch = std::function<Result<std::vector<cuda::Sample>>(std::span<const cuda::Shot>)>;

// As TakeBatch, and an error if there is not one sample per shot.
Result<std::vector<cuda::Sample>> take_all(const TakeBatch& take, std::span<const cuda::Shot> shots);

// cupti if any sample that counts has its span, else events. A run is read by one clock throughout.
enum class TimingMethod { kCupti, kEvents };
std::string_view to_string(TimingMethod method);  // "cupti", "events"
TimingMethod method_of(std::span<const cuda::Sample> samples);
double time_us(const cuda::Sample& sample, TimingMethod method);

// Samples by which nothing can be said about a kernel's speed.
struct ThrottleRule {
  double max_sm_clock_mhz = 0;    // the device's; 0: unknown
  double share_of_max = 0.75;     // nvbench's rule
  double share_of_median = 0.95;  // of the run's
};

// Why each sample does not count; an empty text: it does. Without a rule a low clock is no reason.
std::vector<std::string> drop_reasons(std::span<const cuda::Sample> samples, TimingMethod method,
                                      const ThrottleRule* rule);

using DropCounts = std::map<std::string, int>;    // by reason
std::string describe(const DropCounts& dropped);  // "3 x records dropped, 1 x ..."

// All samples of one contender must have seen the same kernels, copies and memsets: a plan is fixed before
// it runs, so if they differ, the timer lost some. Dropped samples may. Error (infrastructure): which
// samples.
Result<void> check_activities(std::span<const cuda::Shot> shots, std::span<const cuda::Sample> samples,
                              std::span<const std::string> reasons);

// How far the two clocks are apart, over samples that have both.
struct ClockAgreement {
  int samples = 0;                  // that have both; 0: nothing can be said
  double median_difference_us = 0;  // events - CUPTI
  double disagreeing_share = 0;     // that differ by more than max(2 us, 10 % of CUPTI's)
};
ClockAgreement compare_clocks(std::span<const cuda::Sample> samples, std::span<const std::string> reasons);

}  // namespace warpwright::timing
