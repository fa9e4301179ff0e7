// One evaluation report for people: the verdict first, then why, then times, kernels, warnings, cost.
#pragma once

#include <string>

#include "src/contract/evaluation.h"

namespace warpwright::report {

// `candidate` is how the user calls it. Estimated times are labelled so.
std::string render_evaluation(const EvaluationReport& report, const std::string& candidate);

}  // namespace warpwright::report
