// What a prompt may show. Filled by the engine from the run, its blobs and the rules; plain data, and nothing
// in it owns what its pointers point to: they must outlive the call of build_prompt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/contract/evaluation.h"
#include "src/events/lesson.h"
#include "src/events/run_view.h"
#include "src/rules/device.h"
#include "src/rules/rules.h"
#include "src/trace/definition.h"

namespace warpwright::prompt {

struct ShownCandidate {
  events::CandidateId id = 0;
  std::string source;  // what a model edits: shown whole or not at all
  KnobValues knobs;    // it was evaluated with
  Status status = Status::kPassed;
  double score = 0;                               // 0 unless passed
  const events::ResultSummary* result = nullptr;  // null: unknown
  std::optional<EvaluationReport> report;  // with evidence, counters, profile; needed of parent and failures
  std::string note;                        // the idea that made it, one line
};

struct PromptContext {
  // Counts the requests of this operator (ModelRequested): whose turn it is in prompts/emphasis.md.
  int64_t request_index = 0;
  std::string
      op;  // scratch | rewrite | diff | crossover | repair | plan | research, or an agent's own template

  // The task; definition, rules, device never null.
  const trace::Definition* definition = nullptr;  // as the dataset has it
  const rules::Rules* rules = nullptr;
  std::string
      selection;  // of the run, settled; its constants replace the definition's. Empty: the definition's own
  std::vector<rules::SelectedWorkload> workloads;  // of that selection: what the score is taken over
  const rules::DeviceModel* device = nullptr;
  std::string target, executor;  // "sm_100a", "sim"

  const events::RunView* view = nullptr;                // null: no run yet (nothing of it is shown)
  std::optional<ShownCandidate> parent, second_parent;  // of repair: the failed candidate is the parent
  std::vector<ShownCandidate> top, diverse;             // passed ones, best first; other than the parents
  std::vector<ShownCandidate> failures;                 // latest first
  std::vector<events::Lesson> lessons;                  // best first
  std::vector<std::string> left_out;                    // sections that this prompt does without, on trial
};

}  // namespace warpwright::prompt
