// How a mutant is run and judged.
#pragma once

#include <string>

#include "evaluator/compile/compiler.h"
#include "tests/golden_kernels/mutation.h"
#include "tests/golden_kernels/workload.h"

namespace warpwright::golden {

// Of this program, which is its own compiler's child.
compile::Compiler own_compiler();

// Prints the mutant's row and fails the test if neither `rule` (empty: nothing was reported) says what is
// wrong with it nor equivalent_mutants.txt that nothing is. `name`: the file of the row, or its kernel
// without ".cu".
void judge(const std::string& name, const Mutant& mutant, const std::string& rule);

// The first finding, blocks and warps in either order; without one "wrong result" if it is wrong in any.
std::string finding_of(const sim::Program& program, const Workload& workload);

}  // namespace warpwright::golden
