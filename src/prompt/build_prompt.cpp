#include "src/prompt/build_prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/check.h"
#include "src/prompt/run_prompts.h"
#include "src/prompt/sections.h"
#include "src/prompt/text.h"

namespace warpwright::prompt {
namespace {

struct SectionKind {
  SectionBudget budget;
  RenderSection render;
};

// In the order in which they are filled: when a total binds, the last ones give way.
const std::vector<SectionKind>& section_kinds() {
  static const std::vector<SectionKind> kKinds = {{{"plan_language", true, 7000}, plan_language_section},
                                                  {{"definition", true, 4000}, definition_section},
                                                  {{"interface", true, 2500}, interface_section},
                                                  {{"workloads", true, 1500}, workloads_section},
                                                  {{"device", true, 3500}, device_section},
                                                  {{"reference", true, 3000}, reference_section},
                                                  {{"knowledge", true, 12000}, knowledge_section},
                                                  {{"parent", false, 24000}, parent_section},
                                                  {{"second_parent", false, 16000}, second_parent_section},
                                                  {{"evidence", false, 2500}, evidence_section},
                                                  {{"parent_times", false, 1200}, parent_times_section},
                                                  {{"parent_profile", false, 2500}, parent_profile_section},
                                                  {{"emphasis", false, 150}, emphasis_section},
                                                  {{"hints", false, 1500}, hints_section},
                                                  {{"standing", false, 300}, standing_section},
                                                  {{"lessons", false, 1500}, lessons_section},
                                                  {{"history", false, 1000}, history_section},
                                                  {{"failures", false, 1500}, failures_section},
                                                  {{"top", false, 10000}, top_section},
                                                  {{"diverse", false, 6000}, diverse_section}};
  return kKinds;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// Fills the fields that a template uses, each within its own budget and what is left of the total.
Result<std::string> fill(const Template& form, bool is_system, int64_t total, const Frame& frame,
                         std::vector<Section>& sections) {
  std::map<std::string, std::string> values;
  for (const std::string& field : form.fields()) values[field] = "x";  // so that no heading vanishes
  const int64_t around = estimate_tokens(form.render(values));
  values.clear();
  int64_t left = total - around;
  for (const SectionKind& kind : section_kinds()) {
    const std::string name(kind.budget.name);
    if (kind.budget.is_system != is_system || !form.uses(name)) continue;
    const auto own = frame.settings.section_tokens.find(name);
    const int64_t budget = own == frame.settings.section_tokens.end() ? kind.budget.tokens : own->second;
    if (frame.is_left_out(name)) {
      sections.push_back({name, is_system, 0, 0, "left out on trial"});
      values[name];
      continue;
    }
    TRY_ASSIGN(SectionText section, kind.render(frame, std::max<int64_t>(0, std::min(budget, left))));
    const int64_t tokens = estimate_tokens(section.text);
    left -= tokens;
    sections.push_back({name, is_system, tokens, section.cut_tokens, std::move(section.cut)});
    values[name] = std::move(section.text);
  }
  sections.push_back({"template", is_system, around, 0, ""});
  return form.render(values);
}

bool is_vital(std::string_view section) {
  for (const char* name : {"plan_language", "definition", "interface", "parent", "second_parent", "evidence"})
    if (section == name) return true;
  return false;
}

// What the system prompt depends on beside the task: sections on trial, and the tie margin, which a fork may
// change.
std::string system_kind(const PromptContext& context) {
  std::string kind;
  for (const std::string& section : context.left_out) kind += section + "\n";
  if (context.view != nullptr && context.view->started)
    kind += fmt::format("{:a}", context.view->started->search.tie_margin);
  return kind;
}

constexpr size_t kMaxSystems = 16;

}  // namespace

bool Frame::is_left_out(std::string_view section) const {
  return std::find(context.left_out.begin(), context.left_out.end(), section) != context.left_out.end();
}

bool Frame::shows(std::string_view section) const {
  return form.uses(section) && !is_left_out(section);
}

Result<void> check_trial_sections(const std::vector<std::string>& sections) {
  std::vector<std::string> possible;
  for (const SectionKind& kind : section_kinds())
    if (!is_vital(kind.budget.name)) possible.emplace_back(kind.budget.name);
  std::set<std::string> seen;
  for (const std::string& section : sections) {
    if (!seen.insert(section).second)
      return usage_error(fmt::format("search.trial_sections names '{}' twice", section));
    if (is_vital(section))
      return usage_error(
          fmt::format("search.trial_sections: no operator does without the section '{}'; on trial may be {}",
                      section, join(possible, ", ")));
    if (std::find(possible.begin(), possible.end(), section) == possible.end())
      return usage_error(
          fmt::format("search.trial_sections: a prompt has no section '{}'; on trial may be {}", section,
                      join(possible, ", ")));
  }
  return {};
}

Result<void> check_trial_sections_used(const std::vector<std::string>& sections,
                                       const PromptLibrary& library) {
  for (const std::string& section : sections) {
    bool is_used = library.system().uses(section);
    for (const std::string& op : library.operators())
      is_used = is_used || library.find_operator(op)->uses(section);
    if (!is_used)
      return usage_error(
          fmt::format("search.trial_sections: no template of this agent uses the section '{}'", section));
  }
  return {};
}

const std::vector<SectionBudget>& default_section_tokens() {
  static const std::vector<SectionBudget> kBudgets = [] {
    std::vector<SectionBudget> budgets;
    for (const SectionKind& kind : section_kinds()) budgets.push_back(kind.budget);
    return budgets;
  }();
  return kBudgets;
}

int64_t BuiltPrompt::tokens() const {
  return estimate_tokens(system) + estimate_tokens(user);
}

std::vector<std::string> tags_of(const PromptSettings& settings, const PromptContext& context) {
  const trace::Definition& definition = *context.definition;
  std::set<std::string> tags = {"always", "general", lower(definition.name), lower(definition.op_type)};
  for (const std::string& tag : definition.tags) tags.insert(lower(tag));
  for (const auto* tensors : {&definition.inputs, &definition.outputs})
    for (const trace::Tensor& tensor : *tensors) {
      const std::string dtype(trace::to_string(tensor.dtype));
      tags.insert(dtype);
      if (dtype.starts_with("bfloat")) tags.insert("bf16");
      if (dtype.starts_with("float")) tags.insert("fp" + dtype.substr(5, dtype.find('_') - 5));
    }
  const int arch = context.device->arch;
  tags.insert({lower(context.device->name), fmt::format("sm_{}", arch), lower(context.target),
               lower(context.executor)});
  if (arch >= 90) tags.insert("sm_90+");
  if (arch / 10 == 9) tags.insert("hopper");
  if (arch / 10 == 10) tags.insert("blackwell");
  if (!context.rules->oracle.empty()) tags.insert(lower(context.rules->oracle));
  for (const std::string& tag : settings.knowledge_tags) tags.insert(lower(tag));
  return {tags.begin(), tags.end()};
}

Result<BuiltPrompt> build_prompt(const PromptLibrary& library, const PromptSettings& settings,
                                 const PromptContext& context) {
  return RunPrompts().build(library, settings, context);
}

Result<BuiltPrompt> RunPrompts::build(const PromptLibrary& library, const PromptSettings& settings,
                                      const PromptContext& context) {
  CHECK(context.definition != nullptr && context.rules != nullptr && context.device != nullptr);
  const Template* form = library.find_operator(context.op);
  if (form == nullptr)
    return usage_error(fmt::format("operator '{}' has no template; there are: {}", context.op,
                                   join(library.operators(), ", ")));
  if (!definition_) {
    TRY_ASSIGN(definition_, context.rules->definition_for(context.selection, *context.definition));
    rows_ = workload_rows(context, *definition_);
  }
  const Frame frame{library, settings, context, *definition_, *form, rows_};
  std::string kind = system_kind(context);
  auto system = systems_.find(kind);
  if (system == systems_.end()) {
    System made;
    TRY_ASSIGN(made.text, fill(library.system(), true, settings.system_tokens, frame, made.sections));
    if (systems_.size() >= kMaxSystems) systems_.clear();
    system = systems_.emplace(std::move(kind), std::move(made)).first;
  }
  BuiltPrompt prompt{system->second.text, {}, system->second.sections};
  TRY_ASSIGN(prompt.user, fill(*form, false, settings.user_tokens, frame, prompt.sections));
  return prompt;
}

}  // namespace warpwright::prompt
