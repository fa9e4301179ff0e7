// The screen for workloads that prove nothing: if an answer that takes no work passes the strict rule, the
// workload is invalid, whatever a candidate does (Lange et al., robust-kbench, arXiv 2509.14279).
#pragma once

#include <optional>
#include <string>

#include "evaluator/reference/oracle.h"
#include "src/rules/rules.h"

namespace warpwright::validate {

// Tries zeros, the mean, a copy of each input with as many elements, and the outputs of `previous` (another
// workload or seed with the same shapes; may be null) against every output. The first that passes is
// described: "zeros pass as output". REQUIRES: strict tolerances for every output.
std::optional<std::string> find_trivial_answer(const trace::Definition& definition, const trace::Axes& axes,
                                               const reference::ReferenceCase& reference,
                                               const rules::Rules& rules,
                                               const reference::OracleOutputs* previous);

}  // namespace warpwright::validate
