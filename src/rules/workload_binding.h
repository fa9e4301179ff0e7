// From a workload to what a launch plan is bound with: axes, scalar values, which optional tensors are there.
#pragma once

#include <map>
#include <string>

#include "src/plan/plan.h"
#include "src/rules/rules.h"
#include "src/trace/workload.h"

namespace warpwright::rules {

// Values of the scalar inputs: the workload's own, else the rules' default (0 if neither says one: a
// definition gives `null` and 0 their meaning, e.g. scale = 1 / sqrt(head_size)).
std::map<std::string, double> scalar_values(const trace::Definition& definition,
                                            const trace::Workload& workload, const Rules& rules);

plan::BindInputs bind_inputs(const trace::Definition& definition, const trace::Workload& workload,
                             const Rules& rules, const KnobValues& knobs, const plan::DeviceFacts& device);

}  // namespace warpwright::rules
