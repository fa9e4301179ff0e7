// How busy one evaluator is kept, on one thread, by a model that takes its time.
#pragma once

#include "src/base/result.h"

namespace warpwright::bench {

struct ShareSettings {
  int calls = 16;   // in flight at most
  int window = 24;  // tickets in flight at most
  double model_s = 2, evaluation_s = 0.2;
  double jitter = 0;  // of the model's time, up and down, uniform
  double seconds = 30;
};

struct Share {
  double busy = 0;         // evaluations finished times their length, by the wall clock
  double ledger_busy = 0;  // what the run's own stage ledger says
  double decisions_per_s = 0;
  double calls_in_flight = 0;  // mean
  double cpu_share = 0;        // of one core, this process
  std::string verdict;
};

// Whole prompts, a real worker process (tests' stand-in, which sleeps), a real journal in a temporary folder.
// The first four answers' time is left out.
Result<Share> device_share(const ShareSettings& settings);

}  // namespace warpwright::bench
