// A duel for people: the verdict first, then the ratio, then every workload.
#pragma once

#include <string>

#include "src/contract/evaluation.h"

namespace warpwright::report {

// `challenger` and `incumbent` are how the user calls them. REQUIRES: report.duel.
std::string render_duel(const EvaluationReport& report, const std::string& challenger,
                        const std::string& incumbent);

}  // namespace warpwright::report
