// The device side of an exported solution: the candidate's units, each in a namespace of its own, after the
// constants the prelude gave them.
#pragma once

#include <string>
#include <string_view>

#include "src/contract/evaluation.h"
#include "src/plan/plan.h"
#include "src/trace/definition.h"

namespace warpwright::exporter {

inline constexpr std::string_view kDeviceSourcePath = "device_code.cuh";

std::string device_source(const plan::CandidateSource& candidate, const trace::Definition& definition,
                          const std::vector<plan::Knob>& knobs, const KnobValues& values);

}  // namespace warpwright::exporter
