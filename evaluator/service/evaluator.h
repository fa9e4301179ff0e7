// One evaluation from request to report: the stages plan, compile, smoke, validate, time, each of which can
// end it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "evaluator/exec/executor.h"
#include "src/base/result.h"
#include "src/contract/messages.h"

namespace warpwright::service {

inline constexpr const char* kEvaluatorVersion =
    "3";  // part of every result key: raise it when verdicts may change

inline constexpr size_t kMaxMessageBytes = 2000;  // of a report's message, and of each of its warnings
inline constexpr size_t kMaxWarnings = 32;

struct EvaluatorOptions {
  std::filesystem::path home;                   // configs/, seeds/
  std::vector<std::filesystem::path> datasets;  // before $FIB_DATASET_PATH and configs/trace
  std::function<Result<std::unique_ptr<exec::Executor>>(std::string_view kind)> open_executor =
      exec::open_executor;
};

struct EvaluationHooks {
  std::function<void(Stage)> on_stage = [](Stage) {};
  std::function<bool()> cancelled = [] { return false; };
};

class Evaluator {
 public:
  // Error: a dataset folder is missing, or there is no NVRTC.
  static Result<std::unique_ptr<Evaluator>> create(const EvaluatorOptions& options);
  virtual ~Evaluator() = default;

  virtual HelloMessage hello() const = 0;
  // Never fails: what goes wrong is in the report; the machine's failures are WORKER_LOST with their message.
  virtual EvaluationReport evaluate(const EvaluationRequest& request, const EvaluationHooks& hooks) = 0;
};

}  // namespace warpwright::service
