// A run in tables: what is best, how it compares with the plain seed on every workload, what failed and why.
// Pure: a view in, text or JSON out. Times that are estimates are labelled so wherever they stand.
#pragma once

#include <string>

#include "src/events/run_view.h"

namespace warpwright::report {

struct RunReportOptions {
  std::string run_directory;           // as the user would type it
  std::string program = "warpwright";  // how the commands below are called
  size_t max_failures = 8;             // distinct messages listed
  size_t max_candidates = 10;          // of the ranking
};

std::string render_text(const events::RunView& view, const RunReportOptions& options);
Json to_json(const events::RunView& view, const RunReportOptions& options);

// Latency of a candidate against the baseline's on one distinct workload.
struct WorkloadComparison {
  std::string label;  // the variable axes, "batch_size=8"
  std::string band;
  double weight = 1;
  double baseline_us = 0, latency_us = 0;
  double ratio() const { return baseline_us / latency_us; }
};
// In the baseline's order; empty if there is no baseline or the records are unlike.
std::vector<WorkloadComparison> compare_with_baseline(const events::RunView& view,
                                                      const events::Candidate& candidate);
std::vector<WorkloadComparison> compare_with_baseline(const events::RunView& view,
                                                      const events::ResultSummary& result);
double arithmetic_mean(const std::vector<WorkloadComparison>& rows);  // weighted, of the ratios
double geometric_mean(const std::vector<WorkloadComparison>& rows);

}  // namespace warpwright::report
