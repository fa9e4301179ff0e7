// Reports of estimated evaluations that several runs share: a folder of files, one for each result key. A
// study's runs meet the same programs again and again, and an estimate is the same every time, so it is made
// once; for the run it is an evaluation as any other, and costs its budget one.
//
// The key says all that an estimate depends on (EvaluationReport::result_key), so a report never goes stale.
// Never kept: measured times, which are samples, and verdicts that a machine's load can decide.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "src/contract/evaluation.h"

namespace warpwright::engine {

class ReportMemory {
 public:
  explicit ReportMemory(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // None: not known, or the file cannot be read (it is then evaluated, and written again).
  std::optional<EvaluationReport> find(const std::string& result_key, bool profiled) const;
  // Keeps it if it may be. What cannot be written is evaluated again another time.
  void keep(const std::string& result_key, bool profiled, const EvaluationReport& report) const;

 private:
  std::filesystem::path file_of(const std::string& result_key, bool profiled) const;
  std::filesystem::path folder_;
};

}  // namespace warpwright::engine
