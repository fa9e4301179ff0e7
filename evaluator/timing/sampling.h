// How one program is timed on one workload, from a stream of samples.
//
// `contest` repeats the official procedure: per trial a warm-up, then the counted iterations on the same
// inputs; the median of each trial, the mean over trials. `strict` goes on until the median is known well
// enough, on changing inputs, and throws throttled samples away.
#pragma once

#include <cstdint>

#include "evaluator/timing/samples.h"
#include "src/base/clock.h"
#include "src/base/rng.h"
#include "src/rules/rules.h"

namespace warpwright::timing {

struct Timing {
  double latency_us = 0;
  double spread_us = 0;  // robust_spread of the samples kept
  int kept = 0;
  DropCounts dropped;
  TimingMethod method = TimingMethod::kCupti;
  double clock_mhz = 0;  // median of the samples kept; 0: unknown
  ClockAgreement agreement;
  std::string stopped_by;  // what ended the sampling: "counts", "interval", "stable noise", "samples", "time"

  int dropped_count() const;
};

struct ContestOptions {
  rules::TimingCounts counts;
  int contender = 0;
  int versions = 1;  // of the inputs; trial t runs on version t modulo this
};
// Error: `take`'s own, or infrastructure: more than half of a trial's samples do not count, activities
// differ.
Result<Timing> time_contest(const TakeBatch& take, const ContestOptions& options);

struct StrictOptions {
  int contender = 0;
  int versions = 1;           // drawn anew for every shot
  int warm_up = 10;           // samples that are not looked at
  int batch = 16;             // shots between two looks
  double half_width = 0.005;  // of the median's 95 % interval, relative: good enough
  double short_us = 20;       // below this a call is short:
  int least_short = 200;      // samples kept of a short call
  int least_long = 30;        // and of another
  int most = 2000;            // samples taken
  int64_t most_ms = 10'000;   // wall clock
  double max_dropped = 0.5;   // share of the samples taken; more is an error
  // Or the noise is what it is: the last `window` values of the relative spread, one a batch, have a
  // relative standard deviation below `stable`.
  int window = 16;
  double stable = 0.05;
  ThrottleRule throttle;
  // Raises what is kept at least, and with it what may be taken, so that throttled samples leave enough.
  void ask_at_least(int samples);
};
Result<Timing> time_strict(const TakeBatch& take, const StrictOptions& options, Rng& rng, Clock& clock);

}  // namespace warpwright::timing
