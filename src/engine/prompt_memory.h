// What prompts of one run share, so that the next one costs only what is new. Holds nothing that the run's
// state and blobs do not say.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "src/contract/evaluation.h"
#include "src/prompt/lesson_memory.h"
#include "src/prompt/run_prompts.h"

namespace warpwright::engine {

struct PromptMemory {
  prompt::LessonMemory lessons;
  prompt::RunPrompts prompts;
  // The last reports shown, by hash: the same few parents and failures are shown again and again.
  static constexpr size_t kMaxReports = 64;
  std::map<std::string, EvaluationReport> reports;
  std::deque<std::string> report_order;  // oldest first
};

}  // namespace warpwright::engine
