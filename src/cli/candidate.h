// A candidate named on the command line: its file, its definition with workloads and rules, its parsed plan.
#pragma once

#include <string>

#include "src/cli/commands.h"
#include "src/plan/plan.h"
#include "src/rules/rules.h"

namespace warpwright::cli {

struct LoadedCandidate {
  std::string source;
  std::string source_name;  // as the user wrote it, for messages
  std::string definition_name;
  KnobValues knobs;  // those of --knob
  trace::LoadedDefinition loaded;
  rules::Rules rules;
};

// Everything but the plan. Errors are usage errors: missing file, unknown definition, malformed --knob.
Result<LoadedCandidate> load_candidate(const CandidateOptions& options);

// Whether the files are there that the selected workloads take inputs from. Usage error: one is not, or the
// selection does not exist.
Result<void> check_inputs(const LoadedCandidate& candidate, const std::string& selection);

// Asks the worker whether Python references can run here: versions, or an infrastructure error with what to
// do.
Result<std::string> python_reference_versions();

// "NAME=VALUE" texts; a name given twice is an error.
Result<KnobValues> parse_knobs(const std::vector<std::string>& texts);

// The plan, or the diagnostics as one text in a compiler's form.
struct ParsedCandidate {
  plan::CandidateSource split;
  plan::Plan plan;
};
tl::expected<ParsedCandidate, std::string> parse_candidate(const LoadedCandidate& candidate);

std::string render(const std::vector<plan::Diagnostic>& diagnostics, const LoadedCandidate& candidate);

}  // namespace warpwright::cli
