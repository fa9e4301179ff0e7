#include <fmt/format.h>

#include "evaluator/service/evaluation.h"
#include "src/base/check.h"

namespace warpwright::service {

StageResult confirmed(Evaluation& evaluation, const std::function<StageResult()>& check) {
  TRY_ASSIGN(auto first, check());
  if (!first || !first->needs_confirmation) return first;
  // A kernel that fails now and then is refused too: it has to pass as often as this.
  constexpr int kPassesThatAcquit = 2;
  for (int pass = 0; pass < kPassesThatAcquit; ++pass) {
    TRY(evaluation.executor->renew());
    TRY_ASSIGN(auto again, check());
    if (!again) continue;
    again->evidence.push_back(
        fmt::format("seen {} times, each in a fresh process: {}", pass + 2, first->message));
    return again;
  }
  evaluation.report.warnings.push_back(fmt::format(
      "failed once and then passed {} times in fresh processes, so the device or its driver is to "
      "blame: {}",
      kPassesThatAcquit, first->message));
  return kGoOn;
}

}  // namespace warpwright::service
