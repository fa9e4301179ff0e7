// What the score is taken over, and what each workload costs at least: the distribution of axes, the bands,
// and the roofline of a call.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/prompt/context.h"

namespace warpwright::prompt {

// Workloads of equal axes are one row.
struct WorkloadRow {
  trace::Axes axes;
  std::string axes_text;  // "batch_size=4", variable axes in the definition's order
  std::string band;
  double weight = 0;               // workloads of the dataset that it stands for
  std::vector<std::string> uuids;  // the key of each of its results (events::WorkloadSummary::uuid)
  double tensor_bytes = 0;         // all inputs read once and outputs written once; 0: unknown
  double least_bytes = 0;          // what the rules know must move (data decides the rest)
  double floor_us = 0;  // an empty first launch, plus the longest of moving and computing that; 0: unknown
};

// By band in the rules' order, then by size. `definition`: with the selection's constants.
std::vector<WorkloadRow> workload_rows(const PromptContext& context, const trace::Definition& definition);

// At most `limit` (2 or more) of the rows, in their order: the ends of each band first, then evenly.
std::vector<size_t> sample_rows(const std::vector<WorkloadRow>& rows, size_t limit);

// "batch_size: 1 (10 workloads), 4 (8), ..." or, of many values, "batch_size: 1 to 64, quartiles 4, 16, 48".
std::vector<std::string> axis_distributions(const std::vector<WorkloadRow>& rows,
                                            const trace::Definition& definition);

// A row's time in a result, the mean where it stands for several; nothing if one is not timed.
std::optional<double> latency_of(const WorkloadRow& row, const std::vector<events::WorkloadSummary>& results);

}  // namespace warpwright::prompt
