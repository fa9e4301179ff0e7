// From a context to the prompt that a model gets. Pure: the same library, settings and context give the same
// bytes.
//
// `system` is what stays the same for every prompt of a run, whatever the operator, so that providers serve
// it from their cache: the game, the plan language, the operator, the device, the workloads, knowledge, the
// forms of a reply. `user` is the rest. Whatever a compiler, an evaluator or a model wrote stands in fences
// that it cannot close.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/prompt/context.h"
#include "src/prompt/library.h"

namespace warpwright::prompt {

// Tokens as estimate_tokens counts them. Sections are filled in the order of default_section_tokens, so when
// a total binds, the last ones of the list give way.
struct PromptSettings {
  int64_t system_tokens = 32'000;
  int64_t user_tokens = 40'000;
  std::map<std::string, int64_t> section_tokens;  // by section, in place of its default
  std::vector<std::string> knowledge_tags;        // besides those of the definition and the device
  int64_t shown_workloads = 12;                   // rows of a table
};

struct SectionBudget {
  std::string_view name;  // as the templates' fields
  bool is_system = false;
  int64_t tokens = 0;
};
const std::vector<SectionBudget>& default_section_tokens();

struct Section {
  std::string name;
  bool is_system = false;
  int64_t tokens = 0;      // in the prompt
  int64_t cut_tokens = 0;  // left out
  std::string cut;         // what, one line; empty: nothing
};

struct BuiltPrompt {
  std::string system, user;
  std::vector<Section> sections;  // those that the templates use, and "template" for the texts around them
  int64_t tokens() const;
};

// Errors (usage) are this prompt's, not the run's: the operator has no template, what it cannot do without is
// missing from the context, or a parent's source is larger than its budget (a part of it is never shown).
Result<BuiltPrompt> build_prompt(const PromptLibrary& library, const PromptSettings& settings,
                                 const PromptContext& context);

// May prompts lack these, on trial? Error (usage): a name that is no section, twice, or one that no operator
// does without (what it is about, what it starts from, how a candidate is written).
Result<void> check_trial_sections(const std::vector<std::string>& sections);
// Error (usage): no template of the library uses one of them, so that leaving it out changes nothing.
Result<void> check_trial_sections_used(const std::vector<std::string>& sections,
                                       const PromptLibrary& library);

// What notes are selected by: "always", words of the definition (its name, op_type, tags, data types), of the
// device
// ("blackwell", "sm_100", "b200"), and the settings' own.
std::vector<std::string> tags_of(const PromptSettings& settings, const PromptContext& context);

}  // namespace warpwright::prompt
