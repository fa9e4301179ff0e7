// The sections of a prompt, each rendered into a number of tokens. Internal to build_prompt.
#pragma once

#include <string>
#include <vector>

#include "src/prompt/build_prompt.h"
#include "src/prompt/workload_profile.h"

namespace warpwright::prompt {

// What all sections of one prompt share.
struct Frame {
  const PromptLibrary& library;
  const PromptSettings& settings;
  const PromptContext& context;
  const trace::Definition& definition;  // with the selection's constants
  const Template& form;                 // the operator's: which sections the prompt has
  const std::vector<WorkloadRow>& rows;

  bool is_left_out(std::string_view section) const;  // on trial
  bool shows(std::string_view section) const;        // of the operator's template
};

struct SectionText {
  std::string text;  // markdown with its heading; empty: there is nothing to show
  int64_t cut_tokens = 0;
  std::string cut;  // what, one line
};
using RenderSection = Result<SectionText> (*)(const Frame& frame, int64_t tokens);

// Of the system prompt.
Result<SectionText> plan_language_section(const Frame& frame, int64_t tokens);
Result<SectionText> definition_section(const Frame& frame, int64_t tokens);
Result<SectionText> interface_section(const Frame& frame, int64_t tokens);
Result<SectionText> reference_section(const Frame& frame, int64_t tokens);
Result<SectionText> device_section(const Frame& frame, int64_t tokens);
Result<SectionText> workloads_section(const Frame& frame, int64_t tokens);
Result<SectionText> knowledge_section(const Frame& frame, int64_t tokens);

// Of the user prompt. An error: the operator cannot do without what is missing or too large.
Result<SectionText> parent_section(const Frame& frame, int64_t tokens);
Result<SectionText> second_parent_section(const Frame& frame, int64_t tokens);
Result<SectionText> evidence_section(const Frame& frame, int64_t tokens);
Result<SectionText> parent_times_section(const Frame& frame, int64_t tokens);
Result<SectionText> parent_profile_section(const Frame& frame, int64_t tokens);
Result<SectionText> emphasis_section(const Frame& frame, int64_t tokens);
Result<SectionText> hints_section(const Frame& frame, int64_t tokens);
Result<SectionText> standing_section(const Frame& frame, int64_t tokens);
Result<SectionText> history_section(const Frame& frame, int64_t tokens);
Result<SectionText> lessons_section(const Frame& frame, int64_t tokens);
Result<SectionText> failures_section(const Frame& frame, int64_t tokens);
Result<SectionText> top_section(const Frame& frame, int64_t tokens);
Result<SectionText> diverse_section(const Frame& frame, int64_t tokens);

// Shared by them.
// How many of a note's tags are among `tags`; 0 if one of its needs is not among `all`.
size_t matches(const Note& note, const std::vector<std::string>& tags, const std::vector<std::string>& all);
std::string knobs_text(const KnobValues& knobs);            // "`SPLITS=8, WARPS=4`" or "none"
std::string outcome_text(const ShownCandidate& candidate);  // "score 2.310", "COMPILE_ERROR at stage compile"
std::string kernels_text(
    const events::ResultSummary& result);  // "`gdn` 39 registers, ..."; empty: never compiled
SectionText cut_to(std::string text, int64_t tokens,
                   std::string_view what);  // whole lines from the beginning

}  // namespace warpwright::prompt
