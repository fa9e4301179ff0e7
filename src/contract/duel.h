// A duel: the request's source (the challenger) against another one (the incumbent), and what came out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/base/json.h"
#include "src/contract/status.h"

namespace warpwright {

// Knob values by name. Numbers and booleans of the plan language; booleans are 0 or 1, floats are kept as
// text.
using KnobValues = std::map<std::string, std::string>;

// The incumbent. It is held to the checks of the smoke stage before it is timed.
struct Rival {
  std::string source;
  std::string source_name = "incumbent.cu";  // for messages only
  KnobValues knobs;
  double tie_margin = 0.15;  // of estimates: within this distance, relative to the better, they tie
};

// Ratios are challenger / incumbent: below 1 the challenger is faster. `low` and `high` bound the ratio.
struct DuelWorkload {
  std::vector<std::string> uuids;
  std::map<std::string, int64_t> axes;
  double weight = 1;    // how many workloads of the dataset it stands for
  std::string verdict;  // as DuelReport::verdict
  double ratio = 1, low = 1, high = 1;
  int pairs = 0;
  double challenger_us = 0, incumbent_us = 0;  // medians of the duel's samples
};

struct DuelReport {
  // Measured: FASTER | SAME | SLOWER | UNCLEAR. Estimated: ESTIMATED_FASTER | TIE | ESTIMATED_SLOWER.
  // Empty: there was no duel, since the incumbent failed its checks; `message` says how.
  std::string verdict;
  double ratio = 1, low = 1, high = 1;  // of the whole, weighted as scores are; an estimate has no interval
  double noise_floor = 0;               // relative; ratios closer to 1 are the SAME
  int pairs = 0;                        // of all workloads
  std::string method;                   // cupti | events | sim-estimate
  std::vector<DuelWorkload> workloads;
  std::string message;                        // one line: what decided it
  Status incumbent_status = Status::kPassed;  // of its checks
  std::string incumbent_rule;                 // of a REJECTED one
  std::vector<std::string> incumbent_evidence;
  std::string incumbent_identity;  // program identity; empty if it did not compile
};

Json to_json(const Rival& rival);
Json to_json(const DuelReport& duel);
Result<Rival> rival_from_json(const Json& json);
Result<DuelReport> duel_report_from_json(const Json& json);

}  // namespace warpwright
