// Where a launch spends its time, by source line, and what to do about it in words.
//
// The simulator's profile of single instructions (sim::InstructionProfile) is summed by source line: inlined
// functions and repeated launches of one kernel come together. Findings are what stands out, weighted by the
// part of the launch's estimated time that their resource takes; they are hints, not measurements.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evaluator/sim/simulator.h"
#include "src/estimate/estimate.h"

namespace warpwright::timing {

// One kernel's launches in one call. `instructions` may hold one instruction several times.
struct KernelProfile {
  std::string label;  // "gdn_decode<4, 2>"
  int launches = 0;
  std::vector<sim::InstructionProfile> instructions;
  std::vector<estimate::LaunchEstimate> estimates;  // of each launch
  std::vector<estimate::LaunchWork> work;
  int spill_bytes = 0;
};

struct LineProfile {
  std::string location;  // "line 42", "cuda_bf16.hpp:307", "PTX line 120" where the source is unknown
  std::string text;      // of the source, or the opcode
  int line = 0;          // in the candidate's file; 0: elsewhere
  std::vector<std::string> opcodes;  // those with most issue slots first, at most three
  double warp_executions = 0, lane_executions = 0, issue_slots = 0, wait_cycles = 0;
  // Global memory (32-byte sectors) and shared memory (wavefronts); executions of the instructions that
  // touched it.
  double sectors = 0, ideal_sectors = 0, global_executions = 0;
  double wavefronts = 0, ideal_wavefronts = 0, shared_executions = 0;
  bool reads_global = false, writes_global = false;
  double lanes_per_execution() const { return warp_executions > 0 ? lane_executions / warp_executions : 0; }
};

// By line, those with the largest share of anything first. `source_name` and `source` are the candidate's.
std::vector<LineProfile> profile_by_line(const std::vector<sim::InstructionProfile>& instructions,
                                         std::string_view source_name, std::string_view source);

struct ProfileFinding {
  double weight = 0;    // about what part of the kernel's estimated time stands behind it, 0 to 1
  std::string message;  // one sentence that says where, how much, and what to try
};
// The heaviest first, at most eight.
std::vector<ProfileFinding> find_hot_spots(const KernelProfile& kernel,
                                           const std::vector<LineProfile>& lines);

// {"label", "launches", "latency_us", totals, "lines": [...], "findings": [...]}; at most 24 lines.
Json profile_json(const KernelProfile& kernel, std::string_view source_name, std::string_view source);

}  // namespace warpwright::timing
