// The definition's own Python `reference` as an oracle: for definitions outside the families.
#pragma once

#include <string>

#include "evaluator/reference/oracle.h"

namespace warpwright::reference {

// Family "python". Runs on the CPU, in one helper process per worker (python_process.h), one reference at a
// time. Errors: no Python or no PyTorch, with what to do; a reference that raises (its line and message),
// returns other outputs than the definition has, or takes more than 300 s, the contest's limit.
const Oracle& python_oracle();

// "Python 3.11.2, PyTorch 2.9.0 (landlock,seccomp)". Error: references cannot run here, with what to do.
Result<std::string> python_versions();

}  // namespace warpwright::reference
