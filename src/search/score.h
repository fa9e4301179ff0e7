// Scores: how a result compares with the baseline's. Pure functions.
//
// Score of a definition = weighted arithmetic mean over its workloads of baseline latency / candidate
// latency, 0 if any workload fails; weights count how many workloads of the dataset a measured one stands
// for. A ratio of unlike records (executor, device, method, profile, set of workloads) is refused.
#pragma once

#include <map>
#include <string>

#include "src/events/run_view.h"

namespace warpwright::search {

// Error: the records are unlike, or nothing was timed. A result that did not pass scores 0, whatever its
// measure.
Result<double> score(const events::Baseline& baseline, const events::ResultSummary& result);

// The same mean over each band's workloads alone. REQUIRES: a passed result; errors as `score`.
Result<std::map<std::string, double>> band_scores(const events::Baseline& baseline,
                                                  const events::ResultSummary& result);

// Error: the result did not pass or was not timed (nothing can be measured against it).
Result<events::Baseline> make_baseline(std::string name, events::CandidateId candidate,
                                       const events::ResultSummary& result);

// Does this candidate, having passed, become the baseline? The first seed, or, where the run has none, the
// first that passed.
bool is_baseline(const events::RunView& view, events::CandidateId candidate);
std::string baseline_name(const events::RunView& view, events::CandidateId candidate);

// Estimates are deterministic and compared directly; within the margin, relative to the better, they tie.
enum class EstimatedVerdict { kEstimatedFaster, kTie, kEstimatedSlower };
EstimatedVerdict compare_estimates(double score, double other_score, double tie_margin);
std::string_view to_string(EstimatedVerdict verdict);  // "ESTIMATED_FASTER", "TIE", "ESTIMATED_SLOWER"

}  // namespace warpwright::search
