// Evaluated traces of FlashInfer-Bench: one JSON line says how one solution did on one workload.
//   {"definition", "workload": {"uuid", "axes", ...}, "solution", "evaluation": {"status",
//    "environment": {"hardware"}, "performance": {"latency_ms"}, ...}}
// Only what a score needs is kept; other keys are passed over. Schema: flashinfer_bench/data/trace.py.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/contract/status.h"
#include "src/trace/definition.h"

namespace warpwright::trace {

struct EvaluationTrace {
  std::string definition;
  std::string solution;
  std::string uuid;  // of the workload
  Axes axes;
  Status status = Status::kPassed;  // one of FlashInfer-Bench's seven
  double latency_us = 0;            // positive if passed, else 0
  std::string hardware;             // as the evaluation's environment names it: "NVIDIA B200"
  std::string where;                // "file:line", for messages
};

// Lines without solution and evaluation only name a workload: they are passed over. Errors name path and
// line: malformed JSON, a missing key, a status outside the seven, a PASSED line without a positive latency.
Result<std::vector<EvaluationTrace>> parse_evaluation_traces(std::string_view jsonl, const std::string& path);

}  // namespace warpwright::trace
