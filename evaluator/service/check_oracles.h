// warpwright doctor --check-oracles: every family oracle against the definitions' own Python references.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "evaluator/service/evaluator.h"

namespace warpwright::service {

struct OracleCheckOptions {
  std::string definition;        // empty: all that have an oracle and a reference
  std::optional<uint64_t> seed;  // of the inputs; drawn if not given
};

// The small workloads of the selections sim and adversarial: the reference's outputs are judged by the oracle
// with the strict rule, as a candidate's would be. One JSON line per workload on stdout: {"definition",
// "family", "axes", "profile", "status": "agrees" | "differs" | "cannot run", "message", "max_abs",
// "scaled_rms", "seconds"}, after a first {"python", "seed"}. Exit code: 0 all agree, 1 one differs, 2 wrong
// usage, 3 references cannot run here.
int check_oracles_main(const EvaluatorOptions& options, const OracleCheckOptions& check);

}  // namespace warpwright::service
