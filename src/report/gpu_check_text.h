// The documents of a GPU check: gpu-check.json, and gpu-check.md made of it alone, so that parts that ran in
// commands of their own end up in one document.
#pragma once

#include <string>
#include <vector>

#include "src/base/json.h"

namespace warpwright::report {

struct Table {
  std::string title;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

struct PartResult {
  enum class Outcome { kPassed, kFailed, kSkipped };
  Outcome outcome = Outcome::kPassed;
  std::string message;             // one line: why it failed or was skipped, or the result in short
  std::vector<std::string> notes;  // sentences
  std::vector<Table> tables;
  double seconds = 0;

  void fail(std::string why);  // keeps the first reason
};

Json to_json(const PartResult& result);
// Of an object {title, date, executor, device, versions, times, parts: {name: {title, order, ...}}}.
std::string to_markdown(const Json& document);
// "all 10 parts passed", "2 of 10 parts FAILED: seeds, bits"
std::string verdict_of(const Json& document);
bool has_failure(const Json& document);

}  // namespace warpwright::report
