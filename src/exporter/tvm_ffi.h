// A candidate as a FlashInfer-Bench solution with the tvm-ffi binding: its launch plan becomes host code.
//
//   kernel.cu           the entry: tensor checks and the plan, statement by statement
//   warpwright_host.h   what every exported plan shares: checked numbers, workspaces, launches
//   device_code.cuh     the candidate's device code
//
// Knobs are frozen; everything else of the plan stays dynamic, so one solution serves every workload. Where
// template arguments depend on the workload, those of the given workloads are instantiated and any other is
// an error at run time, as is a launch that no given workload reaches.
//
// Pure: no I/O (write_solution in solution.h writes).
#pragma once

#include <string>
#include <vector>

#include "src/exporter/solution.h"
#include "src/plan/plan.h"
#include "src/trace/definition.h"

namespace warpwright::exporter {

struct ExportRequest {
  trace::Definition definition;
  std::string source;                        // the candidate's .cu text
  std::string source_name = "candidate.cu";  // for messages and the header comment
  KnobValues knobs;                          // overrides of the defaults
  std::vector<plan::BindInputs> workloads;   // to be served; each must bind (their knobs are not read)
  std::string solution_name;
  std::string author;
  std::string description;  // may be empty
  std::string entry_symbol = "run";
};

// For each workload, the plan is also bound with every optional tensor absent: callers may leave them out.
// A plan that asks resident_blocks needs the workloads' DeviceFacts to answer; else one block per SM is
// assumed, and only the instantiations that follow from it are part of the solution.
//
// Usage error: the candidate's plan is wrong or does not bind for a workload (with the plan's diagnostics),
// or uses what cannot be exported yet (tensor maps).
Result<ExportedSolution> export_tvm_ffi(const ExportRequest& request);

}  // namespace warpwright::exporter
