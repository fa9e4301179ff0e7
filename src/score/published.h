// Latencies that others published, per workload of a definition: configs/published/<definition>.jsonl.
// First line: {"definition", "hardware", "note", "records": {NAME: {"solution", "measured", "source",
// "mean_us"?}}}; then one line per workload: {"uuid", "axes", "latency_us": {NAME: number}}. A record has
// every workload, or only `mean_us`, where no more than the mean over all workloads is public.
//
// As a source of traces they are called "published:NAME".
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/trace/evaluation_trace.h"

namespace warpwright::score {

inline constexpr std::string_view kPublishedPrefix = "published:";

struct PublishedRecord {
  std::string definition;
  std::string name;      // "published:flashinfer"
  std::string solution;  // what was measured
  std::string measured;  // how and where
  std::string source;    // who published it
  std::string hardware, note;
  double mean_us = 0;                          // over all workloads
  std::vector<trace::EvaluationTrace> traces;  // solution is `name`; empty: only the mean is public
};

// Of one definition. No file: no records. Error: a malformed file, with its line.
Result<std::vector<PublishedRecord>> load_published(const std::filesystem::path& home,
                                                    const std::string& definition);
Result<std::vector<PublishedRecord>> parse_published(std::string_view jsonl, const std::string& path);

// Definitions with a file, sorted.
std::vector<std::string> published_definitions(const std::filesystem::path& home);

}  // namespace warpwright::score
