// The contest's score, from evaluated traces.
//
// Definition: the arithmetic mean over its workloads of baseline latency / candidate latency; a single failed
// or missing workload makes it zero. Track: the sum of its definitions' scores / their number, of each the
// best solution. (The contest's final rule; the first rule compared with the Python reference.)
//
// Several traces of one solution on one workload: the fastest that passed counts, and one that failed counts
// as a failure, because that is how FlashInfer-Bench scores (TraceSet.get_solution_score) and the number
// should be the contest's. Workloads that the baseline did not pass have no ratio and are left out. A ratio
// of times from unlike hardware is refused.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/base/result.h"
#include "src/rules/tracks.h"
#include "src/score/published.h"
#include "src/trace/evaluation_trace.h"

namespace warpwright::score {

// What is known of a definition beside its traces.
struct DefinitionFacts {
  std::string name;
  // All its workloads; empty: unknown, then those of the baseline are taken for all.
  std::vector<std::pair<std::string, trace::Axes>> workloads;      // uuid and axes
  std::function<Result<std::string>(const trace::Axes&)> band_of;  // empty: one band "all"
};

struct WorkloadScore {
  std::string uuid, band;
  trace::Axes axes;
  double baseline_us = 0;
  double candidate_us = 0;  // 0: did not pass
  double ratio = 0;         // baseline / candidate; 0: did not pass
  std::string problem;      // empty: passed; "missing", "TIMEOUT (traces.jsonl:17)"
};

// One regime of sizes. Means and the ratio are over the workloads that passed.
struct BandScore {
  std::string name;
  int workloads = 0, passed = 0;
  double baseline_us = 0, candidate_us = 0;
  double ratio = 0;            // mean of the ratios
  double share = 0;            // of the sum of all ratios: what the band carries of the score
  double gain_of_a_tenth = 0;  // what times shorter by 10 % in this band would add to the score
};

struct SolutionScore {
  std::string definition, solution, baseline, hardware;
  std::optional<double> score;  // nothing: the baseline is known by its mean only
  double mean_of_passed = 0;    // what the score would be without the failures
  double ratio_of_means = 0;    // mean baseline latency / mean candidate latency: large workloads weigh most
  double baseline_us = 0, candidate_us = 0;  // means over the workloads that passed
  double win_rate = 0;                       // share of the workloads with a ratio above 1
  int failed = 0;                            // workloads that failed or are missing
  std::vector<WorkloadScore> workloads;
  std::vector<BandScore> bands;    // by their first workload
  std::vector<std::string> notes;  // what the reader should know: repeated traces, workloads left out
};

struct TrackScore {
  rules::Track track;
  std::optional<double> score;                     // nothing: a definition has none
  std::vector<std::optional<SolutionScore>> best;  // per definition; nothing: no traces, counts as zero
};

// What a solution is held against: its traces of this definition, or only their mean.
struct Baseline {
  std::string name, hardware;
  std::vector<trace::EvaluationTrace> traces;
  double mean_us = 0;  // used where there are no traces
};

// `candidate`: traces of one solution of this definition, not empty. Error: several kinds of hardware, or
// another than the baseline's; no workload in common.
Result<SolutionScore> score_solution(const DefinitionFacts& facts,
                                     std::span<const trace::EvaluationTrace> candidate,
                                     const Baseline& baseline);

// Tracks of which at least one definition has a score.
std::vector<TrackScore> score_tracks(const std::vector<rules::Track>& tracks,
                                     const std::vector<SolutionScore>& scores);

// The baseline of a definition by name: a solution's name, the begin of exactly one ("flashinfer" for
// "flashinfer_wrapper_9b7f1e"), or a published record. The first of `names` that is there. Error: none is
// there, or a name that begins several solutions; lists what there is.
Result<Baseline> find_baseline(const std::vector<std::string>& names, const std::string& definition,
                               std::span<const trace::EvaluationTrace> traces,
                               std::span<const PublishedRecord> published);

}  // namespace warpwright::score
