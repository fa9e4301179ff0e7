// The prompts of one run: what all of them share is made once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/prompt/build_prompt.h"
#include "src/prompt/workload_profile.h"

namespace warpwright::prompt {

class RunPrompts {
 public:
  // As build_prompt. REQUIRES: of one run. Library and settings are always the same, and so is all of the
  // context that says what the task is: definition, rules, selection, workloads, device, target, executor.
  Result<BuiltPrompt> build(const PromptLibrary& library, const PromptSettings& settings,
                            const PromptContext& context);

 private:
  struct System {
    std::string text;
    std::vector<Section> sections;
  };
  std::optional<trace::Definition> definition_;  // with the selection's constants
  std::vector<WorkloadRow> rows_;
  std::map<std::string, System> systems_;  // by what may differ between the prompts of a run
};

}  // namespace warpwright::prompt
