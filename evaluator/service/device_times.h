// Times of a device: taken, watched, and refused where they cannot be true.
#pragma once

#include "evaluator/service/evaluation.h"

namespace warpwright::service {

inline constexpr std::string_view kRepeatedInputsRule = "faster-on-repeated-inputs";

// Stage time on an executor that measures. Each workload: the request's profile; a strict run on changing
// inputs, addresses and outputs, all watched; in the contest's profile, whether inputs that change in place
// cost time; the physical floor.
StageResult time_on_device(Evaluation& evaluation, Resources& resources);

}  // namespace warpwright::service
