#include "src/rules/workload_binding.h"

namespace warpwright::rules {

std::map<std::string, double> scalar_values(const trace::Definition& definition,
                                            const trace::Workload& workload, const Rules& rules) {
  std::map<std::string, double> values;
  for (const trace::Tensor& input : definition.inputs) {
    if (!input.is_scalar) continue;
    auto given = workload.inputs.find(input.name);
    auto fallback = rules.scalar_defaults.find(input.name);
    if (given != workload.inputs.end() && given->second.kind == trace::WorkloadInput::Kind::kScalar)
      values[input.name] = given->second.scalar_is_null ? 0 : given->second.scalar;
    else
      values[input.name] = fallback == rules.scalar_defaults.end() ? 0 : fallback->second;
  }
  return values;
}

plan::BindInputs bind_inputs(const trace::Definition& definition, const trace::Workload& workload,
                             const Rules& rules, const KnobValues& knobs, const plan::DeviceFacts& device) {
  plan::BindInputs inputs;
  inputs.axes = workload.axes;
  inputs.scalars = scalar_values(definition, workload, rules);
  inputs.knobs = knobs;
  inputs.device = device;
  for (const trace::Tensor& input : definition.inputs) {
    if (!input.optional || input.is_scalar) continue;
    inputs.present[input.name] = workload.inputs.contains(input.name);
  }
  return inputs;
}

}  // namespace warpwright::rules
