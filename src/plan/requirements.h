// What the `require` statements of a plan ask of knob values. No more of the plan is evaluated than what
// stands before the last of them, and where that is the same for every workload it is evaluated once: a tuner
// asks for each of its draws.
#pragma once

#include <vector>

#include "src/plan/ast.h"
#include "src/plan/plan.h"

namespace warpwright::plan {

// True if no `require` fails for any of the workloads (their own knobs do not matter). As with
// violates_requirement(), knobs or plans that cannot be bound at all violate nothing: binding says what is
// wrong with them.
bool meets_requirements(const Plan& plan, const trace::Definition& definition,
                        const std::vector<BindInputs>& workloads, const KnobValues& knobs);

// Fills Block::requirements_end and Ast::requirements_vary of a checked plan.
void mark_requirements(Ast& ast, const trace::Definition& definition);

}  // namespace warpwright::plan
