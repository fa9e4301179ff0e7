// Measured times of kernels, as users record them. One record is
//   {"definition": NAME, "source": FILE, "axes": {AXIS: N, ...}, "device": "b200", "latency_us": T,
//    "method": "cupti"}
// with, optionally, "knobs": {NAME: VALUE} and "launches": [...], the launches' counters as `warpwright
// evaluate --json` prints them; without those the source is run on the simulator. FILE is relative to the
// record's file.
//
// A file holds one record a line (.jsonl), an array of them (.json), or a table (.csv) with a header line of
// the same names, axes and knobs written "batch_size=64;x=3".
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/contract/evaluation.h"
#include "src/estimate/launch_work.h"

namespace warpwright::estimate {

struct Measurement {
  std::string at;  // "times.jsonl:12", for messages
  std::string definition, device, method;
  std::filesystem::path source;  // empty only if there are launches
  KnobValues knobs;
  std::map<std::string, int64_t> axes;
  double latency_us = 0;
  std::vector<LaunchWork> launches;  // empty: not recorded
};

// Error: one line per malformed record, at most ten, each with file and line (of a .json: the record's
// number).
Result<std::vector<Measurement>> read_measurements(const std::filesystem::path& path);
// The same of a text; `path` decides the form and what sources are relative to.
Result<std::vector<Measurement>> parse_measurements(std::string_view text, const std::filesystem::path& path);

}  // namespace warpwright::estimate
