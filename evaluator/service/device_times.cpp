#include "evaluator/service/device_times.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/service/race_run.h"
#include "evaluator/service/timed_calls.h"
#include "evaluator/timing/floor.h"
#include "evaluator/timing/sampling.h"
#include "evaluator/timing/statistics.h"
#include "src/base/clock.h"

namespace warpwright::service {
namespace {

// Strict shots that go with a contest time: enough to look at some outputs of each version.
constexpr int kGuardShots = 48;
// A call that is this much slower when its inputs change in place has kept something of the last call.
constexpr double kRepeatedInputsShare = 1.10;
constexpr double kRepeatedInputsLeastUs = 1.0;
constexpr int kRepeatedInputsShots = 40;

// What a stage's failure is, when the error of a batch may be the candidate's.
template <class T>
StageResult outcome_of(const TimedCalls& calls, const Result<T>& result) {
  if (const auto& failed = calls.failed())
    return Ending{failed->failure.status, failed->failure.rule, failed->failure.message, failed->evidence,
                  failed->failure.needs_confirmation};
  if (!result) return tl::unexpected(result.error());
  return kGoOn;
}

timing::ThrottleRule throttle_rule(const exec::Executor& executor) {
  return {.max_sm_clock_mhz = executor.device()->max_sm_clock_mhz};
}

class WorkloadTimer {
 public:
  WorkloadTimer(Evaluation& evaluation, Resources& resources, BoundWorkload& workload)
      : evaluation_(evaluation), resources_(resources), workload_(workload) {}

  StageResult run() {
    TRY(evaluation_.loaded_program->reload());
    const bool is_contest = evaluation_.request.timing_profile == "contest";
    if (is_contest) {
      TRY_ASSIGN(auto ending, time_contest());
      if (ending) return ending;
    }
    TRY_ASSIGN(auto ending, time_strict(is_contest));
    if (ending) return ending;
    return check_floor();
  }

  const timing::Timing& timing() const { return timing_; }

 private:
  Result<std::unique_ptr<TimedCalls>> open(cuda::TimingProfile profile) {
    return TimedCalls::open(evaluation_, resources_, {{&evaluation_, &workload_}}, profile);
  }

  StageResult time_contest() {
    TRY_ASSIGN(const auto calls, open(cuda::TimingProfile::kContest));
    timing::ContestOptions options{evaluation_.rules.timing, 0, calls->versions()};
    const int wanted = evaluation_.request.min_samples, each = options.counts.iterations;
    options.counts.trials = std::max(options.counts.trials, (wanted + each - 1) / each);
    const auto timed = timing::time_contest(calls->take(), options);
    TRY_ASSIGN(auto ending, outcome_of(*calls, timed));
    if (ending) return ending;
    timing_ = *timed;
    return check_repeated_inputs(*calls);
  }

  // The official procedure repeats equal inputs at equal addresses; whoever answers from memory is quick
  // there. Here the contents change in place before every call, and nothing else does.
  StageResult check_repeated_inputs(TimedCalls& calls) {
    double fixed_us = timing_.latency_us, changing_us = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (attempt > 0) {
        const auto fixed = median_of(calls, /*changing=*/false);
        TRY_ASSIGN(auto ending, outcome_of(calls, fixed));
        if (ending) return ending;
        fixed_us = *fixed;
      }
      const auto changing = median_of(calls, /*changing=*/true);
      TRY_ASSIGN(auto ending, outcome_of(calls, changing));
      if (ending) return ending;
      changing_us = *changing;
      if (changing_us <= fixed_us * kRepeatedInputsShare || changing_us - fixed_us <= kRepeatedInputsLeastUs)
        return kGoOn;
    }
    return Ending{
        Status::kRejected,
        std::string(kRepeatedInputsRule),
        fmt::format("{:.2f} us when the same inputs are repeated, {:.2f} us when their contents change in "
                    "place: something of an earlier call is kept",
                    fixed_us, changing_us),
        {}};
  }

  Result<double> median_of(TimedCalls& calls, bool changing) {
    std::vector<cuda::Shot> shots;
    for (int k = 0; k < kRepeatedInputsShots; ++k) shots.push_back({0, changing ? k % calls.versions() : 0});
    TRY_ASSIGN(const auto samples, timing::take_all(calls.take(), shots));
    const auto reasons = timing::drop_reasons(samples, timing_.method, nullptr);
    std::vector<double> times_us;
    for (size_t k = 0; k < samples.size(); ++k)
      if (reasons[k].empty()) times_us.push_back(timing::time_us(samples[k], timing_.method));
    if (times_us.empty()) return infrastructure_error("no sample counts: " + reasons.front());
    return timing::median(std::move(times_us));
  }

  StageResult time_strict(bool only_guards) {
    TRY_ASSIGN(const auto calls, open(cuda::TimingProfile::kStrict));
    timing::StrictOptions options;
    options.versions = calls->versions();
    options.throttle = throttle_rule(*evaluation_.executor);
    options.ask_at_least(evaluation_.request.min_samples);
    if (only_guards) options.most = options.least_long = options.least_short = kGuardShots;
    Rng rng = Rng::stream(evaluation_.request.seed, "strict timing");
    SystemClock clock;
    const auto timed = timing::time_strict(calls->take(), options, rng, clock);
    TRY_ASSIGN(auto ending, outcome_of(*calls, timed));
    if (ending) return ending;
    if (!only_guards) timing_ = *timed;
    return kGoOn;
  }

  StageResult check_floor() {
    TRY_ASSIGN(const auto floor, timing::physical_floor(evaluation_.rules, evaluation_.loaded.definition,
                                                        workload_.report.axes, evaluation_.device));
    if (const auto refusal = timing::refuse_below_floor(timing_.latency_us, floor))
      return Ending{Status::kRejected, std::string(timing::kBelowFloorRule), *refusal, {}};
    return kGoOn;
  }

  Evaluation& evaluation_;
  Resources& resources_;
  BoundWorkload& workload_;
  timing::Timing timing_;
};

void report_times(WorkloadReport& report, const timing::Timing& timing) {
  report.latency_us = timing.latency_us;
  report.spread_us = timing.spread_us;
  report.samples = timing.kept;
  report.dropped = timing.dropped_count();
  report.clock_mhz = timing.clock_mhz;
}

void report_method(TimingReport& report, const timing::Timing& timing) {
  // One clock that failed on one workload is the method of the whole: unlike records are never compared.
  if (report.method != "events") report.method = timing::to_string(timing.method);
  if (timing.agreement.disagreeing_share >= report.clock_disagreement) {
    report.clock_disagreement = timing.agreement.disagreeing_share;
    report.clock_difference_us = timing.agreement.median_difference_us;
  }
}

}  // namespace

StageResult time_on_device(Evaluation& evaluation, Resources& resources) {
  const cuda::DeviceFacts& device = *evaluation.executor->device();
  TimingReport& report = evaluation.report.timing;
  report.profile = evaluation.request.timing_profile;
  report.device = device.name;
  report.clocks = device.clocks;
  evaluation.report.versions["timer"] = device.timer;
  evaluation.report.versions["driver"] = std::to_string(device.driver_version);
  for (BoundWorkload* next : in_race_order(evaluation)) {
    if (is_race_lost(evaluation)) return kGoOn;
    BoundWorkload& workload = *next;
    if (auto ending = out_of_time(evaluation)) return ending;
    timing::Timing timing;
    TRY_ASSIGN(auto ending, confirmed(evaluation, [&]() -> StageResult {
                 WorkloadTimer timer(evaluation, resources, workload);
                 TRY_ASSIGN(auto failed, timer.run());
                 timing = timer.timing();
                 return failed;
               }));
    if (ending) {
      workload.report.status = ending->status;
      return ending;
    }
    report_times(workload.report, timing);
    report_method(report, timing);
  }
  return kGoOn;
}

}  // namespace warpwright::service
