// A run of the real engine on a real journal, with a model and an evaluator that take no time.
#pragma once

#include <filesystem>
#include <string>

#include "src/base/result.h"

namespace warpwright::bench {

enum class Variant {
  kTune,      // no model is asked: the search proposes values of knobs
  kScripted,  // a model that is asked without a prompt, three proposals in four; the rest is tuned
  kAgent,     // agent `evolver` with its whole prompts
};

struct Settings {
  Variant variant = Variant::kScripted;
  int window = 64;
  bool simulated_reports = false;  // of about twenty kilobytes instead of four
  int source_bytes = 2255;         // of a candidate, about
  int64_t tail = 0;  // tickets after those that are timed: these then end with a commit, and not
                     // with what a run does at its end
};

struct Figures {
  double open_s = 0;            // the journal is open and folded into the state
  double first_decision_s = 0;  // the first decisions are durable: from the program's beginning
  double decisions_per_s = 0;
  double cpu_us = 0;  // of processor time for a decision, the stand-ins' included
  int64_t decisions = 0, applied = 0, population = 0, evaluations = 0, failed_proposals = 0;
  double evaluator_share = 0;  // of the processor time: what the stand-in for the evaluator itself took
  double resident_mb_open = 0, peak_mb = 0;
  double file_mb = 0;
};

// Goes on with the run in `folder`, or begins it there, until `decisions` more are applied. Rates are taken
// over them without the first `warm_up`.
Result<Figures> run(const Settings& settings, const std::filesystem::path& folder, int64_t decisions,
                    int64_t warm_up);

}  // namespace warpwright::bench
